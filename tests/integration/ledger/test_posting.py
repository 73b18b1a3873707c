"""Posting to the books through the ledger's door, on a real PostgreSQL."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import HoldId, TransferId
from cambista.kernel.money import UNITS_MAX, Amount
from cambista.kernel.registry import COP, USDT
from cambista.ledger import (
    AccountFrozen,
    AccountKind,
    AlreadyReversed,
    Balance,
    BalanceOutOfRange,
    Hold,
    HoldClosed,
    HoldConflict,
    HoldTooSmall,
    InsufficientFunds,
    Ledger,
    Posted,
    Posting,
    Transfer,
    TransferConflict,
    customer_account,
    house_account,
    world_account,
)
from cambista.runtime import Runtime
from tests.databases import ManualClock

ANA, LUIS = customer_account(UUID(int=1), COP), customer_account(UUID(int=2), COP)
BANK, TILL = world_account("bank:pse", COP), house_account(AccountKind.TILL, COP)
OPERATOR = Caller(UUID(int=9), Role.OPERATOR)


def cop(text: str) -> Amount:
    return Amount.of(text, COP)


def transfer(number: int, *postings: Posting, hold: HoldId | None = None) -> Transfer:
    return Transfer(TransferId(UUID(int=number)), "test", postings, hold=hold)


def deposit(number: int, text: str) -> Transfer:
    return transfer(number, Posting(BANK, ANA, cop(text)))


def hold(number: int, text: str, runtime: Runtime, seconds: float = 15) -> Hold:
    return Hold(HoldId(UUID(int=number)), ANA, cop(text), runtime.now() + timedelta(seconds=seconds))


@pytest.fixture
def ledger(runtime: Runtime) -> Ledger:
    return Ledger(runtime)


async def post(runtime: Runtime, ledger: Ledger, *transfers: Transfer) -> list[Posted | Refusal]:
    async with runtime.db.transaction() as tx:
        return await ledger.post(tx, transfers)


async def place(runtime: Runtime, ledger: Ledger, *holds: Hold) -> list[Hold | Refusal]:
    async with runtime.db.transaction() as tx:
        return await ledger.hold(tx, holds)


async def ana(ledger: Ledger) -> Balance:
    [balance] = await ledger.balances([ANA])
    return balance


async def test_a_deposit_moves_money_in_from_the_world(runtime: Runtime, ledger: Ledger) -> None:
    [posted] = await post(runtime, ledger, deposit(1, "100.00"))
    assert isinstance(posted, Posted)
    assert (await ana(ledger)).posted == cop("100.00")
    [bank] = await ledger.balances([BANK])
    assert bank.posted == cop("-100.00")
    assert (await ledger.trial_balance()).balanced


async def test_one_refused_transfer_never_refuses_its_neighbours(runtime: Runtime, ledger: Ledger) -> None:
    verdicts = await post(
        runtime,
        ledger,
        deposit(1, "10.00"),
        transfer(2, Posting(ANA, LUIS, cop("10.01"))),
        transfer(3, Posting(ANA, LUIS, cop("4.00"))),
    )
    assert isinstance(verdicts[1], InsufficientFunds)
    assert [type(verdict) for verdict in verdicts] == [Posted, InsufficientFunds, Posted]
    assert (await ana(ledger)).posted == cop("6.00")
    assert await ledger.check() == []


async def test_the_same_transfer_again_is_the_same_transfer(runtime: Runtime, ledger: Ledger) -> None:
    [first] = await post(runtime, ledger, deposit(1, "10.00"))
    [again] = await post(runtime, ledger, deposit(1, "10.00"))
    twins = await post(runtime, ledger, deposit(2, "1.00"), deposit(2, "1.00"), deposit(2, "2.00"))
    assert isinstance(first, Posted)
    assert isinstance(again, Posted)
    assert again.repeated
    assert again.booked_at == first.booked_at
    assert [type(verdict) for verdict in twins] == [Posted, Posted, TransferConflict]
    assert (await ana(ledger)).posted == cop("11.00")


async def test_the_same_id_with_other_content_is_a_conflict(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"))
    [verdict] = await post(runtime, ledger, deposit(1, "10.01"))
    assert isinstance(verdict, TransferConflict)
    assert (await ana(ledger)).posted == cop("10.00")


async def test_held_money_is_owned_but_not_available(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"))
    first, second = await place(runtime, ledger, hold(11, "7.00", runtime), hold(12, "3.01", runtime))
    assert isinstance(first, Hold)
    assert isinstance(second, InsufficientFunds)
    balance = await ana(ledger)
    assert (balance.posted, balance.held, balance.available) == (cop("10.00"), cop("7.00"), cop("3.00"))
    [spend] = await post(runtime, ledger, transfer(2, Posting(ANA, LUIS, cop("3.01"))))
    assert isinstance(spend, InsufficientFunds)


async def test_a_hold_is_captured_in_part_and_the_rest_released(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"))
    await place(runtime, ledger, hold(11, "7.00", runtime))
    [captured] = await post(runtime, ledger, transfer(2, Posting(ANA, LUIS, cop("5.00")), hold=HoldId(UUID(int=11))))
    [twice] = await post(runtime, ledger, transfer(3, Posting(ANA, LUIS, cop("1.00")), hold=HoldId(UUID(int=11))))
    assert isinstance(captured, Posted)
    assert isinstance(twice, HoldClosed)
    balance = await ana(ledger)
    assert (balance.posted, balance.held) == (cop("5.00"), cop("0.00"))
    assert await ledger.check() == []


async def test_a_hold_pays_no_more_than_it_holds(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"))
    await place(runtime, ledger, hold(11, "7.00", runtime))
    [verdict] = await post(runtime, ledger, transfer(2, Posting(ANA, LUIS, cop("7.01")), hold=HoldId(UUID(int=11))))
    assert isinstance(verdict, HoldTooSmall)
    assert (await ana(ledger)).held == cop("7.00")


async def test_released_and_expired_holds_give_the_money_back(runtime: Runtime, ledger: Ledger) -> None:
    assert isinstance(runtime.clock, ManualClock)
    await post(runtime, ledger, deposit(1, "10.00"))
    await place(runtime, ledger, hold(11, "6.00", runtime), hold(12, "4.00", runtime, seconds=5))
    async with runtime.db.transaction() as tx:
        assert await ledger.release(tx, [HoldId(UUID(int=11))]) == [HoldId(UUID(int=11))]
        assert await ledger.release(tx, [HoldId(UUID(int=11))]) == [HoldId(UUID(int=11))]
    assert await ledger.expire_holds() == 0
    runtime.clock.advance(5)
    [late] = await post(runtime, ledger, transfer(2, Posting(ANA, LUIS, cop("1.00")), hold=HoldId(UUID(int=12))))
    assert isinstance(late, HoldClosed)
    assert await ledger.expire_holds() == 1
    assert (await ana(ledger)).held == cop("0.00")


async def test_the_same_hold_again_is_the_same_hold_and_another_is_a_conflict(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"))
    first = hold(11, "6.00", runtime)
    await place(runtime, ledger, first)
    same, other = await place(runtime, ledger, first, hold(11, "5.00", runtime))
    assert isinstance(same, Hold)
    assert isinstance(other, HoldConflict)
    assert (await ana(ledger)).held == cop("6.00")


async def test_a_reversal_undoes_a_transfer_once_and_names_it(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"))
    first, back, other = (TransferId(UUID(int=each)) for each in (1, 2, 3))
    async with runtime.db.transaction() as tx:
        assert isinstance(await ledger.reverse(tx, first, new_id=back, caller=OPERATOR), Posted)
        assert isinstance(await ledger.reverse(tx, first, new_id=back, caller=OPERATOR), Posted)
        assert isinstance(await ledger.reverse(tx, first, new_id=other, caller=OPERATOR), AlreadyReversed)
        assert isinstance(await ledger.reverse(tx, back, new_id=other, caller=OPERATOR), AlreadyReversed)
    assert (await ana(ledger)).posted == cop("0.00")
    assert (await ledger.transfer(first)).reversed_by == back
    assert (await ledger.transfer(back)).reverses == first


async def test_a_frozen_account_neither_pays_nor_receives(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"))
    await ledger.freeze([ANA], frozen=True, caller=OPERATOR, reason="court order")
    verdicts = await post(runtime, ledger, deposit(2, "1.00"), transfer(3, Posting(ANA, LUIS, cop("1.00"))))
    assert [type(verdict) for verdict in verdicts] == [AccountFrozen, AccountFrozen]
    await ledger.freeze([ANA], frozen=False, caller=OPERATOR, reason="lifted")
    [posted] = await post(runtime, ledger, transfer(3, Posting(ANA, LUIS, cop("1.00"))))
    assert isinstance(posted, Posted)


async def test_a_till_goes_below_zero_only_by_its_credit_line(runtime: Runtime, ledger: Ledger) -> None:
    pay = Posting(TILL, ANA, cop("5.00"))
    [short] = await post(runtime, ledger, transfer(1, pay))
    await ledger.set_credit_line(TILL, cop("5.00"), caller=OPERATOR)
    [posted] = await post(runtime, ledger, transfer(2, pay))
    [over] = await post(runtime, ledger, transfer(3, Posting(TILL, ANA, cop("0.01"))))
    assert isinstance(short, InsufficientFunds)
    assert isinstance(posted, Posted)
    assert isinstance(over, InsufficientFunds)


async def test_a_balance_that_would_leave_64_bits_is_refused(runtime: Runtime, ledger: Ledger) -> None:
    full = Amount(UNITS_MAX, COP)
    first, second = await post(
        runtime, ledger, transfer(1, Posting(BANK, ANA, full)), transfer(2, Posting(BANK, ANA, cop("0.01")))
    )
    assert isinstance(first, Posted)
    assert isinstance(second, BalanceOutOfRange)


async def test_a_statement_shows_each_posting_with_the_balance_after_it(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"), transfer(2, Posting(ANA, LUIS, cop("4.00"))), deposit(3, "1.00"))
    lines = await ledger.statement(ANA)
    assert [(line.number, line.change.text, line.balance.text) for line in lines] == [
        (3, "1.00", "7.00"),
        (2, "-4.00", "6.00"),
        (1, "10.00", "10.00"),
    ]
    assert lines[0].counterparty == "world:bank:pse"
    assert [line.number for line in await ledger.statement(ANA, before=3, limit=1)] == [2]


async def test_a_balance_can_be_asked_as_of_booked_and_effective_time(runtime: Runtime, ledger: Ledger) -> None:
    assert isinstance(runtime.clock, ManualClock)
    start = runtime.now()
    for number in range(1, 6):
        late = Transfer(
            TransferId(UUID(int=number)), "test", (Posting(BANK, ANA, cop("1.00")),),
            effective_at=start - timedelta(days=1) if number == 5 else None,
        )  # fmt: skip
        await post(runtime, ledger, late)
        runtime.clock.advance(60)
    then = await ledger.balance_as_of(ANA, start + timedelta(seconds=130))
    before = await ledger.balance_as_of(ANA, start - timedelta(seconds=1))
    effective = await ledger.balance_as_of(ANA, start - timedelta(seconds=1), effective=True)
    assert then is not None
    assert (then.posted, then.version) == (cop("3.00"), 3)
    assert before is not None
    assert before.posted == cop("0.00")
    assert effective is not None
    assert effective.posted == cop("1.00")
    past = await ledger.trial_balance(start + timedelta(seconds=130))
    assert past.balanced
    assert past.items[0].accounts == 2


async def test_booked_times_of_an_account_never_fall_when_the_clock_goes_back(runtime: Runtime, ledger: Ledger) -> None:
    assert isinstance(runtime.clock, ManualClock)
    await post(runtime, ledger, deposit(1, "1.00"))
    runtime.clock.advance(-3600)
    await post(runtime, ledger, deposit(2, "1.00"))
    second, first = await ledger.statement(ANA)
    assert second.booked_at >= first.booked_at
    assert await ledger.check() == []


async def test_many_writers_at_once_keep_the_books_straight(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "100.00"))
    other = Ledger(runtime)
    jobs = [
        post(runtime, each, transfer(100 + number, Posting(ANA, LUIS, cop("3.00")), Posting(LUIS, TILL, cop("1.00"))))
        for number, each in enumerate([ledger, other] * 20)
    ]
    verdicts = [verdict for [verdict] in await asyncio.gather(*jobs)]
    assert sum(isinstance(verdict, Posted) for verdict in verdicts) == 33
    assert (await ana(ledger)).posted == cop("1.00")
    assert await ledger.check() == []


@pytest.mark.parametrize("table", ["posting", "transfer", "breach"])
@pytest.mark.parametrize("role", ["owner", "cambista_app"])
async def test_the_books_cannot_be_rewritten(dsn: str, runtime: Runtime, ledger: Ledger, table: str, role: str) -> None:
    await post(runtime, ledger, deposit(1, "1.00"))
    connection = await asyncpg.connect(dsn)
    try:
        if role != "owner":
            await connection.execute(f"SET ROLE {role}")
        refused = asyncpg.RestrictViolationError if role == "owner" else asyncpg.InsufficientPrivilegeError
        for statement in (f"UPDATE ledger.{table} SET booked_at = booked_at", f"DELETE FROM ledger.{table}"):
            sql = statement.replace("booked_at = booked_at", "found = found") if table == "breach" else statement
            with pytest.raises(refused):
                await connection.execute(sql)
        with pytest.raises(refused):
            await connection.execute(f"TRUNCATE ledger.{table}")
    finally:
        await connection.close()


async def tamper(dsn: str, sql: str) -> None:
    """What only an owner who disarms the triggers can do."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("ALTER TABLE ledger.posting DISABLE TRIGGER append_only")
        await connection.execute(sql)
        await connection.execute("ALTER TABLE ledger.posting ENABLE TRIGGER append_only")
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("sql", "check"),
    [
        ("UPDATE ledger.account SET posted = posted + 1 WHERE kind = 'customer'", "asset_sums_to_zero"),
        ("UPDATE ledger.account SET held = held + 1 WHERE kind = 'customer'", "held_is_sum_of_open_holds"),
        ("UPDATE ledger.posting SET destination_balance = destination_balance + 1", "posting_follows_the_last"),
        ("UPDATE ledger.posting SET units = units + 1", "balance_is_sum_of_postings"),
        ("DELETE FROM ledger.posting", "transfer_has_postings"),
    ],
)
async def test_the_check_says_what_somebody_changed_by_hand(
    dsn: str, runtime: Runtime, ledger: Ledger, sql: str, check: str
) -> None:
    await post(runtime, ledger, deposit(1, "10.00"))
    assert await ledger.check() == []
    await tamper(dsn, sql)
    assert check in {difference.check for difference in await ledger.check()}


async def test_the_running_audit_freezes_only_what_a_breach_touches(dsn: str, runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, deposit(1, "10.00"), transfer(2, Posting(BANK, LUIS, cop("10.00"))))
    assert await ledger.check_recent() == []
    await tamper(dsn, "UPDATE ledger.account SET held = held + 1 WHERE owner = '00000000-0000-0000-0000-000000000001'")
    assert {each.check for each in await ledger.check_recent()} == {"held_is_sum_of_open_holds"}
    first = await post(runtime, ledger, deposit(3, "1.00"), transfer(4, Posting(BANK, LUIS, cop("1.00"))))
    assert [type(verdict) for verdict in first] == [AccountFrozen, Posted]
    await ledger.check_recent()
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM ledger.breach") == 1
        assert await reader.value("SELECT count(*) FROM runtime.outbox WHERE name = 'AlertRaised'") == 1


async def test_assets_do_not_mix(runtime: Runtime, ledger: Ledger) -> None:
    with pytest.raises(AssertionError):
        await post(runtime, ledger, transfer(1, Posting(BANK, customer_account(UUID(int=1), USDT), cop("1.00"))))
