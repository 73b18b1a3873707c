"""The channels against servers that behave and misbehave."""
