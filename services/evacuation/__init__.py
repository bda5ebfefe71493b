"""Evacuation by district: what the rivers suggest, what the mayor's officers issue, and the record of the night."""
