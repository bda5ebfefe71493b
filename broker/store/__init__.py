"""The store: entities, history, accounting, and their migrations, in PostgreSQL."""
