"""The rosette of a banknote, drawn as an engraver's lathe would: waves around a circle, turned step by step."""

import math
from functools import cache

STEPS_A_WAVE = 20
# Radius, swing of the wave, waves around the circle, copies turned.
BELTS = ((400, 70, 24, 9), (285, 95, 12, 14), (150, 70, 8, 12))


@cache
def rosette() -> str:
    """An SVG of belts of fine closed lines, each line the one before turned a little further."""
    paths = "".join(
        f'<path d="{_wave(radius, swing, waves=waves, turn=copy / copies)}"/>'
        for radius, swing, waves, copies in BELTS
        for copy in range(copies)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-500 -500 1000 1000">'
        f'<g fill="none" stroke="#e8b84a" stroke-width="0.9" stroke-opacity="0.6">{paths}</g></svg>'
    )


def _wave(radius: int, swing: int, *, waves: int, turn: float) -> str:
    points = []
    steps = STEPS_A_WAVE * waves
    for step in range(steps):
        angle = 2 * math.pi * step / steps
        reach = radius + swing * math.sin(waves * angle + 2 * math.pi * turn)
        points.append(f"{reach * math.cos(angle):.1f} {reach * math.sin(angle):.1f}")
    return "M" + "L".join(points) + "Z"
