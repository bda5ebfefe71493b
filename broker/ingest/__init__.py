"""The way in: from a device's message to a durable record, and from records to the store."""
