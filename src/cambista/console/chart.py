"""What the chart draws: candles, or the last minutes tick by tick. Floats live here, for drawing only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cambista.console import formats
from cambista.console.snapshot import Tick
from cambista.console.texts import Language, texts
from cambista.kernel.market import Pair
from cambista.pricing import Candle

LIVE = "live"
SLOTS_MIN, SLOTS_MAX = 45, 84
TICKS_MIN, TICKS_MAX = 60, 180
ROOM = 4
BOGOTA = ZoneInfo("America/Bogota")
EPOCH = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))
FONT = "Roboto, system-ui, sans-serif"
PALETTES: Mapping[str, Mapping[str, str]] = {
    "dark": {
        "up": "#3ddc97", "down": "#ff6f61", "line": "#e8b84a", "text": "#8ea79b", "grid": "rgba(142,167,155,.10)",
        "band": "rgba(232,184,74,.16)", "tip": "#14211c", "edge": "#2b3d35", "ink": "#eaf2ed", "on": "#0b1210",
    },
    "light": {
        "up": "#0b7a53", "down": "#c2382b", "line": "#a8750c", "text": "#66756d", "grid": "rgba(20,33,28,.08)",
        "band": "rgba(168,117,12,.14)", "tip": "#fffdf6", "edge": "#d9d2bf", "ink": "#14211c", "on": "#fffdf6",
    },
}  # fmt: skip


def drawn(value: Decimal) -> float:
    """A price as a point on the screen: the one place where the console lets a decimal become a float."""
    return float(value)


@dataclass(frozen=True, slots=True)
class Look:
    """How a chart is to look: the pair's digits, the language and the theme (`dark`, `light`)."""

    pair: Pair
    language: Language
    theme: str


def candle_options(
    candles: Sequence[Candle], last: Tick | None, width: timedelta, *, now: datetime, look: Look
) -> dict[str, Any]:
    """Candles on a fixed number of slots up to now, the running one closed by the last tick; gaps stay gaps."""
    bars = {candle.opened_at: [candle.open, candle.close, candle.low, candle.high] for candle in candles}
    if last is not None:
        bar = bars.setdefault(_floor(last.at, width), [last.mid, last.mid, last.mid, last.mid])
        bar[1], bar[2], bar[3] = last.mid, min(bar[2], last.mid), max(bar[3], last.mid)
    slots = _slots(now, width, oldest=min(bars, default=now))
    points = [[drawn(value) for value in bars[slot]] if slot in bars else "-" for slot in slots]
    palette, words = PALETTES[look.theme], texts(look.language)
    series = {
        "type": "candlestick",
        "dimensions": ["", words.open_, words.close, words.low, words.high],
        "data": [*points, *["-"] * ROOM],
        "barMaxWidth": 9,
        "itemStyle": {
            "color": palette["up"], "borderColor": palette["up"],
            "color0": palette["down"], "borderColor0": palette["down"],
        },
        "markLine": _last_line(last, look),
    }  # fmt: skip
    labels = [_label(slot, width) for slot in slots] + [""] * ROOM
    return _frame(labels, [series], look)


def live_options(ticks: Sequence[Tick], *, look: Look) -> dict[str, Any]:
    """The mid tick by tick, the newest at the right."""
    ticks = ticks[-TICKS_MAX:]
    blank = max(TICKS_MIN - len(ticks), 0)
    palette, words = PALETTES[look.theme], texts(look.language)
    fade = {
        "type": "linear", "x": 0, "y": 0, "x2": 0, "y2": 1,
        "colorStops": [{"offset": 0, "color": palette["band"]}, {"offset": 1, "color": "rgba(0,0,0,0)"}],
    }  # fmt: skip
    series = {
        "type": "line", "name": words.mid, "symbol": "none",
        "data": ["-"] * blank + [drawn(tick.mid) for tick in ticks],
        "lineStyle": {"width": 2, "color": palette["line"]}, "itemStyle": {"color": palette["line"]},
        "areaStyle": {"color": fade, "origin": "start"}, "markLine": _last_line(ticks[-1] if ticks else None, look),
    }  # fmt: skip
    labels = [""] * blank + [formats.clock(tick.at, BOGOTA) for tick in ticks]
    return _frame(labels, [series], look)


def _slots(now: datetime, width: timedelta, *, oldest: datetime) -> list[datetime]:
    newest = _floor(now, width)
    count = min(max((newest - oldest) // width + 1, SLOTS_MIN), SLOTS_MAX)
    return [newest - width * back for back in range(count - 1, -1, -1)]


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - EPOCH) % width


def _label(moment: datetime, width: timedelta) -> str:
    local = moment.astimezone(BOGOTA)
    return local.strftime("%d/%m") if width >= timedelta(days=1) else local.strftime("%H:%M")


def _last_line(last: Tick | None, look: Look) -> dict[str, Any]:
    if last is None:
        return {"data": []}
    palette = PALETTES[look.theme]
    return {
        "symbol": "none", "silent": True, "animation": False,
        "lineStyle": {"color": palette["line"], "type": [3, 4], "width": 1},
        "label": {
            "position": "end", "formatter": formats.price(last.mid, look.pair, look.language), "fontFamily": FONT,
            "fontSize": 11, "fontWeight": 600, "color": palette["on"], "backgroundColor": palette["line"],
            "padding": [4, 6], "borderRadius": 3,
        },
        "data": [{"yAxis": drawn(last.mid)}],
    }  # fmt: skip


def _frame(labels: Sequence[str], series: Sequence[dict[str, Any]], look: Look) -> dict[str, Any]:
    palette = PALETTES[look.theme]
    locale = "es-CO" if look.language is Language.ES else "en-US"
    places = formats.price_places(look.pair)
    digits = f"{{minimumFractionDigits: 0, maximumFractionDigits: {places}}}"
    written = f"(value) => typeof value === 'number' ? value.toLocaleString('{locale}', {digits}) : value"
    label = {"color": palette["text"], "fontFamily": FONT, "fontSize": 11}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 84, "top": 14, "bottom": 26},
        "xAxis": {
            "type": "category", "data": list(labels), "boundaryGap": True, "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": palette["grid"]}}, "axisLabel": {**label, "hideOverlap": True},
            "axisPointer": {"label": {"show": False}},
        },
        "yAxis": {
            "type": "value", "scale": True, "position": "right", "splitNumber": 5,
            "axisLabel": {**label, ":formatter": written},
            "splitLine": {"lineStyle": {"color": palette["grid"]}},
            "axisPointer": {"label": {":formatter": f"(point) => ({written})(point.value)"}},
        },
        "tooltip": {
            "trigger": "axis", "confine": True, "backgroundColor": palette["tip"], "borderColor": palette["edge"],
            "textStyle": {"color": palette["ink"], "fontFamily": FONT, "fontSize": 12}, ":valueFormatter": written,
            "axisPointer": {
                "type": "cross", "lineStyle": {"color": palette["text"]}, "crossStyle": {"color": palette["text"]},
                "label": {"backgroundColor": palette["edge"], "color": palette["ink"], "fontFamily": FONT},
            },
        },
        "series": list(series),
    }  # fmt: skip
