"""Nouns of identity, a file a subject."""
