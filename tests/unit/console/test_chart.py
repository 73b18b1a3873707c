"""What the chart draws."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cambista.console import chart
from cambista.console.snapshot import Tick
from cambista.console.texts import Language
from cambista.kernel.registry import PAIRS
from cambista.pricing import Candle

PAIR = PAIRS["USDT/COP"].pair
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 24, 17, 30, 20, tzinfo=UTC)
OPENED = NOW.replace(second=0)
LOOK = chart.Look(PAIR, Language.EN, "dark")


def candle(opened_at: datetime, *values: int) -> Candle:
    opening, high, low, close = map(Decimal, values)
    return Candle(PAIR, opened_at, opening, high, low, close, 60)


def tick(mid: str, at: datetime = NOW) -> Tick:
    value = Decimal(mid)
    return Tick(at, value - 1, value + 1, value)


def points(options: dict[str, Any]) -> list[Any]:
    [series] = options["series"]
    found = series["data"][: len(options["xAxis"]["data"]) - chart.ROOM]
    assert series["data"][len(found) :] == ["-"] * chart.ROOM
    return list(found)


def test_a_candle_is_drawn_where_its_time_is_and_gaps_stay_gaps() -> None:
    candles = [candle(OPENED - 3 * MINUTE, 10, 14, 9, 12), candle(OPENED - MINUTE, 12, 13, 11, 11)]
    drawn = points(chart.candle_options(candles, None, MINUTE, now=NOW, look=LOOK))
    assert drawn[-4:] == [[10, 12, 9, 14], "-", [12, 11, 11, 13], "-"]


def test_the_last_tick_closes_and_stretches_the_running_candle() -> None:
    running = [candle(OPENED, 10, 12, 9, 11)]
    assert points(chart.candle_options(running, tick("14"), MINUTE, now=NOW, look=LOOK))[-1] == [10, 14, 9, 14]
    assert points(chart.candle_options(running, tick("8"), MINUTE, now=NOW, look=LOOK))[-1] == [10, 8, 8, 12]


def test_the_first_tick_of_a_minute_opens_its_candle() -> None:
    drawn = points(chart.candle_options([], tick("14"), MINUTE, now=NOW, look=LOOK))
    assert drawn == ["-"] * (chart.SLOTS_MIN - 1) + [[14, 14, 14, 14]]


def test_the_chart_never_draws_more_slots_than_it_has_room_for() -> None:
    candles = [candle(OPENED - number * MINUTE, 10, 12, 9, 11) for number in range(200, -1, -1)]
    drawn = points(chart.candle_options(candles, None, MINUTE, now=NOW, look=LOOK))
    assert len(drawn) == chart.SLOTS_MAX
    assert "-" not in drawn


@pytest.mark.parametrize("count", (0, 1, chart.TICKS_MIN, chart.TICKS_MAX + 50))
def test_ticks_fill_the_live_chart_from_the_right_within_bounds(count: int) -> None:
    ticks = [tick(str(4000 + number)) for number in range(count)]
    options = chart.live_options(ticks, look=LOOK)
    [series] = options["series"]
    assert len(series["data"]) == len(options["xAxis"]["data"])
    assert chart.TICKS_MIN <= len(series["data"]) <= chart.TICKS_MAX
    drawn = [value for value in series["data"] if value != "-"]
    assert drawn == [float(each.mid) for each in ticks[-chart.TICKS_MAX :]]


def test_the_last_price_is_written_exactly_and_in_the_readers_language() -> None:
    look = chart.Look(PAIR, Language.ES, "light")
    options = chart.candle_options([], tick("4016.205"), MINUTE, now=NOW, look=look)
    assert options["series"][0]["markLine"]["label"]["formatter"] == "4.016,20"


def test_both_themes_colour_the_same_things() -> None:
    assert chart.PALETTES["dark"].keys() == chart.PALETTES["light"].keys()
