"""What people try next: drawn by seeded chance, with an eye on the model, so that most of it makes sense."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from tests.simulation import operations as ops
from tests.simulation.funding_model import OUT_OF
from tests.simulation.model import Model

PAIRS = ("USDT/COP", "USDT/COP", "USDT/COP", "BTC/USDT", "USDT/VES", "BTC/COP")
RAILS = {"COP": "pse", "VES": "pago_movil", "USDT": "tron", "BTC": "bitcoin"}
SOURCES = ("paper_exchange", "paper_otc", "paper_p2p")
# About USD 1 in units of each asset.
DOLLAR = {"COP": 3_400_00, "VES": 1_140_00, "USDT": 1_000000, "BTC": 1_200}
NAMES = UUID("8c1d1a3e-6a2f-4a57-9d3c-0f5a6f1b7e55")


class Workload:
    """Draws operations. `people` are customers, `staff` decide; `price` gives the market's price, `now` the time."""

    def __init__(
        self,
        rng: random.Random,
        model: Model,
        people: list[UUID],
        staff: list[UUID],
        *,
        price: Callable[[str], float],
        now: Callable[[], datetime],
    ) -> None:
        self._rng = rng
        self._model = model
        self._people = people
        self._staff = staff
        self._price = price
        self._now = now
        self._references = 0
        self.silent: set[str] = set()
        self._choices: list[tuple[float, Callable[[], ops.Operation | None]]] = [
            (7, self._deposit),
            (3, self._deposit_again),
            (2, self._decide_deposit),
            (22, self._quote),
            (28, self._accept),
            (8, self._direct),
            (8, self._withdraw),
            (8, self._decide_withdrawal),
            (3, ops.ExpireHolds),
            (1, ops.ExpireWithdrawals),
            (4, ops.Tick),
            (3, ops.DeliverEvents),
            (2, self._reverse),
            (2, self._freeze),
            (1, self._limit),
            (2, self._configure),
            (14, self._pass_time),
            (2.5, self._silence),
        ]

    def draw(self) -> ops.Operation:
        """The next operation; what has nothing to work on yet becomes a deposit."""
        if len(self._model.funding.deposits) < 2 * len(self._people):
            return self._deposit()
        weights = [weight for weight, _ in self._choices]
        [(_, make)] = self._rng.choices(self._choices, weights)
        return make() or self._deposit()

    def other_body(self, operation: ops.Operation) -> ops.Operation | None:
        """The same kind of request with other content, for a key that was used."""
        match operation:
            case ops.RequestQuote() | ops.DirectTrade() | ops.Deposit() | ops.RequestWithdrawal():
                return replace(operation, units=operation.units + 1)
            case ops.AcceptQuote():
                return replace(operation, quote=uuid5(operation.quote, "other"))
            case _:
                return None

    # ---------------------------------------------------------------------------------------------- customers
    def _units(self, asset: str, least_usd: float, most_usd: float) -> int:
        usd = least_usd * (most_usd / least_usd) ** self._rng.random()
        return max(1, int(DOLLAR[asset] * usd * (1 + self._rng.random() / 1000)))

    def _deposit(self) -> ops.Operation:
        asset = self._rng.choice(("COP", "COP", "USDT", "USDT", "VES", "BTC"))
        self._references += 1
        payer = self._rng.choices(("own", "stranger", "missing"), (85, 10, 5))[0]
        return ops.Deposit(
            self._rng.choice(self._staff),
            self._rng.choice(self._people),
            asset,
            self._units(asset, 200, 30_000),
            RAILS[asset],
            f"REF-{self._references}-X",
            payer,
        )

    def _deposit_again(self) -> ops.Operation | None:
        """The same payment by another sender, under another key; or nearly the same; or the same with other content."""
        seen = list(self._model.funding.deposits.values())
        if not seen:
            return None
        first = self._rng.choice(seen).asked
        way = self._rng.choices(("same", "hurried", "other"), (6, 2, 2))[0]
        if way == "hurried":
            return replace(first, reference=first.reference.replace("-", ""))
        if way == "other":
            return replace(first, units=first.units + 1)
        return replace(first, by=self._rng.choice(self._staff))

    def _quote(self) -> ops.Operation:
        pair = self._rng.choice(PAIRS)
        side = self._rng.choice(("buy", "sell"))
        customer = self._able(pair, side)
        amount_asset = self._rng.choice(pair.split("/"))
        usd = self._rng.choices(((20, 4_000), (0.2, 0.9), (9_000, 60_000), (300_000, 900_000)), (90, 4, 5, 1))[0]
        kind = "reference" if self._rng.random() < 0.15 else "firm"
        return ops.RequestQuote(customer, pair, side, self._units(amount_asset, *usd), amount_asset, kind)

    def _able(self, pair: str, side: str) -> UUID:
        """Mostly somebody who has something to pay with."""
        base, quote = pair.split("/")
        gives = quote if side == "buy" else base
        able = [
            each
            for each in self._people
            if self._model.books.available(("customer", str(each), gives)) > 50 * DOLLAR[gives]
        ]
        return self._rng.choice(able if able and self._rng.random() < 0.9 else self._people)

    def _accept(self) -> ops.Operation | None:
        now = self._now()
        known = self._model.quotes
        is_open = [id for id in list(known)[-12:] if known[id].expires_at > now and not known[id].traded]
        affordable = [id for id in is_open if known[id].kind == "firm" and self._affords(id)]
        chosen = self._rng.choices((affordable, is_open, list(known)[-12:]), (70, 12, 18))[0]
        if not chosen:
            return self._quote()
        quote = self._rng.choice(chosen)
        terms = known[quote]
        stranger = self._rng.random() < 0.06
        customer = self._rng.choice(self._people) if stranger else terms.customer
        if self._rng.random() < 0.02:
            quote = uuid5(quote, "unknown")
        return ops.AcceptQuote(customer, quote)

    def _affords(self, quote: UUID) -> bool:
        terms = self._model.quotes[quote]
        asset, units = (terms.quote_asset, terms.quote) if terms.side == "buy" else (terms.base_asset, terms.base)
        return self._model.books.available(("customer", str(terms.customer), asset)) >= units

    def _direct(self) -> ops.Operation:
        pair = self._rng.choice(PAIRS)
        side = self._rng.choice(("buy", "sell"))
        units = self._units(pair.split("/")[0], 20, 3_000)
        reachable = self._rng.random() < 0.85
        factor = 1.4 if (side == "buy") is reachable else 0.7
        limit = f"{self._price(pair) * factor:.4f}"
        return ops.DirectTrade(self._able(pair, side), pair, side, units, limit, reachable)

    def _withdraw(self) -> ops.Operation:
        asset = self._rng.choice(tuple(OUT_OF))
        customer = self._able(f"{asset}/COP", "sell")
        by = self._rng.choice(self._staff) if self._rng.random() < 0.2 else customer
        has = self._model.books.available(("customer", str(customer), asset))
        some = int(has * self._rng.choice((0.05, 0.3, 0.7, 1.0, 1.2)) * self._rng.random())
        return ops.RequestWithdrawal(by, customer, asset, max(1, some))

    # ----------------------------------------------------------------------------------------------- operators
    def _decide_deposit(self) -> ops.Operation | None:
        waiting = [id for id, seen in self._model.funding.deposits.items() if seen.status == "review"]
        known = waiting or list(self._model.funding.deposits)
        if not known:
            return None
        return ops.DecideDeposit(self._rng.choice(self._staff), self._rng.choice(known), self._rng.random() < 0.6)

    def _decide_withdrawal(self) -> ops.Operation | None:
        known = self._model.funding.withdrawals
        waiting = [id for id, seen in known.items() if seen.status == "requested"]
        if not known:
            return None
        chosen = self._rng.choice(waiting if waiting and self._rng.random() < 0.85 else list(known))
        asked = known[chosen].asked
        approver = self._rng.choice([*self._staff, *self._staff, asked.by, asked.customer])
        return ops.DecideWithdrawal(approver, chosen, self._rng.random() < 0.8)

    def _reverse(self) -> ops.Operation | None:
        deposits = [
            seen.transfer
            for seen in self._model.funding.deposits.values()
            if seen.status == "credited" and not seen.decided
        ]
        known = [*deposits, *self._model.trades]
        if not known:
            return None
        transfer = self._rng.choice(known)
        return ops.Reverse(transfer, uuid5(transfer, f"reversal/{self._rng.randrange(3)}"))

    def _freeze(self) -> ops.Operation:
        frozen = [name for name, account in self._model.books.accounts.items() if account.frozen]
        if frozen and self._rng.random() < 0.7:
            _, owner, asset = self._rng.choice(frozen)
            return ops.Freeze(UUID(owner), asset, False)
        return ops.Freeze(self._rng.choice(self._people), self._rng.choice(tuple(OUT_OF)), True)

    def _limit(self) -> ops.Operation:
        most = self._rng.choice((300_00, 3_000_00, 50_000_00))
        return ops.SetLimits(self._rng.choice(self._people), most, most * self._rng.choice((1, 2, 4)))

    def _configure(self) -> ops.Operation:
        pair = self._rng.choice(PAIRS[:5])
        price = self._price(pair)
        return ops.ConfigurePrice(pair, f"{price * 0.99:.4f}", f"{price * 1.01:.4f}", self._rng.choice((60, 3_000)))

    def _pass_time(self) -> ops.Operation:
        weights = (45, 5, 40, 6, 2, 2) if len(self.silent) == len(SOURCES) else (75, 10, 3, 6, 2, 1)
        kind = self._rng.choices(("moment", "ttl", "long", "back", "far_back", "ahead"), weights)[0]
        spans = {
            "moment": (0.05, 5.0), "ttl": (10.0, 25.0), "long": (100.0, 1_000.0), "back": (-8.0, -0.1),
            "far_back": (-4_000.0, -100.0), "ahead": (2_000.0, 9_000.0),
        }  # fmt: skip
        return ops.PassTime(round(self._rng.uniform(*spans[kind]), 3))

    def _silence(self) -> ops.Operation:
        if self.silent and self._rng.random() < 0.6:
            return ops.Silence(tuple(sorted(self.silent)), False)
        silent = SOURCES if self._rng.random() < 0.6 else (self._rng.choice(SOURCES),)
        return ops.Silence(silent, True)
