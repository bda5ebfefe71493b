"""Cities beside each other on one platform: what one lets another read, and carrying one away whole."""
