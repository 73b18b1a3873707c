"""Refusals of identity, a file a subject."""
