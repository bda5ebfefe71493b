"""The context broker over the event log: ingest, entities, history. Ports, a pure core, and drivers."""
