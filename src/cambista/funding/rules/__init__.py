"""Decisions of funding. Pure."""
