"""The ledger's use cases: post, hold, release, reverse, read, freeze. Writes run inside the caller's transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from cambista.kernel.callers import Caller
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import HoldId, TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS
from cambista.ledger import rules
from cambista.ledger.errors import AlreadyReversed, CreditLineTooSmall, TransferConflict, TransferUnknown
from cambista.ledger.rules import AccountState, Books
from cambista.ledger.service import self_audit
from cambista.ledger.store import books as store
from cambista.ledger.store import owing, posted, reading, standing
from cambista.ledger.types import (
    AccountKind,
    AccountRef,
    Balance,
    BookedPosting,
    BookedTransfer,
    Difference,
    Hold,
    HoldStatus,
    OwedPage,
    Period,
    Posted,
    Standing,
    StatementLine,
    Total,
    Transfer,
    TrialBalance,
)
from cambista.runtime import Action, Reader, Runtime, Tx, state_digest

KNOWN_IDS_MAX = 500_000
EXPIRY_BATCH_MAX = 500


class Ledger:
    """What everyone owns. `post`, `hold`, `release` take batches, one verdict each; nothing else moves money."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._ids: dict[AccountRef, int] = {}

    async def post(self, tx: Tx, transfers: Sequence[Transfer]) -> list[Posted | Refusal]:
        """Post transfers in order. The same id and content again gives the first result; other content is refused."""
        if not transfers:
            return []
        stored = await store.existing_transfers(tx, [transfer.id for transfer in transfers])
        fresh, repeats = _split(transfers, stored)
        hold_ids = [id for transfer in fresh for id in rules.holds_of(transfer)]
        books, by_id = await self._lock(tx, rules.refs_of(fresh), hold_ids)
        verdicts = dict(zip((t.id for t in fresh), rules.post(books, fresh), strict=True))
        await store.write(tx, books, by_id)
        if repeats:
            return await _with_repeats(tx, transfers, verdicts, repeats)
        return [verdicts[transfer.id] for transfer in transfers]

    async def hold(self, tx: Tx, holds: Sequence[Hold]) -> list[Hold | Refusal]:
        """Set money aside, in order. The same hold again is the same hold."""
        if not holds:
            return []
        books, by_id = await self._lock(tx, {hold.account for hold in holds}, [hold.id for hold in holds])
        verdicts = rules.place_holds(books, holds)
        await store.write(tx, books, by_id)
        return verdicts

    async def release(
        self, tx: Tx, hold_ids: Sequence[HoldId], status: HoldStatus = HoldStatus.RELEASED
    ) -> list[HoldId | Refusal]:
        """Give held money back to its account. A released hold stays released; a captured one is refused."""
        if not hold_ids:
            return []
        account_ids = await store.find_hold_accounts(tx, hold_ids)
        by_id = await store.lock_accounts(tx, account_ids)
        books = Books({}, await store.find_holds(tx, hold_ids), tx.now, asked_at=tx.now)
        verdicts = rules.close_holds(books, hold_ids, by_id, status)
        await store.write(tx, books, by_id)
        return verdicts

    async def expire_holds(self) -> int:
        """Release holds whose time has passed, a bounded number a call; how many."""
        async with self._runtime.db.read() as reader:
            due = await store.list_expired_holds(reader, self._runtime.now(), EXPIRY_BATCH_MAX)
        if not due:
            return 0
        # In the writer's turn: it never waits for accounts that a batch has locked while that waits for its own.
        [released] = await self._runtime.writer.submit(self._expire, [due])
        return released if isinstance(released, int) else 0

    async def reverse(self, tx: Tx, transfer_id: TransferId, *, new_id: TransferId, caller: Caller) -> Posted | Refusal:
        """Undo a transfer by posting it backwards, once; the new transfer names the old."""
        found = (await reading.find_transfers(tx, [transfer_id])).get(transfer_id)
        if found is None:
            return TransferUnknown(transfer=str(transfer_id))
        if found.reverses is not None or found.reversed_by not in (None, new_id):
            return AlreadyReversed(transfer=str(transfer_id))
        original = Transfer(found.id, found.kind, found.postings)
        [verdict] = await self.post(tx, [rules.reversal(original, new_id)])
        if not isinstance(verdict, Refusal) and not verdict.repeated:
            tx.record(Action(caller, "ledger.reverse", f"transfer:{transfer_id}", facts={"by": str(new_id)}))
        return verdict

    async def freeze(self, refs: Sequence[AccountRef], *, frozen: bool, caller: Caller, reason: str) -> None:
        """Freeze or thaw accounts: a frozen account neither pays nor receives."""
        async with self._runtime.db.transaction() as tx:
            books, accounts = await self._lock(tx, refs, [])
            await store.set_frozen(tx, sorted(accounts), frozen)
            name = "ledger.freeze" if frozen else "ledger.thaw"
            after = state_digest({"frozen": frozen})
            for ref in refs:
                before = state_digest({"frozen": books.accounts[ref].frozen})
                facts = {"reason": reason, "asset": ref.asset}
                tx.record(Action(caller, name, f"account:{ref.name}", "done", facts, before, after))

    async def set_credit_line(self, ref: AccountRef, line: Amount, *, caller: Caller) -> None:
        """Let a till go below zero by `line` (zero or more); refused below what is used now."""
        assert ref.kind != AccountKind.CUSTOMER, "customers have no credit"
        assert line.units >= 0
        async with self._runtime.db.transaction() as tx:
            books, _ = await self._lock(tx, [ref], [])
            account = books.accounts[ref]
            if account.available < -line.units:
                raise CreditLineTooSmall(asset=ref.asset)
            await store.set_floor(tx, account.id, -line.units)
            before, after = _line_digest(account.floor), _line_digest(-line.units)
            facts = {"line": line.text, "asset": ref.asset}
            name = "ledger.set_credit_line"
            tx.record(Action(caller, name, f"account:{ref.name}", "done", facts, before, after))

    async def balances(self, refs: Sequence[AccountRef]) -> list[Balance]:
        """Posted, held, available and version together, for those of the accounts that exist."""
        async with self._runtime.db.read() as reader:
            return await reading.find_balances(reader, refs)

    async def balances_of(
        self, kind: AccountKind, owner: str | None = None, *, seen_by: UUID | None = None
    ) -> list[Balance]:
        """All accounts of a kind, or of one owner; at most 1,000. `seen_by` None sees all, anybody else the own."""
        async with self._runtime.db.read_for(seen_by) as reader:
            return await reading.list_balances(reader, kind.value, owner)

    async def balance_as_of(
        self, ref: AccountRef, moment: datetime, *, effective: bool = False, seen_by: UUID | None = None
    ) -> Balance | None:
        """The balance at a past moment: by booked time, or by effective time. `seen_by` as for `balances_of`."""
        read, db = reading.balance_as_effective if effective else reading.balance_as_booked, self._runtime.db
        async with db.snapshot() if seen_by is None else db.read_own(seen_by) as reader:
            return await read(reader, ref, moment)

    async def statement(
        self, ref: AccountRef, *, before: int | None = None, limit: int = 100, seen_by: UUID | None = None
    ) -> list[StatementLine]:
        """Postings of one account with the balance after each, newest first, from below number `before`.

        `seen_by` as for `balances_of`.
        """
        async with self._runtime.db.read_for(seen_by) as reader:
            return await reading.list_statement(reader, ref, before or 2**62, min(limit, 1000))

    async def postings(
        self,
        period: Period,
        owner: UUID | None = None,
        *,
        after: tuple[datetime, UUID, int] | None = None,
        limit: int = 1000,
    ) -> list[BookedPosting]:
        """Postings booked in a period, oldest first, from above the place `after`: all, or of one customer."""
        async with self._runtime.db.read() as reader:
            return await posted.list_postings(reader, period, owner, after, limit)

    async def transfer(self, transfer_id: TransferId) -> BookedTransfer:
        async with self._runtime.db.read() as reader:
            found = (await reading.find_transfers(reader, [transfer_id])).get(transfer_id)
        if found is None:
            raise TransferUnknown(transfer=str(transfer_id))
        return found

    async def trial_balance(self, as_of: datetime | None = None) -> TrialBalance:
        """Per asset the sum of all balances, now or at a past moment; zero when the books balance."""
        async with self._runtime.db.snapshot() as reader:
            if as_of is None:
                return TrialBalance(self._runtime.now(), await reading.list_trial_balance(reader))
            return TrialBalance(as_of, await reading.list_trial_balance_as_of(reader, as_of))

    async def owed(self, reader: Reader, *, after: int = 0, limit: int = 10_000) -> OwedPage:
        """What customers and partners own, page by page, as `reader` sees it: give a snapshot for one moment of all."""
        return await owing.page_of_owed(reader, after, limit)

    async def standings(self, tx: Tx, owners: Sequence[UUID]) -> dict[UUID, Standing]:
        """Of those customers that have accounts; they stay locked until the transaction ends."""
        found = await standing.lock_standings(tx, [str(owner) for owner in owners])
        return {UUID(owner): each for owner, each in found.items()}

    async def totals(self, reader: Reader) -> list[Total]:
        """Per asset what each kind of account has, as `reader` sees it."""
        return await owing.list_totals(reader)

    async def check(self) -> list[Difference]:
        """Recompute everything from the postings; what differs, at most 100 a check."""
        return await self_audit.check_all(self._runtime)

    async def check_recent(self) -> list[Difference]:
        """The running self-audit: freezes what a breach touches, stores the counter-example, raises an alert."""
        return await self_audit.check_recent(self._runtime)

    async def _expire(self, tx: Tx, batches: Sequence[Sequence[UUID]]) -> list[int | Refusal]:
        due = [HoldId(id) for batch in batches for id in batch]
        verdicts = await self.release(tx, due, HoldStatus.EXPIRED)
        released = sum(not isinstance(verdict, Refusal) for verdict in verdicts)
        return [released, *([0] * (len(batches) - 1))]

    async def _lock(
        self, tx: Tx, refs: Iterable[AccountRef], hold_ids: Sequence[UUID]
    ) -> tuple[Books, dict[int, AccountState]]:
        ids = await self._resolve(tx, refs)
        by_id = await store.lock_accounts(tx, list(ids.values()))
        if len(by_id) != len(set(ids.values())):
            self._ids.clear()  # ids seen in a transaction that was rolled back
            ids = await self._resolve(tx, refs)
            by_id = await store.lock_accounts(tx, list(ids.values()))
        holds = await store.find_holds(tx, hold_ids) if hold_ids else {}
        now = rules.booking_time(by_id.values(), tx.now)
        accounts = {ref: by_id[id] for ref, id in ids.items()}
        return Books(accounts, holds, now, asked_at=tx.now, by_id=by_id), by_id

    async def _resolve(self, tx: Tx, refs: Iterable[AccountRef]) -> dict[AccountRef, int]:
        known = self._ids
        ids = {ref: known[ref] for ref in refs if ref in known}
        missing = [ref for ref in refs if ref not in ids]
        if missing:
            assert all(ref.asset in ASSETS for ref in missing)
            found = await store.find_account_ids(tx, missing)
            if len(found) < len(missing):
                await store.insert_accounts(tx, [ref for ref in missing if ref not in found])
                found = await store.find_account_ids(tx, missing)
            if len(known) + len(found) > KNOWN_IDS_MAX:
                known.clear()
            known.update(found)
            ids.update(found)
        return ids


def _line_digest(floor: int | None) -> str:
    return state_digest({"floor_units": floor})


def _split(transfers: Sequence[Transfer], stored: set[UUID]) -> tuple[list[Transfer], set[UUID]]:
    """Transfers to decide, and the ids that come again (stored before, or twice in this batch)."""
    seen: set[UUID] = set()
    repeats: set[UUID] = set()
    fresh: list[Transfer] = []
    for transfer in transfers:
        if transfer.id in stored or transfer.id in seen:
            repeats.add(transfer.id)
        else:
            fresh.append(transfer)
        seen.add(transfer.id)
    return fresh, repeats


async def _with_repeats(
    tx: Reader, transfers: Sequence[Transfer], verdicts: dict[TransferId, Posted | Refusal], repeats: set[UUID]
) -> list[Posted | Refusal]:
    booked = await reading.find_transfers(tx, sorted(repeats))
    answers: list[Posted | Refusal] = []
    first = set(verdicts)
    for transfer in transfers:
        if transfer.id in first:
            first.discard(transfer.id)
            answers.append(verdicts[transfer.id])
        elif transfer.id not in booked:
            answers.append(verdicts[transfer.id])  # its twin in this batch was refused
        else:
            answers.append(_repeat(booked[transfer.id], transfer))
    return answers


def _repeat(booked: BookedTransfer, asked: Transfer) -> Posted | Refusal:
    stored = Transfer(
        booked.id, booked.kind, booked.postings, booked.hold, booked.effective_at, booked.reverses, booked.draws
    )
    if rules.same_content(stored, asked):
        return Posted(booked.id, booked.booked_at, repeated=True)
    return TransferConflict(transfer=str(asked.id))
