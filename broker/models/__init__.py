"""Strict mode: entities of a type are checked against its published model (JSON Schema) before they are taken."""
