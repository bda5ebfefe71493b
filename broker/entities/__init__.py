"""What an update means: pure functions from an entity and an update to its next state and its change."""
