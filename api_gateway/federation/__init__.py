"""Distributed operations: a request is asked of the context sources it concerns too (ETSI GS CIM 009, 4.3.3, 4.3.6)."""
