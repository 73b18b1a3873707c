"""What the world sees of the house: the API, and the operators' console beside it."""

from fastapi import FastAPI

from cambista.app.build import House


def create_faces(house: House) -> FastAPI:
    """The ASGI application of the house."""
    raise NotImplementedError
