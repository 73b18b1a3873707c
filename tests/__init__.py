"""Cambista's tests."""
