"""The NGSIv2 face of the broker, for the neighbours' installed base: one store, one meaning (docs/ngsi-v2.md)."""
