"""A rail worked by hand: an operator enters what arrived, a treasurer pays out at the bank and then approves here."""

from collections.abc import Callable
from dataclasses import dataclass

from cambista.funding.errors import DestinationInvalid
from cambista.funding.types import Rail


@dataclass(frozen=True, slots=True)
class ManualRail:
    """`read` gives the account in the rail's own writing, or None when it cannot be one."""

    facts: Rail
    read: Callable[[str], str | None]

    def read_account(self, text: str) -> str:
        account = self.read(text)
        if account is None:
            raise DestinationInvalid(rail=self.facts.name)
        return account
