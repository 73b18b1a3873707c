"""The board reads the real house once for all desks, and says when it cannot."""

from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise

import pytest

from cambista.console.board import Board
from cambista.console.snapshot import Snapshot
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, PAIRS, USDT
from cambista.runtime import DatabaseAway, Runtime
from cambista.trading import DirectTrade, Trade
from tests.houses import PaperHouse, caller_of, paper_house
from tests.integration.console.doors import console_doors


class Desk:
    """A desk that remembers what it was shown."""

    chart = ("USDT/COP", "1m")

    def __init__(self) -> None:
        self.shown: list[Snapshot] = []

    def show(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    async with paper_house(runtime) as made:
        yield made


@pytest.fixture
def board(paper: PaperHouse) -> Board:
    return Board(console_doors(paper.house))


async def trade(paper: PaperHouse) -> Trade:
    customer = await paper.customer(1, Amount.of("9000000", COP))
    pair = PAIRS["USDT/COP"].pair
    request = DirectTrade(
        caller_of(customer), customer.id, pair, Side.BUY, Amount.of("100", USDT), Price(Decimal(99999), pair)
    )
    [made] = await paper.house.trading.trade_directly([request])
    assert isinstance(made, Trade), made
    return made


async def test_a_snapshot_holds_what_the_house_knows(board: Board, paper: PaperHouse) -> None:
    made = await trade(paper)
    await paper.house.relay.deliver("analytics")
    snapshot = await board.fresh()
    assert [each.id for each in snapshot.trades] == [made.id]
    assert [each.id for each in snapshot.quotes] == [made.quote_id]
    assert {str(line.pair) for line in snapshot.prices} == {str(p.pair) for p in await paper.house.pricing.current()}
    assert snapshot.books is not None
    assert snapshot.books.balanced
    assert snapshot.day is not None
    assert snapshot.day.trades == 1
    usdt = next(till for till in snapshot.tills if till.posted.asset == USDT)
    assert usdt.posted == Amount.of("3000000", USDT) - Amount.of("100", USDT)
    assert usdt.usd is not None
    assert usdt.target == Decimal(3_000_000)


async def test_moving_prices_leave_ticks_and_a_direction(board: Board, paper: PaperHouse) -> None:
    for _ in range(20):
        await board.refresh()
        await paper.pass_time(1)
    mids = [tick.mid for tick in board.ticks("USDT/COP")]
    assert len(mids) == 20
    line = board.snapshot.line("USDT/COP")
    assert line is not None
    moves = [new - old for old, new in pairwise(mids) if new != old]
    assert moves, "the paper market stood still"
    assert line.moved == (1 if moves[-1] > 0 else -1)
    assert line.trail[-1] == mids[-1]


async def test_a_house_that_cannot_be_read_is_shown_stale_and_recovers(
    board: Board, paper: PaperHouse, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await board.fresh()

    async def away(*_: object, **__: object) -> list[Trade]:
        raise DatabaseAway

    with monkeypatch.context() as patch:
        patch.setattr(paper.house.trading, "trades", away)
        await paper.pass_time(5)
        await board.refresh()
        await paper.pass_time(5)
        await board.refresh()
        assert board.snapshot.stale_since == before.at
        assert board.snapshot.tills == before.tills
        assert board.snapshot.at > before.at
    await board.refresh()
    assert board.snapshot.stale_since is None


async def test_all_desks_share_one_reading_and_none_is_made_while_nobody_looks(
    board: Board, paper: PaperHouse, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[int] = []
    read = paper.house.trading.trades

    async def counted(*args: object, **kwargs: object) -> list[Trade]:
        readings.append(1)
        return await read(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(paper.house.trading, "trades", counted)
    runtime.tasks.keep("board", board.run)
    desks = [Desk() for _ in range(5)]
    for desk in desks:
        board.watch(desk)
    while len(desks[-1].shown) < 3:
        paper.clock.advance(1)
        await paper.clock.sleep(0)
        await _breathe(runtime)
    for desk in desks:
        board.leave(desk)
    assert len(readings) == len(desks[0].shown)
    assert all(desk.shown == desks[0].shown for desk in desks)
    paper.clock.advance(60)
    await _breathe(runtime)
    await _breathe(runtime)
    assert len(readings) <= len(desks[0].shown) + 1
    settled = len(readings)
    paper.clock.advance(60)
    await _breathe(runtime)
    assert len(readings) == settled


async def _breathe(runtime: Runtime) -> None:
    """Let what is under way come to rest: a few round trips to the database."""
    for _ in range(10):
        async with runtime.db.read() as reader:
            await reader.value("SELECT 1")


async def test_candles_are_read_once_for_all_who_draw_them(board: Board, paper: PaperHouse) -> None:
    for _ in range(4):
        await paper.pass_time(30)
    await board.draw("USDT/COP", "1m")
    first = board.candles("USDT/COP", "1m")
    assert first
    await paper.pass_time(4)
    await board.draw("USDT/COP", "1m")
    assert board.candles("USDT/COP", "1m") is first
    await paper.pass_time(2)
    await board.draw("USDT/COP", "1m")
    assert board.candles("USDT/COP", "1m") is not first
    await board.draw("USDT/COP", "live")
    assert board.candles("USDT/COP", "live") == ()
