"""Hands out the verifier that runs without the house."""

from importlib import resources


def verifier_script() -> str:
    """The text of `cambista_verify.py`: one file, the standard library alone."""
    return (resources.files("cambista.audit") / "verifier" / "cambista_verify.py").read_text("utf-8")
