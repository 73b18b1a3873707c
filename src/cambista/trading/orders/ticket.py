"""What the kinds share: an order in ticks and lots, its fields, and how far one without a limit may go."""

from collections.abc import Callable
from dataclasses import dataclass

from cambista.kernel.market import Side
from cambista.trading.book.commands import SelfTrade, Sleep, Terms, TimeInForce, Trigger
from cambista.trading.errors import OrderTermsInvalid

BPS = 10_000
RESTING = (TimeInForce.GTC, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK)
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as asked, in whole ticks and lots. `fair` is the fair price now, `collar_bps` how far from it (or from a
    trigger) an order without a limit may trade; `expires_at` in microseconds since 1970."""

    side: Side
    quantity: int
    collar_bps: int
    fair: int | None = None
    price: int | None = None
    stop_price: int | None = None
    trail: int | None = None
    trail_bps: int | None = None
    visible_quantity: int | None = None
    duration_s: int | None = None
    time_in_force: TimeInForce | None = None
    expires_at: int | None = None
    post_only: bool = False
    self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST

    def collar(self, around: int | None) -> int:
        """The worst price allowed for an order without one, rounded towards `around`."""
        assert around is not None
        if self.side is Side.BUY:
            return around * (BPS + self.collar_bps) // BPS
        return -(-around * (BPS - self.collar_bps) // BPS)

    def terms(self, *, sleep: Sleep | None = None, visible: int | None = None) -> Terms:
        """The terms every kind passes on."""
        assert self.time_in_force is not None
        return Terms(self.time_in_force, self.expires_at, self.post_only, visible, self.self_trade, sleep)


@dataclass(frozen=True, slots=True)
class Working:
    """What the book is told: the worst price, and the terms. A parent's terms are those of its children."""

    limit: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of order: the fields it needs, those it takes besides, the times it may work (the first unless told), and
    how it works. `by_fair`: it cannot be taken on without a fair price."""

    needs: frozenset[str]
    takes: frozenset[str]
    times: tuple[TimeInForce, ...]
    work: Callable[[Ticket], Working]
    by_fair: bool = False
    parent: bool = False

    def check(self, ticket: Ticket) -> None:
        """Refuse (`order_terms_invalid`) fields that are missing, foreign or contradictory."""
        given = {name for name in _OPTIONAL if getattr(ticket, name)}
        timed = {"duration_s"} if ticket.time_in_force is TimeInForce.GTD else set()
        self._refuse("Missing", (self.needs | timed) - given - self._either(given))
        self._refuse("Not for this type", given - self.needs - self.takes - timed)
        if ticket.time_in_force not in self.times:
            raise OrderTermsInvalid(time_in_force=str(ticket.time_in_force), allowed=list(self.times))
        if ticket.post_only and ticket.time_in_force in AT_ONCE:
            raise OrderTermsInvalid("An order that only makes cannot be immediate.")
        if ticket.visible_quantity is not None and ticket.visible_quantity > ticket.quantity:
            raise OrderTermsInvalid("It shows more than there is.", field="visible_quantity")

    def _refuse(self, sentence: str, fields: frozenset[str] | set[str]) -> None:
        if fields:
            raise OrderTermsInvalid(f"{sentence}: {', '.join(sorted(fields))}.", fields=sorted(fields))

    def _either(self, given: set[str]) -> set[str]:
        return {"trail"} if "trail_bps" in given else set()


_OPTIONAL = ("price", "stop_price", "trail", "trail_bps", "visible_quantity", "duration_s", "post_only")


def stopped(ticket: Ticket, trigger: Trigger, limit: int | None = None) -> Working:
    """An order that sleeps until the mark is at its stop price; without a limit the collar is around that."""
    assert ticket.stop_price is not None
    price = ticket.collar(ticket.stop_price) if limit is None else limit
    return Working(price, ticket.terms(sleep=Sleep(trigger, ticket.stop_price)))


def fields(*names: str) -> frozenset[str]:
    return frozenset(names)
