"""Self-audit: the invariants as SQL, apart from the code that writes; a breach freezes only what it touches."""

from collections.abc import Sequence
from uuid import UUID

from cambista.kernel.callers import Caller, Role
from cambista.ledger.events import AlertRaised
from cambista.ledger.store import auditing, books
from cambista.ledger.types import Difference
from cambista.runtime import Action, Runtime

SHOWN_MAX = 100
RECENT_TRANSFERS = 50
RECENT_DEPTH = 20
SELF_AUDITOR = Caller(UUID(int=0), Role.AUDITOR)


async def check_all(runtime: Runtime) -> list[Difference]:
    """Every account against all its postings, every chain, every hold, every transfer; of one moment."""
    async with runtime.db.snapshot() as reader:
        found: list[Difference] = await auditing.unbalanced_assets(reader)
        for check in (
            auditing.accounts_against_postings,
            auditing.broken_chains,
            auditing.held_against_holds,
            auditing.holds_against_draws,
            auditing.transfers_without_postings,
        ):
            found += await check(reader, SHOWN_MAX)
    return found


async def check_recent(runtime: Runtime) -> list[Difference]:
    """Sums over all accounts and holds, and the newest postings' chains: bounded work, so it can run all the time."""
    async with runtime.db.snapshot() as reader:
        accounts = await auditing.list_recent_account_ids(reader, RECENT_TRANSFERS)
        found = await auditing.unbalanced_assets(reader)
        found += await auditing.held_against_holds(reader, SHOWN_MAX)
        found += await auditing.broken_recent_chains(reader, accounts, RECENT_DEPTH, SHOWN_MAX)
        found += await auditing.heads_against_accounts(reader, accounts, SHOWN_MAX)
        known = await auditing.known_breaches(reader)
    fresh = [each for each in found if (each.check, each.subject) not in known]
    if fresh:
        await _raise(runtime, fresh)
    return found


async def _raise(runtime: Runtime, differences: Sequence[Difference]) -> None:
    async with runtime.db.transaction() as tx:
        ids = [runtime.new_id() for _ in differences]
        accounts = sorted({each.account_id for each in differences if each.account_id is not None})
        await books.set_frozen(tx, accounts, frozen=True)
        await auditing.insert_breaches(tx, ids, tx.now, differences)
        for id, each in zip(ids, differences, strict=True):
            tx.emit(AlertRaised(id, each.check, each.subject, each.expected, each.found, tx.now))
            tx.record(Action(SELF_AUDITOR, "ledger.breach", each.subject, "found", {"check": each.check}))
