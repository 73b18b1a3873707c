"""Decisions of notifications, a file a subject: pure."""
