"""Refusals of the audit, a file a subject."""
