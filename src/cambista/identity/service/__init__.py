"""Identity's use cases, and the memory of keys they stand on."""

from cambista.identity.service.people import People
from cambista.identity.service.principals import Identity

__all__ = ["Identity", "People"]
