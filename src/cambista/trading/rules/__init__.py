"""Decisions of trading, a file a subject: pure."""
