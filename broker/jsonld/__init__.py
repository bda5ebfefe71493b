"""The JSON-LD @context: names in a request become names in the store, and back (ETSI GS CIM 009, 4.4, 5.5.7)."""
