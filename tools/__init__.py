"""What checks the house itself; no part of the package."""
