"""Charging stations for electric vehicles: the central system of OCPP 1.6J and 2.0.1."""
