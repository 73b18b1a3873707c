"""Run by `matching.py` in an interpreter that has `lightmatchingengine`: reads the stream, prints commands a second."""

import sys
import time

from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side


def main() -> None:
    stream = [line.rstrip("\n").split("\t") for line in sys.stdin]
    sides = {"buy": Side.BUY, "sell": Side.SELL}
    told = [
        (verb == "add", int(id), sides.get(side), int(price or 0), int(quantity or 0))
        for verb, id, side, price, quantity in stream
    ]
    engine = LightMatchingEngine()
    given: dict[int, int] = {}
    filled = 0
    began = time.perf_counter()
    for adds, id, side, price, quantity in told:
        if adds:
            order, _ = engine.add_order("X", price, quantity, side)
            given[id] = order.order_id
        elif id in given:
            try:
                engine.cancel_order(given[id], "X")
            except AssertionError:
                # Of an order that was filled, together with its whole level, this engine's own check fails.
                filled += 1
    print(len(told) / (time.perf_counter() - began))


main()
