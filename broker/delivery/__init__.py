"""Outgoing deliveries: who wants what, a queue for each, at least once with a stable id. Channels are elsewhere."""
