"""Quotes and trades over HTTP, durable, with everything in: keys, limits, receipts, postings, events, journal, answers."""

import json
from itertools import cycle, islice
from uuid import uuid4

from benchmarks import load
from benchmarks.load import Outcome

QUOTES, TRADES = "/api/v1/quotes", "/api/v1/trades"


async def take_quotes(url: str, keys: list[str], count: int, *, connections: int) -> tuple[Outcome, list[bytes]]:
    """Ask for that many firm quotes; the outcome, and for each quote a prepared request that takes it."""
    body = json.dumps({"pair": "USDT/COP", "side": "buy", "amount": "5", "amount_asset": "USDT"}).encode()
    asking = [load.post(QUOTES, body, x_api_key=key) for key in islice(cycle(keys), count)]
    # A connection's answers come in its own order, so each quote goes back to its owner by the id in its body.
    outcome = await load.run(url, asking, connections=connections, keep=True)
    return outcome, outcome.bodies


def acceptances(bodies: list[bytes], keys: dict[str, str]) -> list[bytes]:
    """For each quote, its owner's request to trade it."""
    requests: list[bytes] = []
    for each in bodies:
        quote = json.loads(each)
        body = json.dumps({"quote_id": quote["id"]}).encode()
        requests.append(load.post(TRADES, body, x_api_key=keys[quote["id"]], idempotency_key=str(uuid4())))
    return requests
