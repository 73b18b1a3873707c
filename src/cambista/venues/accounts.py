"""A venue and our books of it: every order written down before it is sent, every fill once, and both held together."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar, cast
from uuid import UUID

from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal, Unavailable
from cambista.kernel.market import Pair
from cambista.runtime import Action, Runtime, Tx
from cambista.runtime.idempotency import Replay
from cambista.venues import store
from cambista.venues.differences import (
    Difference,
    DifferenceKind,
    Finding,
    Sent,
    SuspenseProposal,
    compare_balances,
    compare_order,
    moves,
    news,
    proposal,
    strangers,
)
from cambista.venues.errors import OutcomeUnknown
from cambista.venues.events import VenueDifferenceFound
from cambista.venues.trading_port import (
    TradingVenue,
    VenueBalance,
    VenueCapabilities,
    VenueOrder,
    VenuePairRules,
    VenueReport,
)

T = TypeVar("T")
HOUSE = Caller(UUID(int=0), Role.AUDITOR, credential=Credential.HOUSE)
LOOK_EVERY_S = 5.0
ROUNDS = 3


class VenueAccounts:
    """A `TradingVenue` that remembers. The house's only way to trade on that venue, in one process at a time.

    `reconcile` holds our books against the venue's own word. A difference is kept, announced and journaled, and offered
    to the ledger as a suspense posting; nothing is mended by itself, and a venue's first balance is a difference too.
    """

    def __init__(self, runtime: Runtime, venue: TradingVenue, *, every: timedelta = timedelta(minutes=5)) -> None:
        self._runtime = runtime
        self._venue = venue
        self._every_s = every.total_seconds()
        self._under_way = 0
        self._moved = 0

    @property
    def name(self) -> str:
        return self._venue.name

    @property
    def pairs(self) -> frozenset[Pair]:
        return self._venue.pairs

    @property
    def capabilities(self) -> VenueCapabilities:
        return self._venue.capabilities

    @property
    def connections(self) -> int:
        return self._venue.connections

    async def open(self) -> None:
        await self._venue.open()

    async def close(self) -> None:
        await self._venue.close()

    def rules_of(self, pair: Pair) -> VenuePairRules:
        return self._venue.rules_of(pair)

    async def place(self, order: VenueOrder) -> VenueReport:
        if self.rules_of(order.pair).fault(order):
            return await self._venue.place(order)  # which says so, and sends nothing
        async with self._moving():
            [fresh] = await self._runtime.writer.submit(self._intend, [order])
            if not _plain(fresh):
                found = await self._venue.find(order.client_id, order.pair)
                if found is not None:
                    return await self._noted(found)
            return await self._noted(await self._venue.place(order))

    async def cancel(self, client_id: UUID, pair: Pair) -> VenueReport:
        async with self._moving():
            return await self._noted(await self._venue.cancel(client_id, pair))

    async def find(self, client_id: UUID, pair: Pair) -> VenueReport | None:
        found = await self._venue.find(client_id, pair)
        return None if found is None else await self._noted(found)

    async def working(self, pair: Pair) -> Sequence[VenueReport]:
        return await self._venue.working(pair)

    async def balances(self) -> Mapping[str, VenueBalance]:
        return await self._venue.balances()

    async def reports(self) -> AsyncIterator[VenueReport]:
        said = cast(AsyncGenerator[VenueReport, None], self._venue.reports())
        async with aclosing(said):
            async for report in said:
                yield await self._noted(report)

    async def keep_reconciled(self) -> None:
        """Reconcile now, after each reconnection of the venue's stream, and every so many minutes. Never returns."""
        clock = self._runtime.clock
        while True:
            with suppress(Unavailable):  # a venue out of reach says nothing about our books
                await self.reconcile()
            seen, latest = self._venue.connections, clock.monotonic() + self._every_s
            while clock.monotonic() < latest and self._venue.connections == seen:
                await clock.sleep(LOOK_EVERY_S)

    async def reconcile(self) -> Sequence[Difference]:
        """Ask the venue about every order under way, strangers and balances; the differences that stand afterwards.

        Balances are compared only between two moments at which nothing moved; otherwise what was found before stays.
        """
        findings = await self._orders_compared()
        findings += await self._strangers()
        told = None
        for _ in range(ROUNDS):
            moved = self._moved
            balances = await self._venue.balances()
            await self._orders_compared()
            if moved == self._moved and not self._under_way:
                told = balances
                break
        async with self._runtime.db.transaction() as tx:
            await self._conclude(tx, findings, told)
        return await self.differences()

    async def differences(self) -> Sequence[Difference]:
        """Those that stand, oldest first."""
        async with self._runtime.db.read() as reader:
            return await store.list_open(reader, self.name)

    async def expected(self) -> Mapping[str, Decimal]:
        """What we should own there, asset by asset."""
        async with self._runtime.db.read() as reader:
            return await store.list_expected(reader, self.name)

    async def proposals(self) -> Sequence[SuspenseProposal]:
        """What the ledger should hold in suspense for the differences that stand."""
        return [offered for each in await self.differences() if (offered := proposal(each)) is not None]

    async def accept(self, tx: Tx, ids: Sequence[UUID], caller: Caller) -> Sequence[SuspenseProposal]:
        """Take the venue's word for these, in the transaction that books them; what is to be booked for each.

        Ids that stand no more are left out, so a repetition books nothing.
        """
        accepted = await store.lock_open(tx, ids)
        offered = [each for each in map(proposal, accepted) if each is not None]
        for each in offered:
            await store.add_expected(tx, each.venue, {each.asset: each.amount})
        await store.end_differences(tx, [each.id for each in accepted], "accepted")
        tx.record(*(_action(caller, each, "accepted") for each in accepted))
        return offered

    async def note_transfer(self, tx: Tx, asset: str, amount: Decimal) -> None:
        """Expect `amount` more (or less, below zero) of `asset`: the house moved its own money to or from there."""
        await store.add_expected(tx, self.name, {asset: amount})

    @asynccontextmanager
    async def _moving(self) -> AsyncIterator[None]:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._moved += 1

    async def _noted(self, report: VenueReport) -> VenueReport:
        [verdict] = await self._runtime.writer.submit(self._note, [report])
        self._moved += bool(_plain(verdict))
        return report

    async def _intend(self, tx: Tx, orders: Sequence[VenueOrder]) -> Sequence[bool | Refusal]:
        fresh = await store.insert_orders(tx, self.name, orders)
        verdicts = []
        for order in orders:
            verdicts.append(order.client_id in fresh)
            fresh.discard(order.client_id)
        return verdicts

    async def _note(self, tx: Tx, reports: Sequence[VenueReport]) -> Sequence[bool | Refusal]:
        known = await store.lock_orders(tx, self.name, sorted({each.client_id for each in reports}))
        last: dict[UUID, VenueReport] = {}
        for report in reports:
            sent = known.get(report.client_id)
            if sent is not None and news(_since(sent, last.get(report.client_id)), report):
                last[report.client_id] = report
        if not last:
            return [False] * len(reports)
        await store.update_orders(tx, self.name, list(last.values()))
        fills = [(report, fill) for report in last.values() for fill in report.fills]
        fresh = await store.insert_fills(tx, self.name, fills)
        for report in last.values():
            new = [fill for fill in report.fills if (report.client_id, fill.id) in fresh]
            if new:
                await store.add_expected(tx, self.name, moves(known[report.client_id].order, new))
        return [each.client_id in last for each in reports]

    async def _orders_compared(self) -> list[Finding]:
        async with self._runtime.db.read() as reader:
            under_way = await store.list_under_way(reader, self.name)
        findings: list[Finding] = []
        lost: list[UUID] = []
        for sent in under_way:
            try:
                told = await self._venue.find(sent.order.client_id, sent.order.pair)
            except OutcomeUnknown:
                continue  # it may still come to be
            if (finding := compare_order(sent, told)) is not None:
                findings.append(finding)
            elif told is not None:
                await self._noted(told)
            elif not self._under_way:
                lost.append(sent.order.client_id)
        if lost:
            async with self._runtime.db.transaction() as tx:
                await store.set_lost(tx, self.name, lost)
        return findings

    async def _strangers(self) -> list[Finding]:
        working = [report for pair in sorted(self.pairs, key=str) for report in await self._venue.working(pair)]
        async with self._runtime.db.read() as reader:
            ours = await store.list_known(reader, self.name, [each.client_id for each in working])
        return strangers(ours, working)

    async def _conclude(self, tx: Tx, findings: Sequence[Finding], told: Mapping[str, VenueBalance] | None) -> None:
        found = list(findings)
        if told is not None:
            found += compare_balances(await store.note_told(tx, self.name, told), told)
        ids = self._runtime.new_ids(len(found))
        kept = [Difference(name, self.name, each, tx.now) for name, each in zip(ids, found, strict=True)]
        fresh = await store.upsert_differences(tx, kept) if kept else []
        there = {(each.kind, each.about) for each in found}
        gone = [
            each
            for each in await store.list_open(tx, self.name)
            if (each.finding.kind, each.finding.about) not in there
            and (told is not None or each.finding.kind is not DifferenceKind.BALANCE)
        ]
        await store.end_differences(tx, [each.id for each in gone], "vanished")
        tx.emit(*(_announced(each) for each in fresh))
        tx.record(*(_action(HOUSE, each, "found") for each in fresh))
        tx.record(*(_action(HOUSE, each, "vanished") for each in gone))


def _since(sent: Sent, report: VenueReport | None) -> Sent:
    return sent if report is None else Sent(sent.order, report.state.value, report.filled, report.spent)


def _plain(verdict: T | Refusal | Replay) -> T:
    if isinstance(verdict, Refusal):
        raise verdict
    assert not isinstance(verdict, Replay)
    return verdict


def _announced(difference: Difference) -> VenueDifferenceFound:
    finding = difference.finding
    return VenueDifferenceFound(
        difference_id=difference.id,
        venue=difference.venue,
        kind=finding.kind.value,
        about=finding.about,
        expected=finding.expected,
        told=finding.told,
        asset=finding.asset,
        amount=finding.amount,
        found_at=difference.found_at,
    )


def _action(caller: Caller, difference: Difference, outcome: str) -> Action:
    finding = difference.finding
    facts: dict[str, object] = {
        "difference_id": str(difference.id),
        "kind": finding.kind.value,
        "about": finding.about,
        "expected": finding.expected,
        "told": finding.told,
    }
    return Action(caller, "venue.difference", f"venue:{difference.venue}", outcome, facts)
