"""Presence: where the wearer of a watch tag is, for their family alone."""
