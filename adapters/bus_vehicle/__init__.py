"""Buses that say where they are."""
