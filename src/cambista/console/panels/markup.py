"""Markup in small: escaping, badges, sparklines. Everything a panel shows from outside goes through `esc`."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from cambista.console.texts import Texts
from cambista.pricing import Rung

SPARK_WIDTH, SPARK_HEIGHT = 96, 28


def esc(text: object) -> str:
    """Text made safe for markup and for attributes in double quotes."""
    return escape(str(text), quote=True)


def panel(title: str, body: str, *, aside: str = "") -> str:
    """A titled panel."""
    return f'<header class="panel-head"><h2>{esc(title)}</h2><span class="aside">{aside}</span></header>{body}'


def empty(text: str) -> str:
    return f'<p class="empty">{esc(text)}</p>'


def rung_name(rung: Rung, words: Texts) -> str:
    return str(getattr(words, f"rung_{rung.value}"))


def rung_badge(rung: Rung, words: Texts) -> str:
    """The rung's colour and name."""
    return f'<span class="rung {rung.value}">{esc(rung_name(rung, words))}</span>'


def rung_dot(rung: Rung, words: Texts) -> str:
    """The rung as a dot of its colour, its name for those who point at it or listen."""
    name = esc(rung_name(rung, words))
    return f'<span class="dot {rung.value}" title="{name}" role="img" aria-label="{name}"></span>'


def direction(value: Decimal | int) -> str:
    return "up" if value > 0 else "down" if value < 0 else "flat"


def sparkline(values: Sequence[Decimal]) -> str:
    """A line of the values, the oldest left, as wide and high as the card gives it."""
    if len(values) < 2:
        return f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" aria-hidden="true"></svg>'
    low, high = min(values), max(values)
    span = high - low or Decimal(1)
    step = Decimal(SPARK_WIDTH) / (len(values) - 1)
    inner = SPARK_HEIGHT - 4
    points = [
        f"{index * step:.1f},{2 + inner * (1 - (value - low) / span if high > low else Decimal('0.5')):.1f}"
        for index, value in enumerate(values)
    ]
    line = " ".join(points)
    area = f"0,{SPARK_HEIGHT} {line} {SPARK_WIDTH},{SPARK_HEIGHT}"
    return (
        f'<svg class="spark {direction(values[-1] - values[0])}" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" '
        f'preserveAspectRatio="none" aria-hidden="true"><polygon points="{area}"/><polyline points="{line}"/></svg>'
    )
