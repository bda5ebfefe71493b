"""The composition root: settings, command line, telemetry, and how one machine runs the whole city."""
