"""Nouns of the audit, a file a subject."""
