"""The own book: held against a slow and obvious one, rebuilt from its snapshot, and its rules one by one."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.market import Side
from cambista.trading.book.commands import (
    Cancel,
    Command,
    Expire,
    Mark,
    Place,
    Reduce,
    SelfTrade,
    Sleep,
    Terms,
    TimeInForce,
    Trigger,
)
from cambista.trading.book.engine import WHOLE_MAX, Book
from cambista.trading.book.events import (
    Asleep,
    Ended,
    Ending,
    Event,
    Reduced,
    Refreshed,
    Rejected,
    Rejection,
    Rested,
    Traded,
    Woken,
)
from cambista.trading.book.snapshot import restore, state_hash, take
from tests.unit.trading.book.obvious import ObviousBook
from tests.unit.trading.book.streams import commands

ANA, EVA, LUZ = 1, 2, 3


def told(*said: Command, book: Book | None = None) -> list[Event]:
    """All that a book says to those commands."""
    book = book or Book()
    return [event for command in said for event in book.apply(command)]


def bid(id: int, quantity: int, price: int | None, owner: int = ANA, **terms: object) -> Place:
    return Place(id, owner, Side.BUY, quantity, price, Terms(**terms) if terms else None)  # type: ignore[arg-type]


def ask(id: int, quantity: int, price: int | None, owner: int = EVA, **terms: object) -> Place:
    return Place(id, owner, Side.SELL, quantity, price, Terms(**terms) if terms else None)  # type: ignore[arg-type]


def in_order(events: list[Event]) -> list[Event]:
    """Those who expire together have no order among themselves."""
    return sorted(events, key=repr) if all(isinstance(each, Ended) for each in events) else events


@given(st.integers(0, 2**32), st.sampled_from((20, 60, 300)))
def test_it_says_what_an_obvious_book_says(seed: int, length: int) -> None:
    rng = random.Random(seed)
    fast, slow = Book(), ObviousBook()
    for command in commands(rng, length):
        assert in_order(fast.apply(command)) == in_order(slow.apply(command)), command
        if rng.random() < 0.05:
            fast = restore(take(fast))


@given(st.integers(0, 2**32))
def test_it_is_never_crossed_and_its_levels_add_up(seed: int) -> None:
    book = Book()
    for command in commands(random.Random(seed), 100):
        book.apply(command)
        best_bid, best_ask = book.bids.best(), book.asks.best()
        assert best_bid is None or best_ask is None or best_bid.price < best_ask.price
        for level in [*book.bids, *book.asks]:
            assert level.total == sum(each.left for each in level)
            assert level.shown == sum(each.shown for each in level)
            assert all(0 < each.shown <= each.left for each in level)


@given(st.integers(0, 2**32))
def test_every_lot_is_traded_ended_or_still_there(seed: int) -> None:
    book = Book()
    wanted: dict[int, int] = {}
    for command in commands(random.Random(seed), 200):
        said = book.apply(command)
        if isinstance(command, Place) and not any(isinstance(each, Rejected) for each in said):
            wanted[command.id] = command.quantity
        for event in said:
            if isinstance(event, Traded):
                wanted[event.maker] -= event.quantity
                wanted[event.taker] -= event.quantity
                assert wanted[event.maker] == event.maker_left
                assert wanted[event.taker] == event.taker_left
            elif isinstance(event, Reduced):
                wanted[event.id] = event.left
            elif isinstance(event, Ended):
                assert wanted.pop(event.id) == event.left
    state = take(book)
    left = {each.order.id: each.left for each in state.resting}
    left |= {each.order.id: each.order.quantity for each in state.sleeping}
    assert {id: lots for id, lots in wanted.items() if lots} == left


@given(st.integers(0, 2**32))
def test_a_snapshot_and_the_rest_of_the_stream_give_the_same_book(seed: int) -> None:
    stream = list(commands(random.Random(seed), 120))
    whole = Book()
    for command in stream[:60]:
        whole.apply(command)
    again = restore(take(whole))
    assert state_hash(again) == state_hash(whole)
    for command in stream[60:]:
        assert again.apply(command) == whole.apply(command)
    assert state_hash(again) == state_hash(whole)


def test_the_better_price_trades_first_and_at_one_price_the_earlier() -> None:
    said = told(ask(1, 5, 101), ask(2, 5, 100), ask(3, 5, 100), bid(4, 12, 101))
    assert [(each.maker, each.price, each.quantity) for each in said if isinstance(each, Traded)] == [
        (2, 100, 5), (3, 100, 5), (1, 101, 2),
    ]  # fmt: skip


def test_a_market_order_takes_what_is_there_and_does_not_rest() -> None:
    assert told(ask(1, 5, 100), bid(2, 8, None))[1:] == [Traded(1, 2, 100, 5, 0, 3), Ended(2, 3, Ending.NO_LIQUIDITY)]


def test_immediate_or_cancel_keeps_nothing_in_the_book() -> None:
    said = told(ask(1, 5, 100), bid(2, 8, 100, time_in_force=TimeInForce.IOC))
    assert said[1:] == [Traded(1, 2, 100, 5, 0, 3), Ended(2, 3, Ending.IMMEDIATE)]


def test_fill_or_kill_moves_all_or_nothing() -> None:
    assert told(ask(1, 5, 100), bid(2, 8, 100, time_in_force=TimeInForce.FOK))[1:] == [Ended(2, 8, Ending.NOT_FILLABLE)]
    said = told(ask(1, 5, 100), ask(2, 5, 101), bid(3, 8, 101, time_in_force=TimeInForce.FOK))
    assert said[2:] == [Traded(1, 3, 100, 5, 0, 3), Traded(2, 3, 101, 3, 2, 0)]


def test_fill_or_kill_does_not_count_what_hides_behind_ones_own_order() -> None:
    iceberg = ask(1, 10, 100, LUZ, visible=2)
    said = told(iceberg, ask(2, 1, 100, ANA), bid(3, 5, 100, ANA, time_in_force=TimeInForce.FOK))
    assert said[2:] == [Ended(3, 5, Ending.NOT_FILLABLE)]


def test_post_only_never_takes() -> None:
    assert told(ask(1, 5, 100), bid(2, 5, 100, post_only=True))[1:] == [Rejected(2, Rejection.WOULD_TAKE)]
    assert told(ask(1, 5, 100), bid(2, 5, 99, post_only=True))[1:] == [Rested(2, 5)]


def test_good_till_date_ends_at_its_time() -> None:
    book = Book()
    told(bid(1, 5, 100, time_in_force=TimeInForce.GTD, expires_at=10), book=book)
    assert told(Expire(9), book=book) == []
    assert told(Expire(10), Expire(11), book=book) == [Ended(1, 5, Ending.EXPIRED)]


def test_an_iceberg_shows_a_part_and_goes_to_the_end_with_each_new_one() -> None:
    book = Book()
    told(ask(1, 10, 100, visible=4), ask(2, 3, 100, LUZ), book=book)
    assert book.depth(1) == ([], [(100, 7)])
    assert told(bid(3, 5, 100), bid(4, 4, 100), book=book) == [
        Traded(1, 3, 100, 4, 6, 1), Refreshed(1, 4), Traded(2, 3, 100, 1, 2, 0),
        Traded(2, 4, 100, 2, 0, 2), Traded(1, 4, 100, 2, 4, 0),
    ]  # fmt: skip
    assert book.depth(1) == ([], [(100, 2)])


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (SelfTrade.CANCEL_NEWEST, [Ended(2, 5, Ending.SELF_TRADE)]),
        (SelfTrade.CANCEL_OLDEST, [Ended(1, 5, Ending.SELF_TRADE), Rested(2, 5)]),
        (SelfTrade.CANCEL_BOTH, [Ended(1, 5, Ending.SELF_TRADE), Ended(2, 5, Ending.SELF_TRADE)]),
    ],
)
def test_nobody_trades_with_himself(mode: SelfTrade, said: list[Event]) -> None:
    assert told(ask(1, 5, 100, ANA), bid(2, 5, 100, ANA, self_trade=mode))[1:] == said


def test_a_stop_sleeps_until_the_mark_goes_against_it_and_a_take_profit_until_it_goes_for_it() -> None:
    book = Book()
    stop = ask(1, 5, None, sleep=Sleep(Trigger.STOP_LOSS, 95))
    profit = ask(2, 5, None, sleep=Sleep(Trigger.TAKE_PROFIT, 105))
    assert told(Mark(100), stop, profit, Mark(96), Mark(104), book=book) == [Asleep(1), Asleep(2)]
    assert told(Mark(95), book=book) == [Woken(1, 95), Ended(1, 5, Ending.NO_LIQUIDITY)]
    assert told(Mark(106), book=book) == [Woken(2, 106), Ended(2, 5, Ending.NO_LIQUIDITY)]


def test_a_stop_limit_rests_at_its_limit_when_it_wakes() -> None:
    book = Book()
    told(Mark(100), ask(1, 5, 94, sleep=Sleep(Trigger.STOP_LOSS, 95)), book=book)
    assert told(Mark(95), book=book) == [Woken(1, 95), Rested(1, 5)]


def test_a_trailing_stop_follows_the_best_mark_and_never_back() -> None:
    book = Book()
    told(Mark(100), ask(1, 5, None, sleep=Sleep(Trigger.TRAIL_TICKS, 5)), book=book)
    assert told(Mark(96), Mark(120), Mark(116), Mark(119), book=book) == []
    assert told(Mark(115), book=book)[0] == Woken(1, 115)
    told(bid(2, 5, None, sleep=Sleep(Trigger.TRAIL_BPS, 1_000)), Mark(50), book=book)
    assert told(Mark(54), book=book) == []
    assert told(Mark(55), book=book)[0] == Woken(2, 55)


def test_one_who_comes_late_trails_from_the_mark_he_has_seen() -> None:
    book = Book()
    told(Mark(120), ask(1, 5, None, sleep=Sleep(Trigger.TRAIL_TICKS, 30)), book=book)
    told(Mark(100), ask(2, 5, None, sleep=Sleep(Trigger.TRAIL_TICKS, 15)), book=book)
    assert [each.id for each in told(Mark(90), book=book) if isinstance(each, Woken)] == [1]
    assert [each.id for each in told(Mark(85), book=book) if isinstance(each, Woken)] == [2]


def test_what_wakes_together_acts_in_the_order_of_arrival() -> None:
    book = Book()
    stops = [ask(id, 1, None, sleep=Sleep(Trigger.STOP_LOSS, 90 + id)) for id in (5, 3, 4)]
    told(Mark(100), *stops, book=book)
    assert [each.id for each in told(Mark(50), book=book) if isinstance(each, Woken)] == [5, 3, 4]


def test_trading_with_oneself_over_two_accounts_wakes_nobodys_stop() -> None:
    book = Book()
    told(Mark(100), ask(1, 5, None, LUZ, sleep=Sleep(Trigger.STOP_LOSS, 60)), book=book)
    said = told(bid(2, 1, 50, ANA), ask(3, 1, 50, EVA), book=book)
    assert not [each for each in said if isinstance(each, Woken)]


def test_reducing_keeps_the_place_and_takes_hidden_lots_first() -> None:
    book = Book()
    told(ask(1, 10, 100, visible=4), ask(2, 3, 100, LUZ), book=book)
    assert told(Reduce(1, 5), book=book) == [Reduced(1, 5)]
    assert book.depth(1) == ([], [(100, 7)])
    assert told(Reduce(1, 3), bid(3, 1, 100), book=book) == [Reduced(1, 2), Traded(1, 3, 100, 1, 1, 0)]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (bid(1, 0, 100), Rejection.QUANTITY),
        (bid(1, WHOLE_MAX + 1, 100), Rejection.QUANTITY),
        (bid(1, 5, 0), Rejection.PRICE),
        (bid(1, 5, WHOLE_MAX + 1), Rejection.PRICE),
        (bid(1, 5, 100, visible=6), Rejection.QUANTITY),
        (bid(1, 5, None, post_only=True), Rejection.TERMS),
        (bid(1, 5, 100, time_in_force=TimeInForce.IOC, visible=2), Rejection.TERMS),
        (bid(1, 5, 100, time_in_force=TimeInForce.GTD), Rejection.TERMS),
        (bid(1, 5, 100, expires_at=9), Rejection.TERMS),
        (bid(1, 5, None, sleep=Sleep(Trigger.TRAIL_BPS, 10_000)), Rejection.TERMS),
        (bid(1, 5, None, sleep=Sleep(Trigger.STOP_LOSS, 90)), Rejection.NO_MARK),
        (Cancel(1), Rejection.UNKNOWN),
        (Reduce(1, 1), Rejection.UNKNOWN),
    ],
)
def test_what_makes_no_sense_changes_nothing(wrong: Command, reason: Rejection) -> None:
    book = Book()
    assert told(wrong, book=book) == [Rejected(1, reason)]
    assert not book.live


def test_an_id_stands_once_in_the_book() -> None:
    assert told(bid(1, 5, 100), bid(1, 5, 100))[1:] == [Rejected(1, Rejection.DUPLICATE)]
