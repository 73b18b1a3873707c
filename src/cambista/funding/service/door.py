"""The door of funding: every use case in one shared transaction with whoever else waits, and the reads."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from cambista.funding.errors import DepositUnknown, WithdrawalUnknown
from cambista.funding.rails import RAILS, RailPort
from cambista.funding.service.deposits import Deposits
from cambista.funding.service.forgetting import Forgetting
from cambista.funding.service.withdrawals import StartPayouts, Withdrawals
from cambista.funding.settings import FundingSettings
from cambista.funding.store import deposits as deposit_store
from cambista.funding.store import lists
from cambista.funding.store import withdrawals as withdrawal_store
from cambista.funding.types import (
    Deposit,
    DepositDecision,
    DepositRequest,
    DepositStatus,
    ForgetRequest,
    Forgotten,
    HistoryLine,
    Withdrawal,
    WithdrawalDecision,
    WithdrawalRequest,
    WithdrawalStatus,
)
from cambista.identity import STAFF, Identity, Page, Scope, owner_seen
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import DepositId, WithdrawalId, parse_id
from cambista.ledger import Ledger
from cambista.runtime import Once, Replay, Runtime, Tx

T = TypeVar("T", Deposit, Withdrawal)
PAGE_MAX = 200
HISTORY_MAX = 200
EXPIRY_BATCH_MAX = 200
SEALED_AT_ONCE = 500


class Funding:
    """Deposits and withdrawals. Writes take batches and give one verdict each, after the commit."""

    def __init__(
        self,
        runtime: Runtime,
        settings: FundingSettings | None = None,
        *,
        identity: Identity,
        ledger: Ledger,
        rails: Mapping[str, RailPort] = RAILS,
    ) -> None:
        self._runtime = runtime
        self._settings = settings or FundingSettings()
        self._deposits = Deposits(runtime, self._settings, rails, identity=identity, ledger=ledger)
        self._forgetting = Forgetting(self._settings, identity=identity, ledger=ledger)
        self._withdrawals = Withdrawals(runtime, self._settings, rails, identity=identity, ledger=ledger)

    def pay_by(self, start: StartPayouts) -> None:
        """Have `start` called, in the transaction of the last approval, with the withdrawals it lets go (`Payouts`)."""
        self._withdrawals.start_payouts = start

    async def record_deposits(
        self, requests: Sequence[DepositRequest], onces: Sequence[Once | None] = ()
    ) -> list[Deposit | Refusal | Replay]:
        """Record money that has arrived (operator, treasurer, admin): `credited`, or `review` when there is a doubt.

        The same payment again gives the first deposit. Refuses `deposit_conflict`, `customer_not_found`,
        `rail_unknown`, `rail_asset_mismatch`, `text_invalid`, `paid_on_invalid`, `account_frozen`.
        """
        await self._make_keys([each.customer_id for each in requests])
        return await self._runtime.writer.submit(self._deposits.record, requests, onces)

    async def approve_deposits(
        self, decisions: Sequence[DepositDecision], onces: Sequence[Once | None] = ()
    ) -> list[Deposit | Refusal | Replay]:
        """Credit deposits under review (compliance, treasurer, admin; not who recorded it).

        Refuses `deposit_not_found`, `deposit_decided`, `four_eyes`, `account_frozen`.
        """
        await self._open_keys([each.deposit_id for each in decisions])
        return await self._runtime.writer.submit(self._deposits.approve, decisions, onces)

    async def reject_deposits(
        self, decisions: Sequence[DepositDecision], onces: Sequence[Once | None] = ()
    ) -> list[Deposit | Refusal | Replay]:
        """Send deposits under review back where they came from; refuses as `approve_deposits`."""
        await self._open_keys([each.deposit_id for each in decisions])
        return await self._runtime.writer.submit(self._deposits.reject, decisions, onces)

    async def request_withdrawals(
        self, requests: Sequence[WithdrawalRequest], onces: Sequence[Once | None] = ()
    ) -> list[Withdrawal | Refusal | Replay]:
        """Hold the money and ask for its payout (a customer or partner for itself, an operator for a customer).

        Refuses `insufficient_funds`, `limit_exceeded`, `holder_mismatch`, `destination_invalid`, `rail_unknown`,
        `rail_asset_mismatch`, `withdrawal_too_small`, `withdrawal_too_large`, `customer_blocked`, `customer_not_found`.
        """
        await self._make_keys([each.customer_id for each in requests])
        return await self._runtime.writer.submit(self._withdrawals.request, requests, onces)

    async def approve_withdrawals(
        self, decisions: Sequence[WithdrawalDecision], onces: Sequence[Once | None] = ()
    ) -> list[Withdrawal | Refusal | Replay]:
        """Let money go (treasurer, admin; never the requester; two people above the asset's limit).

        The answer is `sent` when that was the last approval needed, else still `requested`.
        Refuses `withdrawal_not_found`, `withdrawal_decided`, `withdrawal_expired`, `four_eyes`, `account_frozen`.
        """
        await self._open_keys([each.withdrawal_id for each in decisions])
        return await self._runtime.writer.submit(self._withdrawals.approve, decisions, onces)

    async def reject_withdrawals(
        self, decisions: Sequence[WithdrawalDecision], onces: Sequence[Once | None] = ()
    ) -> list[Withdrawal | Refusal | Replay]:
        """Release the money (treasurer, admin).

        Refuses `withdrawal_not_found`, `withdrawal_decided`, `withdrawal_expired`.
        """
        await self._open_keys([each.withdrawal_id for each in decisions])
        return await self._runtime.writer.submit(self._withdrawals.reject, decisions, onces)

    async def expire(self) -> int:
        """Release withdrawals that were not approved in time, a bounded number a call; how many."""
        async with self._runtime.db.read() as reader:
            due = await withdrawal_store.list_due(reader, self._runtime.now(), EXPIRY_BATCH_MAX)
        await self._open_keys(due)
        # One request for all: the writer's batches stay free for customers.
        [answer] = await self._runtime.writer.submit(self._expire, [due])
        if isinstance(answer, Refusal):
            raise answer
        assert not isinstance(answer, Replay)
        return answer

    async def forget_customers(
        self, requests: Sequence[ForgetRequest], onces: Sequence[Once | None] = ()
    ) -> list[Forgotten | Refusal | Replay]:
        """Forget customers for ever (compliance, admin): names, addresses, payers and accounts can never be read again;
        postings, journal and receipts stay as they are. Twice is once.

        Refuses `customer_not_found`, `customer_has_money`, `customer_kept`, `step_up_required`.
        """
        return await self._runtime.writer.submit(self._forgetting.forget, requests, onces)

    async def find_deposit(self, caller: Caller, id: DepositId) -> Deposit:
        """A deposit: any for staff, one's own for others; else `deposit_not_found`."""
        caller.require(Scope.DEPOSITS_READ, *Role)
        async with self._runtime.db.read_for(owner_seen(caller)) as reader:
            found = await deposit_store.find_deposit(reader, self._runtime, id)
        if found is None or not _visible(caller, found.customer_id):
            raise DepositUnknown(deposit=str(id))
        return found

    async def list_deposits(
        self,
        caller: Caller,
        *,
        customer_id: UUID | None = None,
        status: DepositStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Deposit]:
        """Deposits, newest first, at most 200 a page; of everybody for staff, one's own for others."""
        caller.require(Scope.DEPOSITS_READ, *Role)
        shown = _limit(limit)
        owner = customer_id if caller.role in STAFF else caller.id
        asked = lists.Asked(owner, status, _before(cursor), shown + 1)
        async with self._runtime.db.read_for(owner_seen(caller)) as reader:
            rows = await deposit_store.list_deposits(reader, self._runtime, asked)
        return _page(rows, shown)

    async def find_withdrawal(self, caller: Caller, id: WithdrawalId) -> Withdrawal:
        """A withdrawal: any for staff, one's own for others; else `withdrawal_not_found`."""
        caller.require(Scope.WITHDRAWALS_READ, *Role)
        async with self._runtime.db.read_for(owner_seen(caller)) as reader:
            found = await withdrawal_store.find_withdrawal(reader, self._runtime, id)
        if found is None or not _visible(caller, found.customer_id):
            raise WithdrawalUnknown(withdrawal=str(id))
        return found

    async def list_withdrawals(
        self,
        caller: Caller,
        *,
        customer_id: UUID | None = None,
        status: WithdrawalStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Withdrawal]:
        """Withdrawals, newest first, at most 200 a page; of everybody for staff, one's own for others."""
        caller.require(Scope.WITHDRAWALS_READ, *Role)
        shown = _limit(limit)
        owner = customer_id if caller.role in STAFF else caller.id
        asked = lists.Asked(owner, status, _before(cursor), shown + 1)
        async with self._runtime.db.read_for(owner_seen(caller)) as reader:
            rows = await withdrawal_store.list_withdrawals(reader, self._runtime, asked)
        return _page(rows, shown)

    async def history(self, caller: Caller, id: DepositId | WithdrawalId) -> list[HistoryLine]:
        """Every step of a deposit or withdrawal, oldest first, for staff."""
        caller.require(Scope.LEDGER_READ, *STAFF)
        async with self._runtime.db.read() as reader:
            return await lists.list_history(reader, id, HISTORY_MAX)

    async def seal_clear_rows(self) -> int:
        """Seal what a house before this one kept clear, in bounded batches; how many rows."""
        done = 0
        for seal_some in (deposit_store.seal_clear_deposits, withdrawal_store.seal_clear_withdrawals):
            sealed = -1
            while sealed:
                async with self._runtime.db.transaction() as tx:
                    sealed = await seal_some(tx, self._runtime, SEALED_AT_ONCE)
                done += sealed
        return done

    async def _make_keys(self, customer_ids: Sequence[UUID]) -> None:
        """Have the customers' keys at hand before their requests share a transaction with others."""
        await self._runtime.sealing.ready(self._runtime.db, customer_ids, new=len(set(customer_ids)))

    async def _open_keys(self, ids: Sequence[UUID]) -> None:
        async with self._runtime.db.read() as reader:
            owners = await lists.find_owners(reader, ids)
        await self._runtime.sealing.ready(self._runtime.db, owners)

    async def _expire(self, tx: Tx, batches: Sequence[Sequence[WithdrawalId]]) -> list[int | Refusal]:
        counts: list[int | Refusal] = []
        for ids in batches:
            counts.append(await self._withdrawals.expire(tx, ids))
        return counts


def _visible(caller: Caller, customer_id: UUID) -> bool:
    return caller.role in STAFF or caller.id == customer_id


def _limit(limit: int) -> int:
    return max(1, min(limit, PAGE_MAX))


def _before(cursor: str | None) -> UUID | None:
    return None if cursor is None else parse_id(cursor)


def _page(rows: Sequence[T], shown: int) -> Page[T]:
    """The page out of rows read with one to spare, which says whether there are more."""
    return Page(tuple(rows[:shown]), str(rows[shown - 1].id) if len(rows) > shown else None)
