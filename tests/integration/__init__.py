"""A room and a real PostgreSQL, never a mock of either."""
