"""Measurements, each against real parts. `make bench` runs them all and writes bench/out/; nothing here is a test."""
