"""Draws: a transfer takes part of a hold, and the hold stays open with the rest."""

from datetime import timedelta
from uuid import UUID

import pytest

from cambista.kernel.errors import Refusal
from cambista.kernel.ids import HoldId, TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, USDT
from cambista.ledger import (
    AccountKind,
    Draw,
    Hold,
    HoldClosed,
    HoldTooSmall,
    HoldUnknown,
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

ANA, LUIS = UUID(int=1), UUID(int=2)
ANA_COP, LUIS_COP = customer_account(ANA, COP), customer_account(LUIS, COP)
ANA_USDT, LUIS_USDT = customer_account(ANA, USDT), customer_account(LUIS, USDT)
FEES = house_account(AccountKind.FEES, COP)
ANAS, LUISS = HoldId(UUID(int=101)), HoldId(UUID(int=102))


def cop(text: str) -> Amount:
    return Amount.of(text, COP)


def usdt(text: str) -> Amount:
    return Amount.of(text, USDT)


def swap(number: int, pays: str, gets: str, *draws: Draw) -> Transfer:
    """Ana pays COP for Luis's USDT."""
    postings = (Posting(ANA_COP, LUIS_COP, cop(pays)), Posting(LUIS_USDT, ANA_USDT, usdt(gets)))
    return Transfer(TransferId(UUID(int=number)), "fill", postings, draws=draws)


@pytest.fixture
async def ledger(runtime: Runtime) -> Ledger:
    """Ana holds COP 100 of her 100, Luis USDT 10 of his 10."""
    made = Ledger(runtime)
    later = runtime.now() + timedelta(seconds=60)
    async with runtime.db.transaction() as tx:
        gifts = [
            Transfer(TransferId(UUID(int=1)), "gift", (Posting(world_account("bank:pse", COP), ANA_COP, cop("100")),)),
            Transfer(
                TransferId(UUID(int=2)), "gift", (Posting(world_account("chain:tron", USDT), LUIS_USDT, usdt("10")),)
            ),
        ]
        await made.post(tx, gifts)
        await made.hold(tx, [Hold(ANAS, ANA_COP, cop("100"), later), Hold(LUISS, LUIS_USDT, usdt("10"), later)])
    return made


async def post(runtime: Runtime, ledger: Ledger, *transfers: Transfer) -> list[Posted | Refusal]:
    async with runtime.db.transaction() as tx:
        return await ledger.post(tx, transfers)


async def money(ledger: Ledger) -> dict[str, tuple[str, str]]:
    """Posted and held of Ana's COP and Luis's USDT."""
    a, b = await ledger.balances([ANA_COP]), await ledger.balances([LUIS_USDT])
    return {each.account.asset: (each.posted.text, each.held.text) for each in (*a, *b)}


async def test_two_holds_pay_one_transfer_and_stay_open_with_the_rest(runtime: Runtime, ledger: Ledger) -> None:
    [posted] = await post(runtime, ledger, swap(3, "30", "3", Draw(ANAS, cop("30")), Draw(LUISS, usdt("3"))))
    assert isinstance(posted, Posted)
    assert await money(ledger) == {"COP": ("70.00", "70.00"), "USDT": ("7.000000", "7.000000")}
    assert await ledger.check() == []


async def test_what_the_postings_leave_of_a_draw_is_free(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, swap(3, "25", "3", Draw(ANAS, cop("30")), Draw(LUISS, usdt("3"))))
    assert (await money(ledger))["COP"] == ("75.00", "70.00")


async def test_a_hold_drawn_to_nothing_is_captured(runtime: Runtime, ledger: Ledger) -> None:
    draws = (Draw(ANAS, cop("50")), Draw(LUISS, usdt("5")))
    verdicts = await post(runtime, ledger, swap(3, "50", "5", *draws), swap(4, "50", "5", *draws))
    assert all(isinstance(each, Posted) for each in verdicts), verdicts
    assert await money(ledger) == {"COP": ("0.00", "0.00"), "USDT": ("0.000000", "0.000000")}
    async with runtime.db.transaction() as tx:
        [verdict] = await ledger.release(tx, [ANAS])
    assert isinstance(verdict, HoldClosed)
    [late] = await post(runtime, ledger, swap(5, "1", "1", *draws))
    assert isinstance(late, HoldClosed)
    assert await ledger.check() == []


async def test_releasing_a_drawn_hold_frees_the_rest_only(runtime: Runtime, ledger: Ledger) -> None:
    await post(runtime, ledger, swap(3, "30", "3", Draw(ANAS, cop("30")), Draw(LUISS, usdt("3"))))
    async with runtime.db.transaction() as tx:
        assert await ledger.release(tx, [ANAS]) == [ANAS]
    assert (await money(ledger))["COP"] == ("70.00", "0.00")
    assert await ledger.check() == []


async def test_a_transfer_pays_no_more_than_it_draws(runtime: Runtime, ledger: Ledger) -> None:
    [over] = await post(runtime, ledger, swap(3, "31", "3", Draw(ANAS, cop("30")), Draw(LUISS, usdt("3"))))
    [beyond] = await post(runtime, ledger, swap(4, "101", "3", Draw(ANAS, cop("101")), Draw(LUISS, usdt("3"))))
    [unheld] = await post(runtime, ledger, swap(5, "30", "3", Draw(ANAS, cop("30"))))
    [unknown] = await post(runtime, ledger, swap(6, "30", "3", Draw(HoldId(UUID(int=9)), cop("30"))))
    assert isinstance(over, HoldTooSmall)
    assert isinstance(beyond, HoldTooSmall)
    assert isinstance(unheld, InsufficientFunds)
    assert isinstance(unknown, HoldUnknown)
    assert await money(ledger) == {"COP": ("100.00", "100.00"), "USDT": ("10.000000", "10.000000")}
    assert await ledger.check() == []


async def test_a_draw_again_is_the_same_transfer_and_with_another_amount_a_conflict(
    runtime: Runtime, ledger: Ledger
) -> None:
    once = swap(3, "30", "3", Draw(ANAS, cop("30")), Draw(LUISS, usdt("3")))
    await post(runtime, ledger, once)
    [again] = await post(runtime, ledger, once)
    [other] = await post(runtime, ledger, swap(3, "30", "3", Draw(ANAS, cop("31")), Draw(LUISS, usdt("3"))))
    assert isinstance(again, Posted)
    assert again.repeated
    assert isinstance(other, TransferConflict)
    assert (await money(ledger))["COP"] == ("70.00", "70.00")


async def test_an_expired_hold_gives_nothing_to_a_draw(runtime: Runtime, ledger: Ledger) -> None:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    clock.advance(61)
    [late] = await post(runtime, ledger, swap(3, "30", "3", Draw(ANAS, cop("30")), Draw(LUISS, usdt("3"))))
    assert isinstance(late, HoldClosed)


async def test_what_was_held_at_a_past_moment_counts_the_draws_until_then(runtime: Runtime, ledger: Ledger) -> None:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    clock.advance(1)
    before = runtime.now()
    clock.advance(1)
    await post(runtime, ledger, swap(3, "30", "3", Draw(ANAS, cop("30")), Draw(LUISS, usdt("3"))))
    for seen_by in (None, ANA):
        then = await ledger.balance_as_of(ANA_COP, before, seen_by=seen_by)
        now = await ledger.balance_as_of(ANA_COP, runtime.now(), seen_by=seen_by)
        assert then is not None
        assert now is not None
        assert (then.held, now.held) == (cop("100"), cop("70"))
