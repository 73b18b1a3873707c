"""A folder of recordings becomes one day: found by name, read within bounds, in order, at the speed asked for."""

import gzip
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from cambista.venues import Flag, Observation, RecordingsNotFound, Replay, ReplaySpeedInvalid, SourceKind, replay_events
from cambista.venues.replay.library import merged, recordings
from cambista.venues.replay.recording import LINE_MAX, lines
from tests.unit.venues.worlds import START, USDT_VES, SteppingClock

STATS = "usdt_ves_p2p_top20_stats.csv"
STATS_HEADER = "datetime_utc,buy_median,sell_median\n"
BARS = "usd_cop_5min.csv"
BARS_HEADER = "time,open,high,low,close\n"


def _write(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("".join(rows), encoding="utf-8")
    return path


def _minutes(*prices: tuple[str, str]) -> str:
    return "".join(f"2026-01-03T08:{minute:02}:00Z,{ask},{bid}\n" for minute, (ask, bid) in enumerate(prices))


def _polls(folder: Path, *prices: tuple[str, str]) -> list[Observation]:
    _write(folder, STATS, STATS_HEADER, _minutes(*prices))
    return [observation for _, observation in replay_events(folder)]


def test_medians_in_their_order_are_the_two_sides(tmp_path: Path) -> None:
    (poll,) = _polls(tmp_path, ("631.97", "630.93"))
    assert (poll.bid, poll.ask, poll.kind) == (Decimal("630.93"), Decimal("631.97"), SourceKind.P2P_ADS)
    assert poll.flags == {Flag.SIZE_NOMINAL}


def test_crossed_medians_become_the_spread_and_are_marked(tmp_path: Path) -> None:
    (poll,) = _polls(tmp_path, ("269", "271"))
    assert (poll.bid, poll.ask) == (Decimal(269), Decimal(271))
    assert Flag.UNCROSSED in poll.flags


def test_of_two_medians_far_apart_only_the_one_near_the_last_price_is_kept(tmp_path: Path) -> None:
    polls = _polls(tmp_path, ("602", "600"), ("899", "604"), ("603", "601"), ("599", "700"))
    assert [(poll.bid, poll.ask) for poll in polls[1::2]] == [(Decimal(604), None), (None, Decimal(599))]
    assert all(Flag.WIDE in poll.flags for poll in polls[1::2])


def test_two_medians_far_apart_with_nothing_to_judge_by_or_both_far_away_are_left_out(tmp_path: Path) -> None:
    polls = _polls(tmp_path, ("899", "604"), ("602", "600"), ("900", "800"))
    assert [(poll.bid, poll.ask) for poll in polls] == [(Decimal(600), Decimal(602))]


def test_a_devaluation_that_both_sides_follow_is_believed(tmp_path: Path) -> None:
    polls = _polls(tmp_path, ("602", "600"), ("903", "900"))
    assert (polls[-1].bid, polls[-1].ask) == (Decimal(900), Decimal(903))


def test_a_bars_close_is_a_reference_without_a_spread(tmp_path: Path) -> None:
    _write(tmp_path, BARS, BARS_HEADER, "2020-01-02T08:00:00Z,3288.0,3288.0,3270.26001,3271.76001\n")
    ((moment, bar),) = replay_events(tmp_path)
    assert (moment, bar.bid, bar.ask) == (datetime(2020, 1, 2, 8, tzinfo=UTC), Decimal("3271.76001"), bar.bid)
    assert bar.kind is SourceKind.REFERENCE
    assert bar.flags == {Flag.SIZE_NOMINAL}


async def test_rows_that_are_not_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    good = "2020-01-02T08:05:00Z,1,5,1,3\n"
    bad = ("x,1,5,1,3", "2020-01-02T08:00:00Z,1,5,4,3", "2020-01-02T08:00:00Z,1,5,1", "2020-01-02T08:00:00Z,1,NaN,1,3")
    _write(tmp_path, BARS, BARS_HEADER, *(f"{row}\n" for row in bad), good)
    replay = Replay(tmp_path, clock=SteppingClock(), speed=0)
    assert [[each.bid for each in batch] async for batch in replay.observations()] == [[Decimal(3)]]
    assert replay.skipped == {"row": 4}


def _prices(folder: Path) -> list[Decimal | None]:
    return [observation.bid for _, observation in replay_events(folder)]


def test_a_file_of_another_form_under_a_known_name_gives_nothing(tmp_path: Path) -> None:
    _write(tmp_path, BARS, "a,b\n1,2\n")
    (tmp_path / STATS).write_bytes(bytes(range(256)) * 20)
    (tmp_path / "binance_spot_ws_btcusdt_x.txt.gz").write_bytes(b"\x1f\x8bnot gzip at all")
    assert list(replay_events(tmp_path)) == []


def test_a_gzip_file_cut_short_ends_where_it_breaks(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-02T{n // 60:02}:{n % 60:02}:00Z,1,{n + 5},1,{n + 3}\n" for n in range(600))
    whole = gzip.compress((BARS_HEADER + rows).encode())
    (tmp_path / f"{BARS}.gz").write_bytes(whole[: len(whole) // 2])
    assert 0 < len(_prices(tmp_path)) < 600


def test_a_line_without_end_is_skipped_within_its_bound(tmp_path: Path) -> None:
    skipped: Counter[str] = Counter()
    path = tmp_path / "long.txt"
    path.write_bytes(b"first\n" + b"x" * (3 * LINE_MAX) + b"\nlast\n" + b"y" * LINE_MAX)
    assert list(lines(path, skipped)) == [b"first\n", b"last\n"]
    assert skipped == {"line_too_long": 2}


def test_a_time_that_goes_back_takes_the_one_before(tmp_path: Path) -> None:
    rows = (f"2020-01-02T08:{minute:02}:00Z,1,5,1,3\n" for minute in (10, 5, 20))
    _write(tmp_path, BARS, BARS_HEADER, *rows)
    assert [moment.minute for moment, _ in replay_events(tmp_path)] == [10, 10, 20]


def test_recordings_of_different_years_begin_together_and_go_on_by_their_own_pace(tmp_path: Path) -> None:
    _write(tmp_path, BARS, BARS_HEADER, *(f"2020-01-02T08:{m:02}:00Z,1,5,1,3\n" for m in (0, 5)))
    _write(tmp_path, STATS, STATS_HEADER, _minutes(*[("602", "600")] * 8))
    order = [(str(observation.pair), moment.minute) for moment, observation in replay_events(tmp_path)]
    assert set(order[:2]) == {("USD/COP", 0), ("USDT/VES", 0)}
    assert order.index(("USD/COP", 5)) in (6, 7)
    assert [minute for pair, minute in order if pair == "USDT/VES"] == list(range(8))


def test_two_recordings_of_one_market_keep_their_distance_and_begin_again_together(tmp_path: Path) -> None:
    _write(tmp_path, STATS, STATS_HEADER, _minutes(*[("602", "600")] * 3))
    merchants = "datetime_utc,buy_second_highest,sell_highest\n"
    _write(tmp_path, "usdt_ves_p2p_merchants.csv", merchants, "2026-01-03T08:01:30Z,604,603\n")
    order = [moment.second or moment.minute for moment, _ in replay_events(tmp_path)]
    assert order == [0, 1, 30, 2]
    found = recordings(tmp_path)
    repeated = [since.total_seconds() for since, _, _ in islice(merged(found, repeat=True), 8)]
    assert repeated == [0, 60, 90, 120, 150, 210, 240, 270]


def test_two_recordings_of_one_market_from_different_months_begin_together(tmp_path: Path) -> None:
    _write(tmp_path, STATS, STATS_HEADER, _minutes(*[("602", "600")] * 3))
    merchants = "datetime_utc,buy_second_highest,sell_highest\n"
    _write(tmp_path, "usdt_ves_p2p_merchants.csv", merchants, "2026-03-03T08:01:30Z,604,603\n")
    assert {moment.month for moment, _ in islice(replay_events(tmp_path), 2)} == {1, 3}


def test_only_the_pairs_asked_for_are_played(tmp_path: Path) -> None:
    _write(tmp_path, BARS, BARS_HEADER, "2020-01-02T08:00:00Z,1,5,1,3\n")
    _write(tmp_path, STATS, STATS_HEADER, _minutes(("602", "600")))
    assert {str(each.pair) for _, each in replay_events(tmp_path, [USDT_VES])} == {"USDT/VES"}
    assert Replay(tmp_path, clock=SteppingClock(), pairs=[USDT_VES]).pairs == {USDT_VES}


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "notes_p2p_top20_stats.txt", "x")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RecordingsNotFound):
            replay_events(folder)


@pytest.mark.parametrize(
    ("speed", "repeat"), [(-1.0, False), (float("nan"), False), (float("inf"), False), (0.0, True)]
)
def test_a_speed_that_cannot_be_kept_is_refused(tmp_path: Path, speed: float, repeat: bool) -> None:
    with pytest.raises(ReplaySpeedInvalid):
        Replay(tmp_path, clock=SteppingClock(), speed=speed, repeat=repeat)


async def _played(replay: Replay, clock: SteppingClock, batches: int) -> list[tuple[float, Sequence[Observation]]]:
    played = []
    async for batch in replay.observations():
        played.append((clock.monotonic(), batch))
        if len(played) == batches:
            break
    return played


async def test_a_replay_keeps_its_pace_and_speaks_in_the_houses_time(tmp_path: Path) -> None:
    _write(tmp_path, STATS, STATS_HEADER, _minutes(*[("602", "600")] * 3))
    clock = SteppingClock()
    played = await _played(Replay(tmp_path, clock=clock, speed=60), clock, 3)
    assert [round(at, 6) for at, _ in played] == [0, 1, 2]
    last = played[-1][1][0]
    assert last.observed_at == last.received_at == START + timedelta(seconds=2)
    assert last.recorded_at == datetime(2026, 1, 3, 8, 2, tzinfo=UTC)


async def test_a_repeating_replay_begins_again_after_its_usual_pause(tmp_path: Path) -> None:
    _write(tmp_path, STATS, STATS_HEADER, _minutes(("602", "600"), ("702", "700")))
    clock = SteppingClock()
    played = await _played(Replay(tmp_path, clock=clock, speed=1, repeat=True), clock, 5)
    assert [batch[0].bid for _, batch in played] == [600, 700, 600, 700, 600]
    assert [at for at, _ in played] == [0, 60, 90, 150, 180]


async def test_what_is_due_within_a_moment_is_told_at_once_and_only_the_newest_of_it(tmp_path: Path) -> None:
    _write(tmp_path, STATS, STATS_HEADER, _minutes(*[(f"{602 + n}", f"{600 + n}") for n in range(10)]))
    clock = SteppingClock()
    played = await _played(Replay(tmp_path, clock=clock, speed=60_000), clock, 2)
    assert [[each.bid for each in batch] for _, batch in played] == [[600], [609]]
    all_of_it = await _played(Replay(tmp_path, clock=clock, speed=0), clock, 1)
    assert [each.bid for each in all_of_it[0][1]] == list(range(600, 610))


class SlowMachine(SteppingClock):
    """Ten milliseconds go by whenever somebody looks at the clock; it remembers how long others slept."""

    def __init__(self) -> None:
        super().__init__()
        self.worked = self.slept = 0.0

    def monotonic(self) -> float:
        self.worked += 0.01
        return super().monotonic() + self.worked

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        await super().sleep(seconds)


async def test_a_machine_too_slow_for_the_speed_plays_slower_and_leaves_half_of_the_time_to_the_house(
    tmp_path: Path,
) -> None:
    _write(tmp_path, STATS, STATS_HEADER, _minutes(*[(f"{602 + n % 9}", f"{600 + n % 9}") for n in range(60)]))
    clock = SlowMachine()
    batches = [batch async for batch in Replay(tmp_path, clock=clock, speed=1_000_000).observations()]
    assert sum(len(batch) for batch in batches) > 10
    assert clock.slept >= clock.worked * 0.4


def _spot_line(nanoseconds: int, stream: str, body: object) -> str:
    return f"{nanoseconds} {msgspec.json.encode({'stream': stream, 'data': body}).decode()}\n"


def test_a_spot_stream_gives_the_book_after_each_difference_and_each_moved_ticker(tmp_path: Path) -> None:
    second = 10**9
    ticker = {"u": 103, "s": "BTCUSDT", "b": "10.5", "B": "1", "a": "11", "A": "1"}
    difference = {"s": "BTCUSDT", "U": 101, "u": 102, "b": [["10", "2"]], "a": []}
    _write(
        tmp_path,
        "binance_spot_ws_btcusdt_today.txt",
        '1000000000 {"lastUpdateId":100,"bids":[["10","1"]],"asks":[["11","1"]]}\n',
        _spot_line(2 * second, "btcusdt@depth@100ms", difference),
        "no line at all\n",
        "3 {broken\n",
        '99999999999999999999 {"lastUpdateId":1,"bids":[],"asks":[]}\n',
        _spot_line(4 * second, "btcusdt@bookTicker", ticker),
        _spot_line(5 * second, "btcusdt@trade", {"p": "10.5"}),
        _spot_line(6 * second, "ethusdt@bookTicker", ticker | {"s": "ETHUSDT", "u": 104, "b": "9"}),
        _spot_line(7 * second, "btcusdt@depth@100ms", difference | {"U": 110, "u": 111}),
        _spot_line(8 * second, "btcusdt@bookTicker", ticker | {"u": 112, "b": "9"}),
    )
    played = [(moment.second, each.bid, str(each.bids[-1].quantity)) for moment, each in replay_events(tmp_path)]
    assert played == [(1, 10, "1"), (2, 10, "2"), (4, Decimal("10.5"), "2")]


def _ad(price: str, side: str, **more: object) -> dict[str, object]:
    terms = {"tradeType": side, "asset": "USDT", "fiatUnit": "BOB", "price": price, "tradableQuantity": "500"}
    return {"adv": terms, **more}


def _list(minute: int, lado: str, *ads: object, **more: object) -> str:
    answer = {"fecha_utc": f"2026-07-29 03:{minute:02}:00", "mercado": "BOB-todos", "fiat": "BOB", "asset": "USDT"}
    return msgspec.json.encode({**answer, "lado": lado, "anuncios": ads, **more}).decode() + "\n"


def test_both_lists_of_a_moment_become_one_book_without_the_promoted_ad(tmp_path: Path) -> None:
    _write(
        tmp_path,
        "binance_p2p_ads_usdt_bob.jsonl",
        _list(1, "compra", _ad("9.9", "SELL", privilegeType=8), _ad("11.9", "SELL"), _ad("11.8", "SELL"), {"adv": 1}),
        "{broken\n",
        _list(1, "venta", _ad("11.7", "BUY"), _ad("12.9", "BUY", privilegeType=8)),
        _list(2, "compra", _ad("11.95", "SELL")),
        _list(3, "venta", _ad("11.6", "BUY"), _ad("11.65", "BUY")),
        _list(4, "otra", _ad("11.6", "BUY")),
        _list(5, "venta", _ad("11.6", "BUY"), fiat="XXX"),
    )
    played = [(moment.minute, each.bid, each.ask) for moment, each in replay_events(tmp_path)]
    assert played == [
        (1, Decimal("11.7"), Decimal("11.8")),
        (2, None, Decimal("11.95")),
        (3, Decimal("11.65"), None),
    ]
