"""Planted bugs: each breaks one line of the house for the length of a block, and says which rule must notice.

A rule of the database that stops the bug before it is written shows as `no_request_ends_in_a_bug`: the house's answer
would be a 500.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from unittest import mock
from uuid import UUID

from cambista.funding.rules import deposits as deposit_rules
from cambista.funding.rules import withdrawals as withdrawal_rules
from cambista.kernel.errors import Refusal
from cambista.kernel.market import Price
from cambista.kernel.money import Amount, Rounding
from cambista.ledger import AccountKind, HoldStatus
from cambista.ledger import rules as ledger_rules
from cambista.ledger.store import books as ledger_store
from cambista.risk import Risk
from cambista.runtime import Database, GroupCommit, Replay, Tx, group_commit, idempotency, outbox
from cambista.trading.rules import quotes as trading_rules
from tests.simulation.client import render_answer

BUG = "no_request_ends_in_a_bug"
REFUSE = "what_must_be_refused_is_refused"
MODEL = "the_books_are_the_models"


@dataclass(frozen=True)
class Mutant:
    """`planted` breaks the house; `caught_by` are the rules one of which must notice; `seed` is where to look first."""

    name: str
    caught_by: frozenset[str]
    planted: Callable[[], Any]
    seed: int


MUTANTS: list[Mutant] = []


def mutant(*caught_by: str, seed: int = 1) -> Callable[[Callable[[], Iterator[None]]], Callable[[], Any]]:
    """Register a bug."""

    def register(plant: Callable[[], Iterator[None]]) -> Callable[[], Any]:
        planted = contextmanager(plant)
        MUTANTS.append(Mutant(plant.__name__, frozenset(caught_by), planted, seed))
        return planted

    return register


@mutant("no_account_below_its_floor", REFUSE, BUG, seed=3)
def held_money_is_spent() -> Iterator[None]:
    """`available` forgets what is held."""
    with mock.patch.object(ledger_rules.AccountState, "available", property(lambda state: state.posted)):
        yield


@mutant("held_is_the_sum_of_open_holds", MODEL, BUG, seed=4)
def a_hold_is_released_twice() -> Iterator[None]:
    """Releasing looks at the hold, not at its status."""
    original = ledger_rules.close_holds

    def close(books: Any, ids: Any, by_id: Any, status: HoldStatus) -> Any:
        for hold in books.holds.values():
            if hold.status in (HoldStatus.RELEASED, HoldStatus.EXPIRED):
                hold.status = HoldStatus.OPEN.value
        return original(books, ids, by_id, status)

    with mock.patch.object(ledger_rules, "close_holds", close):
        yield


@mutant(REFUSE, "each_quote_at_most_one_trade", "no_account_below_its_floor", BUG, seed=2)
def a_hold_is_captured_whatever_its_status() -> Iterator[None]:
    """A quote that is taken can be taken again."""
    with _looking_at_holds(lambda hold: setattr(hold, "status", HoldStatus.OPEN.value)):
        yield


@mutant(REFUSE, "a_trade_is_within_its_quotes_time")
def an_expired_quote_is_honoured() -> Iterator[None]:
    """Capturing does not look at the hold's time."""

    def renew(hold: Any) -> None:
        hold.expires_at = hold.expires_at.replace(year=hold.expires_at.year + 1)

    with _looking_at_holds(renew):
        yield


@contextmanager
def _looking_at_holds(change: Callable[[Any], None]) -> Iterator[None]:
    original = ledger_rules._post_one

    def post_one(books: Any, transfer: Any) -> Any:
        hold = books.holds.get(transfer.hold)
        if hold is not None:
            change(hold)
        return original(books, transfer)

    with mock.patch.object(ledger_rules, "_post_one", post_one):
        yield


@mutant("held_is_the_sum_of_open_holds")
def what_a_part_capture_leaves_stays_held() -> Iterator[None]:
    """Capturing frees what was paid, not what was held."""
    original = ledger_rules._capture

    def capture(books: Any, hold: Any, legs: Any) -> None:
        held, units = next(source for source, _, _ in legs if source.id == hold.account_id), hold.units
        original(books, hold, legs)
        held.held += 1 if units else 0

    with mock.patch.object(ledger_rules, "_capture", capture):
        yield


@mutant("a_trade_moves_what_it_says", MODEL)
def the_spread_goes_the_other_way() -> Iterator[None]:
    """The house's gain is posted out of the spread account."""

    def turn(posting: Any) -> Any:
        spread = AccountKind.SPREAD.value
        if spread in (posting.source.kind, posting.destination.kind):
            return posting._replace(source=posting.destination, destination=posting.source)
        return posting

    with _settling(lambda postings: tuple(turn(each) for each in postings)):
        yield


@mutant("a_trade_moves_what_it_says", MODEL)
def the_fee_is_not_posted() -> Iterator[None]:
    """The customer pays less than the quote says."""
    fees = AccountKind.FEES.value
    with _settling(lambda postings: tuple(each for each in postings if each.destination.kind != fees)):
        yield


@contextmanager
def _settling(change: Callable[[Sequence[Any]], Sequence[Any]]) -> Iterator[None]:
    original = trading_rules.settlement

    def settlement(*args: Any, **named: Any) -> Any:
        transfer = original(*args, **named)
        return replace(transfer, postings=change(transfer.postings))

    with mock.patch.object(trading_rules, "settlement", settlement):
        yield


@mutant("rounding_favours_the_house_by_under_a_unit")
def rounding_favours_the_customer() -> Iterator[None]:
    """What a conversion rounds away is the house's loss."""
    original = Price.quote_for
    other = {Rounding.UP: Rounding.DOWN, Rounding.DOWN: Rounding.UP}

    def quote_for(price: Price, amount: Amount, rounding: Rounding) -> Amount:
        return original(price, amount, other.get(rounding, rounding))

    with mock.patch.object(Price, "quote_for", quote_for):
        yield


@mutant(REFUSE, "refused_only_for_a_reason")
def a_stranger_takes_a_quote() -> Iterator[None]:
    """Whoever names a quote is taken for its owner."""
    original = trading_rules.accept

    def accept(acceptances: Any, quotes: Any, ids: Any, now: Any) -> Any:
        owned = [
            replace(each, customer_id=quotes[each.quote_id].customer_id) if each.quote_id in quotes else each
            for each in acceptances
        ]
        return original(owned, quotes, ids, now)

    with mock.patch.object(trading_rules, "accept", accept):
        yield


@mutant("a_repeat_gets_the_first_answer", "refused_only_for_a_reason", "only_what_was_acknowledged_is_there", MODEL)
def answers_are_not_remembered() -> Iterator[None]:
    """The idempotency record is not written."""

    async def remember(*_: object) -> None:
        return None

    with mock.patch.object(idempotency, "remember", remember):
        yield


@mutant("a_key_stands_for_one_body", "refused_only_for_a_reason")
def a_key_answers_for_any_body() -> Iterator[None]:
    """The fingerprint is not compared."""
    original = idempotency.find

    async def find(tx: Any, onces: Any, *rest: Any) -> Any:
        asked = {once.identity: once.fingerprint for once in onces}
        return {
            identity: (asked[identity], replay) for identity, (_, replay) in (await original(tx, onces, *rest)).items()
        }

    with mock.patch.object(idempotency, "find", find):
        yield


@mutant("what_was_acknowledged_is_there", "refused_only_for_a_reason", "the_road_is_open", MODEL)
def the_answer_leaves_before_the_commit() -> Iterator[None]:
    """A customer hears yes, and then the house dies."""
    original = group_commit._remember

    async def remember(tx: Any, fresh: Any, *rest: Any) -> None:
        await original(tx, fresh, *rest)
        for ticket in fresh:
            ticket.future.set_result(ticket.answer)

    with mock.patch.object(group_commit, "_remember", remember):
        yield


@mutant("only_what_was_acknowledged_is_there", "refused_only_for_a_reason", "what_was_acknowledged_is_there", MODEL)
def a_lost_answer_is_tried_again_without_its_key() -> Iterator[None]:
    """After an unknown outcome the writer repeats the requests itself, one by one, and does them twice."""
    original = GroupCommit._run

    async def run(writer: GroupCommit, batch: Any) -> None:
        try:
            await original(writer, batch)
        except Exception:
            for ticket in batch:
                ticket.once, ticket.answer = None, None
            await original(writer, batch)
            for ticket in batch:
                if not isinstance(ticket.answer, Refusal):
                    ticket.answer = Replay(200, render_answer(ticket.answer), first=True)

    with mock.patch.object(GroupCommit, "_run", run):
        yield


@mutant("deposit_counted_once", "what_must_be_refused_is_refused", "each_deposit_is_counted_once")
def a_payment_counts_once_for_each_who_reports_it() -> Iterator[None]:
    """The natural key is not the rail's, but the sender's."""
    original, numbers = deposit_rules._natural_key, itertools.count()
    with mock.patch.object(
        deposit_rules, "_natural_key", lambda deposit, rail: f"{original(deposit, rail)}{next(numbers)}"
    ):
        yield


@mutant("doubtful_deposits_wait", MODEL)
def a_strangers_money_is_credited() -> Iterator[None]:
    """The payer's name is not compared."""
    with mock.patch.object(deposit_rules, "names_match", return_value=True):
        yield


@mutant(REFUSE, "four_eyes_on_each_withdrawal", BUG)
def who_asks_also_approves() -> Iterator[None]:
    """Two eyes are enough."""
    original, nobody = withdrawal_rules.approval, UUID(int=99)

    def approval(request: Any, withdrawal: Any, *args: Any) -> Any:
        if withdrawal is None:
            return original(request, withdrawal, *args)
        masked = replace(withdrawal, requested_by=nobody, customer_id=nobody)
        verdict = original(request, masked, *args)
        if verdict is masked:
            return withdrawal
        own = {"requested_by": withdrawal.requested_by, "customer_id": withdrawal.customer_id}
        return replace(verdict, **own) if isinstance(verdict, type(withdrawal)) else verdict

    with mock.patch.object(withdrawal_rules, "approval", approval):
        yield


@mutant("balances_are_the_sum_of_postings", "each_posting_carries_its_number_and_balance", BUG)
def posting_numbers_are_used_twice() -> Iterator[None]:
    """The account's number does not move on."""
    original = ledger_rules._move

    def move(books: Any, transfer_id: Any, ordinal: int, leg: Any, effective: Any) -> None:
        leg[1].number -= 1
        original(books, transfer_id, ordinal, leg, effective)

    with mock.patch.object(ledger_rules, "_move", move):
        yield


@mutant("each_posting_carries_its_number_and_balance")
def the_balance_after_is_wrong() -> Iterator[None]:
    """A posting carries the balance before it."""
    original = ledger_rules._move

    def move(books: Any, transfer_id: Any, ordinal: int, leg: Any, effective: Any) -> None:
        before = leg[1].posted
        original(books, transfer_id, ordinal, leg, effective)
        row = list(books.postings[-1])
        row[8] = before
        books.postings[-1] = tuple(row)

    with mock.patch.object(ledger_rules, "_move", move):
        yield


@mutant(MODEL)
def expired_holds_stay() -> Iterator[None]:
    """The sweep finds nothing."""

    async def nothing(*_: object) -> list[UUID]:
        return []

    with mock.patch.object(ledger_store, "list_expired_holds", nothing):
        yield


@mutant(REFUSE)
def frozen_accounts_move() -> Iterator[None]:
    """Freezing writes a row that nobody reads."""
    original = ledger_store.lock_accounts

    async def lock(*args: Any) -> Any:
        states = await original(*args)
        for state in states.values():
            state.frozen = False
        return states

    with mock.patch.object(ledger_store, "lock_accounts", lock):
        yield


@mutant("limits_are_booked")
def what_is_traded_is_not_counted() -> Iterator[None]:
    """The day's use stays at zero."""

    async def book(*_: object) -> None:
        return None

    with mock.patch.object(Risk, "book", book):
        yield


@mutant("each_trade_is_announced_once", "each_quote_is_announced_once")
def events_are_written_after_the_commit() -> Iterator[None]:
    """A second transaction carries the events; a crash between the two loses them."""
    original = Database.transaction

    @asynccontextmanager
    async def transaction(db: Database) -> AsyncIterator[Tx]:
        async with original(db) as tx:
            yield tx
            events, tx.events = tx.events, []
        if events:
            async with original(db) as late:
                late.events = events

    with mock.patch.object(Database, "transaction", transaction):
        yield


@mutant("each_event_has_its_effect_once", BUG)
def a_listener_hears_everything_twice() -> Iterator[None]:
    """The cursor moves in a transaction of its own, and sometimes does not."""
    original, calls = outbox._advance, itertools.count()

    async def advance(tx: Any, listener: str, rows: Any) -> None:
        if next(calls) % 2:
            await original(tx, listener, rows)

    with mock.patch.object(outbox, "_advance", advance):
        yield


@mutant("each_trade_is_in_the_journal_once")
def deeds_are_not_written_down() -> Iterator[None]:
    """The journal stays empty."""
    with mock.patch.object(Tx, "record", return_value=None):
        yield


@mutant("the_house_never_pays_to_trade", "the_spread_is_what_was_earned", "prices_are_on_the_tick")
def prices_lean_to_the_customer() -> Iterator[None]:
    """The spread is taken from the wrong side."""
    from cambista.pricing.rules import offers

    original = offers.quote

    def quote(framed: Any, *args: Any, **named: Any) -> Any:
        quoted = original(framed, *args, **named)
        turned = 2 * framed.market.fair - quoted.value
        return replace(quoted, value=turned.quantize(Decimal("0.0001")))

    with mock.patch.object(offers, "quote", quote):
        yield
