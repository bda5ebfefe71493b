"""The services' own routes and everything else that is not NGSI-LD."""
