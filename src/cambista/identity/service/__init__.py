"""Identity's use cases, and the memory of keys they stand on."""

from cambista.identity.service.use_cases import Identity

__all__ = ["Identity"]
