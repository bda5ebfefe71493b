"""Rain gauges (雨量計)."""
