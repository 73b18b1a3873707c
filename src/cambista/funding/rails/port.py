"""What the house asks of a rail."""

from typing import Protocol

from cambista.funding.types import Rail


class RailPort(Protocol):
    """A rail: its facts, and how an account on it is written."""

    @property
    def facts(self) -> Rail: ...

    def read_account(self, text: str) -> str:
        """The account as the rail writes it; refuses what cannot be one (`destination_invalid`)."""
        ...
