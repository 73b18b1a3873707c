"""One seed, one run: steps one at a time, faults at transaction borders, model and rules held against the house."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from math import inf
from typing import Any
from uuid import UUID

import asyncpg

from cambista.kernel.registry import ASSETS, PAIRS
from cambista.venues.paper.anchors import ANCHORS
from cambista.venues.paper.market import SOURCES as PLACES
from cambista.venues.paper.market import pairs_of
from tests.databases import ManualClock, TestServer
from tests.simulation import invariants
from tests.simulation import operations as ops
from tests.simulation.client import Client
from tests.simulation.faults import Crash, Fault, FaultPlan, Stumble
from tests.simulation.house import CAPITAL, SimulatedHouse, customer_name
from tests.simulation.model import Model
from tests.simulation.operations import Outcome
from tests.simulation.verdicts import Judgement, Violation, expect
from tests.simulation.workload import SOURCES, Workload

CUSTOMERS, STAFF = 4, 3
STEPS, CHECK_EVERY, FAULT_RATE = 160, 20, 0.03
TRIES_MAX = 20
# How old the market's last word on a pair may be on a rung, in seconds (domain.md, and the settings' defaults).
OLDEST_S = {"live": 120.0, "cached": 140.0, "last_recorded": 900.0}
# How far the clock may go back behind a word that stays usable.
AHEAD_MAX = timedelta(seconds=5)
UNKEYED = (
    ops.ExpireHolds, ops.ExpireWithdrawals, ops.Tick, ops.DeliverEvents, ops.Reverse, ops.Freeze, ops.SetLimits,
    ops.ConfigurePrice,
)  # fmt: skip


@dataclass
class Report:
    """What a run did; two runs of one seed have the same `trace`."""

    seed: int
    steps: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    trace: str = ""


@dataclass
class Answered:
    operation: ops.Operation
    key: str
    outcome: Outcome


class Simulation:
    """A run over one database. `plan` says what breaks; without one, faults come by chance."""

    def __init__(self, dsn: str, seed: int, plan: FaultPlan | None = None, *, fault_rate: float = FAULT_RATE) -> None:
        self.seed = seed
        self.rng = random.Random(f"cambista/{seed}")
        self.clock = ManualClock()
        self.plan = plan or FaultPlan(random.Random(f"faults/{seed}"), fault_rate)
        self.house = SimulatedHouse(dsn, self.clock, self.plan, seed=seed)
        self.report = Report(seed)
        self.answered: list[Answered] = []
        self.refused: list[tuple[ops.Operation, str]] = []
        self._dsn = dsn
        self._digest = sha256()
        self._keys: Counter[UUID] = Counter()
        self._words: dict[str, list[datetime]] = {}
        self._dated: dict[str, list[datetime]] = {}

    # -------------------------------------------------------------------------------------------- a whole run
    async def run(self, steps: int = STEPS, check_every: int = CHECK_EVERY) -> Report:
        """Open the house, take `steps` steps, check all the while and at the end; raises Violation."""
        await self.open()
        try:
            for step in range(1, steps + 1):
                await self.step()
                self.report.steps = step
                if step % check_every == 0:
                    await self.check()
            await self.finish()
        finally:
            await self.close()
        self.report.trace = self._digest.hexdigest()
        self.report.faults = self.plan.struck
        return self.report

    async def open(self) -> None:
        """Stand the house up and found it, undisturbed; faults begin afterwards."""
        asyncio.get_running_loop().set_exception_handler(_ignore_crashes)
        await self.house.stand_up()
        self.people, self.staff = await self.house.found(CUSTOMERS, STAFF)
        self.model = Model(
            worth=worth,
            scales={code: ASSETS[code].scale for code in (*CAPITAL, "USD")},
            sizes={name: (spec.minimum.units, spec.maximum.units) for name, spec in PAIRS.items()},
            heard=self.heard,
        )
        for code, text in CAPITAL.items():
            units = int(Decimal(text).scaleb(ASSETS[code].scale))
            self.model.books.move(
                UUID(int=len(text)), [(("world", "owner", code), ("till", "", code), units)], self.clock.now()
            )
            del self.model.books.transfers[UUID(int=len(text))]
        self.workload = Workload(
            self.rng, self.model, self.people, self.staff, price=lambda pair: float(self.mid(pair)), now=self.clock.now
        )
        self.client = Client({id: customer_name(number) for number, id in enumerate(self.people)})
        self.hear()
        self.plan.arm()

    async def finish(self) -> None:
        """Nothing more breaks: deliver what is left, and look at everything once more."""
        self.plan.disarm()
        while await self.house.house.relay.deliver("analytics"):
            pass
        await self.check()
        async with connected(self._dsn) as connection:
            await invariants.check_analytics(connection)

    async def close(self) -> None:
        self.plan.disarm()
        with suppress(Crash):
            await self.house.close()

    # ------------------------------------------------------------------------------------------------ one step
    async def step(self) -> None:
        """One thing happens: something new, something again, or an old key with another body."""
        draw = self.rng.random()
        if draw < 0.06 and self.answered:
            await self.repeat(self.rng.choice(self.answered))
        elif draw < 0.09 and self.answered:
            await self.reuse_key(self.rng.choice(self.answered))
        elif draw < 0.12 and self.refused:
            await self.ask(*self.rng.choice(self.refused[-20:]))
        else:
            await self.ask(self.workload.draw())

    async def ask(self, operation: ops.Operation, key: str | None = None) -> Outcome:
        """Have the house answer `operation`, hold the answer against the model and take it in."""
        if isinstance(operation, (ops.PassTime, ops.Silence)):
            self.happen(operation)
            return Outcome(fields={})
        if key is None and not isinstance(operation, UNKEYED):
            key = self.new_key(operation)
        judged: list[Judgement] = []
        outcome = await self.attempt(operation, key, judged)
        self.note(operation, outcome)
        self.accept(operation, outcome, judged)
        if key is not None and outcome.refused:
            self.refused.append((operation, key))
        elif key is not None:
            self.answered.append(Answered(operation, key, outcome))
            self.refused = [each for each in self.refused if each[1] != key]
        return outcome

    async def repeat(self, first: Answered) -> None:
        """The same request with the same key: the same bytes, and nothing moves."""
        outcome = await self.attempt(first.operation, first.key, [])
        self.note(first.operation, outcome)
        expect(outcome.body == first.outcome.body, "a_repeat_gets_the_first_answer", f"{first.operation}: {outcome}")
        expect(outcome.replayed, "a_repeat_gets_the_first_answer", f"{first.operation} was worked out again")

    async def reuse_key(self, first: Answered) -> None:
        """The same key with another body: refused, and nothing moves."""
        other = self.workload.other_body(first.operation)
        if other is None:
            return
        outcome = await self.attempt(other, first.key, [])
        self.note(other, outcome)
        expect(outcome.refused == "idempotency_key_reused", "a_key_stands_for_one_body", f"{other}: {outcome}")

    async def attempt(self, operation: ops.Operation, key: str | None, judged: list[Judgement]) -> Outcome:
        """Ask as a real client: after a crash, an error or a lost answer the same request with the same key again."""
        for _ in range(TRIES_MAX):
            judged.append(self.model.judge(operation, self.clock.now()))
            try:
                outcome = await self.house.survive(self.client.ask(self.house.house, operation, key))
            except Crash:
                await self.recover()
                continue
            except Stumble:
                continue
            except Exception as error:
                raise Violation("no_request_ends_in_a_bug", f"{operation}: {error!r}") from error
            if outcome.refused != "database_unavailable":
                return outcome
        raise Violation("the_house_answers_in_the_end", f"{operation} {TRIES_MAX} times in vain")

    async def recover(self) -> None:
        """The process is gone; some time later another one stands."""
        await self.house.crash()
        if self.rng.random() < 0.5:
            self.clock.advance(round(self.rng.uniform(0.1, 20.0), 3))
        await self.house.stand_up()
        # What the dead process had not written down about its words is forgotten with it.
        self._dated = {pair: list(words) for pair, words in self._words.items()}
        self.hear()

    def accept(self, operation: ops.Operation, outcome: Outcome, judged: list[Judgement]) -> None:
        if outcome.refused:
            known = judged[-1].must | judged[-1].may
            expect(
                outcome.refused in known,
                "refused_only_for_a_reason",
                f"{operation}: {outcome.refused}, not {set(known)}",
            )
            return
        allowed = any(not each.must for each in judged)
        expect(allowed, "what_must_be_refused_is_refused", f"{operation}: done, in spite of {set(judged[-1].must)}")
        fields: dict[str, Any] = outcome.fields or {}
        self.model.apply(operation, fields, self.clock.now())
        if isinstance(operation, (ops.RequestQuote, ops.DirectTrade)) and not outcome.replayed:
            self.check_rung(operation.pair, str(fields["rung"]))

    def happen(self, operation: ops.PassTime | ops.Silence) -> None:
        if isinstance(operation, ops.PassTime):
            self.clock.advance(operation.seconds)
        elif operation.silent:
            self.workload.silent.update(operation.sources)
        else:
            self.workload.silent.difference_update(operation.sources)
        self.hear()
        self.report.answers[type(operation).__name__] += 1

    # ------------------------------------------------------------------------------------------------- looking
    async def check(self) -> None:
        """The rules in the database, the house's own audit, and the model."""
        async with connected(self._dsn) as connection:
            await invariants.check_database(connection)
            found = await invariants.books(connection)
            kept = await _kept(connection)
        await invariants.check_house(self.house.house)
        self.compare_books(found)
        wanted = {
            "trade": set(self.model.trades),
            "quote": set(self.model.quotes),
            "deposit": set(self.model.funding.deposits),
            "withdrawal": set(self.model.funding.withdrawals),
        }
        for name, ids in wanted.items():
            lost, extra = ids - kept[name], kept[name] - ids
            expect(not lost, "what_was_acknowledged_is_there", f"{name} {lost}")
            expect(not extra, "only_what_was_acknowledged_is_there", f"{name} {extra}")

    def compare_books(self, found: dict[tuple[str, str, str], tuple[int, int, bool]]) -> None:
        model = {
            name: (account.posted, account.held, account.frozen)
            for name, account in self.model.books.accounts.items()
            if account.posted or account.held or account.frozen
        }
        for name in sorted(model.keys() | found.keys()):
            pair = (found.get(name), model.get(name))
            expect(pair[0] == pair[1], "the_books_are_the_models", f"{name}: house {pair[0]}, model {pair[1]}")

    def hear(self) -> None:
        """The sources that are not silenced say what they see."""
        now = self.clock.now()
        for pair in self.spoken_about():
            self._words.setdefault(pair, []).append(now)
            self._dated.setdefault(pair, []).append(now)
        # Words that the clock has gone back behind cannot be dated, not even when it has caught up.
        self._dated = {pair: [word for word in words if word <= now + AHEAD_MAX] for pair, words in self._dated.items()}
        self.house.hear_market([source for source in SOURCES if source not in self.workload.silent])

    def check_rung(self, pair: str, rung: str) -> None:
        """Nothing staler than its rung allows, however the clock was moved; and who speaks is heard."""
        self.report.rungs[rung] += 1
        if self.heard(pair):
            expect(rung == "live", "a_market_that_speaks_is_heard", f"{pair} on {rung}")
        elif pair in self._words and rung in OLDEST_S:
            age = min(((self.clock.now() - word).total_seconds() for word in self._dated[pair]), default=inf)
            expect(age <= OLDEST_S[rung], "no_price_is_staler_than_its_rung", f"{pair} on {rung} after {age} s")

    def heard(self, pair: str) -> bool:
        """Whether the market speaks about the pair (or both its legs)."""
        legs = ("BTC/USDT", "USDT/COP") if pair == "BTC/COP" else (pair,)
        return self.spoken_about().issuperset(legs)

    def spoken_about(self) -> set[str]:
        sources = [source for source in SOURCES if source not in self.workload.silent]
        return {str(pair) for source in sources for pair in pairs_of(PLACES[source])}

    def mid(self, pair: str) -> Decimal:
        """The market's price now, over USDT where the pair has no market of its own."""
        if pair == "BTC/COP":
            return self.mid("BTC/USDT") * self.mid("USDT/COP")
        return self.house.market.mid_at(PAIRS[pair].pair, self.clock.now())

    def new_key(self, operation: Any) -> str:
        """Keys belong to their caller, so different callers use the same ones."""
        caller = getattr(operation, "by", None) or getattr(operation, "approver", None) or operation.customer
        self._keys[caller] += 1
        return f"key-{self._keys[caller]}"

    def note(self, operation: ops.Operation, outcome: Outcome) -> None:
        self.report.answers[f"{type(operation).__name__} {outcome.refused or 'done'}"] += 1
        self._digest.update(f"{self.clock.now()}{operation}{outcome}".encode())


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the owner's, beside the house."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


def worth(asset: str) -> Decimal:
    """About what a whole unit of the asset is worth in USD."""
    return 1 / ANCHORS[asset].per_usd


async def _kept(connection: asyncpg.Connection) -> dict[str, set[UUID]]:
    tables = {
        "trade": "trading.trade",
        "quote": "trading.quote",
        "deposit": "funding.deposit",
        "withdrawal": "funding.withdrawal",
    }
    return {name: {row["id"] for row in await connection.fetch(f"SELECT id FROM {t}")} for name, t in tables.items()}


def _ignore_crashes(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task that dies with its process has nobody left to hear it."""
    if not isinstance(context.get("exception"), Crash):
        loop.default_exception_handler(context)


async def simulate(server: TestServer, seed: int, steps: int = STEPS) -> Report:
    """Run one seed on a database of its own."""
    async with server.database() as dsn:
        return await Simulation(dsn, seed).run(steps)


def command(seed: int, steps: int = STEPS) -> str:
    """What repeats this run."""
    return f".venv/bin/python -m tests.simulation --seeds 1 --from {seed} --steps {steps}"


__all__ = ["Report", "Simulation", "command", "simulate"]
