"""What the tills hold, in dollars at the house's own mid prices, and how full each is against its target. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cambista.kernel.money import Amount
from cambista.kernel.registry import REPORTING_ASSET
from cambista.ledger import Balance
from cambista.pricing import CurrentPrice


@dataclass(frozen=True, slots=True)
class Till:
    """What a till owns and what of it is reserved; its value in USD (None: no price leads there); what it wants."""

    posted: Amount
    held: Amount
    usd: Decimal | None
    target: Decimal | None

    @property
    def fullness(self) -> Decimal | None:
        """Owned against wanted, 1 = exactly the target; None without a target."""
        return self.posted.decimal / self.target if self.target else None


def usd_rates(prices: Iterable[CurrentPrice]) -> dict[str, Decimal]:
    """USD per one of each asset, over as few pairs as lead there; an asset no price leads to is absent, never zero."""
    edges = [(each.pair.base.code, each.pair.quote.code, each.mid) for each in prices]
    rates = {REPORTING_ASSET.code: Decimal(1)}
    while True:
        found: dict[str, Decimal] = {}
        for base, quote, mid in edges:
            if quote in rates and base not in rates:
                found.setdefault(base, mid * rates[quote])
            elif base in rates and quote not in rates:
                found.setdefault(quote, rates[base] / mid)
        if not found:
            return rates
        rates.update(found)


def tills(
    balances: Sequence[Balance], rates: Mapping[str, Decimal], targets: Mapping[str, Decimal]
) -> tuple[Till, ...]:
    """The tills, the most valuable first; those without a value last, by name."""
    found = [
        Till(
            each.posted,
            each.held,
            each.posted.decimal * rate if (rate := rates.get(each.account.asset)) is not None else None,
            targets.get(each.account.asset),
        )
        for each in balances
    ]
    return tuple(sorted(found, key=lambda till: (till.usd is None, -(till.usd or 0), till.posted.asset.code)))


def total_usd(tills: Iterable[Till]) -> Decimal:
    """What the tills are worth together, those with a value."""
    return sum((till.usd for till in tills if till.usd is not None), Decimal(0))
