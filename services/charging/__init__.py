"""Charging stations: sessions, stations as entities, the city's load, and power in a disaster."""
