"""Devices' answers to commands."""
