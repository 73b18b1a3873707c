"""What the house itself says of a demo's run: sums by pair since it began, tills, and whether the ledger holds."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cambista.analytics import PairDay
from cambista.app.build import House
from cambista.kernel.money import Amount
from cambista.ledger import AccountKind, Difference, TrialBalance

CATCH_UP_S = 3.0
LOOK_AGAIN_S = 0.05
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Sums:
    """Trades of one pair, or of all, with volume and earnings in USD."""

    trades: int = 0
    volume_usd: Decimal = Decimal(0)
    spread_usd: Decimal = Decimal(0)
    fees_usd: Decimal = Decimal(0)

    def __add__(self, other: "Sums") -> "Sums":
        return self._with(other, 1)

    def __sub__(self, other: "Sums") -> "Sums":
        return self._with(other, -1)

    def _with(self, other: "Sums", sign: int) -> "Sums":
        return Sums(
            self.trades + sign * other.trades,
            self.volume_usd + sign * other.volume_usd,
            self.spread_usd + sign * other.spread_usd,
            self.fees_usd + sign * other.fees_usd,
        )

    @property
    def rounded(self) -> "Sums":
        """The same to the cent, for people."""
        return Sums(
            self.trades, self.volume_usd.quantize(CENT), self.spread_usd.quantize(CENT), self.fees_usd.quantize(CENT)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ledger recomputed from its postings."""

    differences: Sequence[Difference]
    trial: TrialBalance

    @property
    def holds(self) -> bool:
        return not self.differences and self.trial.balanced


class Books:
    """Reads the house's figures against how they stood when the run began."""

    def __init__(self, house: House, day: date, pairs: Mapping[str, Sums], tills: Mapping[str, Amount]) -> None:
        self._house = house
        self._day = day
        self._pairs = pairs
        self._tills = tills

    async def pairs(self) -> dict[str, Sums]:
        """Each pair traded since, busiest first by volume."""
        today = await self._house.analytics.today()
        now = by_pair(await self._house.analytics.days(None, start=self._day, end=today.day))
        since = {pair: sums - self._pairs.get(pair, Sums()) for pair, sums in now.items()}
        busiest = sorted(since.items(), key=lambda each: (-each[1].volume_usd, each[0]))
        return {pair: sums for pair, sums in busiest if sums.trades}

    async def caught_up(self, trades: int) -> dict[str, Sums]:
        """As `pairs`, once so many trades are in it: the sums follow the trades by a moment."""
        for _ in range(round(CATCH_UP_S / LOOK_AGAIN_S)):
            pairs = await self.pairs()
            if total(pairs).trades >= trades:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
        return pairs

    async def tills(self) -> list[Amount]:
        """By how much each till has changed, those that have not left out."""
        now = await _tills(self._house)
        changes = [amount - self._tills.get(code, Amount(0, amount.asset)) for code, amount in sorted(now.items())]
        return [change for change in changes if change]

    async def verdict(self) -> Verdict:
        ledger = self._house.ledger
        return Verdict(await ledger.check(), await ledger.trial_balance())


def by_pair(days: Sequence[PairDay]) -> dict[str, Sums]:
    """Days of pairs added up to one sum a pair."""
    found: dict[str, Sums] = {}
    for each in days:
        pair = str(each.pair)
        found[pair] = found.get(pair, Sums()) + Sums(each.trades, each.notional_usd, each.spread_usd, each.fees_usd)
    return found


def total(pairs: Mapping[str, Sums]) -> Sums:
    return sum(pairs.values(), Sums())


async def open_books(house: House) -> Books:
    """How the house stands now, to measure the run against."""
    today = await house.analytics.today()
    return Books(house, today.day, by_pair(today.pairs), await _tills(house))


async def _tills(house: House) -> dict[str, Amount]:
    balances = await house.ledger.balances_of(AccountKind.TILL)
    return {each.account.asset: each.posted for each in balances}
