"""Decisions of identity, a file a subject: pure."""
