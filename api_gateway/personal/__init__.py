"""Personal data at the door: what the routes of residents, guardians and staff share."""
