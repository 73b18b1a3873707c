"""What the house asks of a rail."""

from typing import Protocol

from cambista.funding.types import Payment, Rail
from cambista.runtime.sagas import Outcome


class RailPort(Protocol):
    """A rail: its facts, and how an account on it is written."""

    @property
    def facts(self) -> Rail: ...

    def read_account(self, text: str) -> str:
        """The account as the rail writes it; refuses what cannot be one (`destination_invalid`)."""
        ...


class PayingRail(RailPort, Protocol):
    """A rail that pays when told and answers when asked. Without it a treasurer pays by hand, and then approves."""

    async def pay(self, payment: Payment) -> Outcome:
        """Pay, at most once under `payment.id`: `Done` when it is paid, `Wait` when accepted, `Refused` for good.

        `Retry` only where certainly nothing was sent; whatever is in doubt is `Unknown`, or raises.
        """
        ...

    async def find(self, payment: Payment) -> Outcome:
        """What became of it; `Retry` where the rail has never heard of `payment.id`."""
        ...
