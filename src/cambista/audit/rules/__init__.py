"""Decisions of the audit, a file a subject: pure."""
