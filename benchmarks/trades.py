"""Quotes and trades over HTTP, durable, with all in: keys, limits, receipts, postings, events, journal, answers."""

import json
from itertools import cycle, islice
from uuid import uuid4

from benchmarks import load
from benchmarks.load import Outcome

QUOTES, TRADES = "/api/v1/quotes", "/api/v1/trades"
_BODY = json.dumps({"pair": "USDT/COP", "side": "buy", "amount": "5", "amount_asset": "USDT"}).encode()


async def ask_quotes(url: str, keys: list[str], count: int, *, connections: int) -> tuple[Outcome, list[bytes]]:
    """Firm quotes asked for, and for each quote given the prepared request of its owner that takes it."""
    owners = list(islice(cycle(keys), count))
    outcome = await load.run(
        url, [load.post(QUOTES, _BODY, x_api_key=key) for key in owners], connections=connections, keep=True
    )
    taking = [_acceptance(owners[index], json.loads(body)["id"]) for index, body in outcome.bodies]
    return outcome, taking


def _acceptance(key: str, quote_id: str) -> bytes:
    body = json.dumps({"quote_id": quote_id}).encode()
    return load.post(TRADES, body, x_api_key=key, idempotency_key=str(uuid4()))


async def take_quotes(url: str, taking: list[bytes], *, connections: int) -> Outcome:
    """Trades made of those quotes."""
    outcome = await load.run(url, taking, connections=connections)
    assert set(outcome.statuses) == {201}, outcome.statuses
    return outcome
