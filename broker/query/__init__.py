"""NGSI-LD's query language (ETSI GS CIM 009, 4.9, 4.10, 4.19): from a stranger's text to conditions with parameters."""
