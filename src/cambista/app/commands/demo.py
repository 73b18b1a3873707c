"""`cambista demo`."""


def demo() -> None:
    """The house live in seconds."""
