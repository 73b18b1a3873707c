"""`cambista serve --replay`: anybody trades on recorded markets over HTTP, and the books and receipts prove it."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cambista.kernel.registry import PAIRS
from tests.e2e.clients import BUSY_TIERS, Caller, good
from tests.e2e.conftest import staff
from tests.replays import PATHS, Tape, tapes

CAMBISTA = (sys.executable, "-m", "cambista.app.cli")
SPEED = 60
WITHIN_S = 60
ROUNDS = 12
# What of a recording can have been played: it takes a fraction of a minute, at a minute a second.
PLAYED = timedelta(hours=2)
RECORDED = ("BTC/USDT", "ETH/USDT", "USDT/USD", "USDT/VES", "USDT/BOB", "USD/COP")
PURSE = {
    "BTC": ("bitcoin", "1"), "ETH": ("ethereum", "10"), "USDT": ("tron", "20000"), "USD": ("cash", "5000"),
    "COP": ("cash", "20000000"), "VES": ("cash", "2000000"), "BOB": ("cash", "50000"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Running:
    """A house of its own process, its address and its home."""

    process: "subprocess.Popen[str]"
    url: str
    home: Path

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Another command of the house beside it."""
        return subprocess.run(
            [*CAMBISTA, *command],
            cwd=self.home, env=_environment(self.home), capture_output=True, text=True, timeout=WITHIN_S, check=False,
        )  # fmt: skip


def _environment(home: Path) -> dict[str, str]:
    # The tests' own settings must not reach the house.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CAMBISTA_")}
    return plain | {
        "CAMBISTA_GATEWAY__TIERS": BUSY_TIERS,
        "CAMBISTA_HOME": str(home),
        "CAMBISTA_CONSOLE": "false",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }


@pytest.fixture
def running(shared_data: Path, tmp_path: Path) -> Iterator[Running]:
    """`cambista serve --replay` on a free port; whatever happens, it does not outlive the test."""
    home = tmp_path / "house"
    home.mkdir()
    command = [*CAMBISTA, "serve", "--port", "0", "--replay", str(shared_data), "--speed", str(SPEED)]
    with (tmp_path / "serve.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=home, env=_environment(home), stdout=subprocess.PIPE, stderr=log, text=True
        )
        watchdog = threading.Timer(2 * WITHIN_S, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            said = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in process.stdout)
            opened = next((found[0] for found in said if found), None)
            assert opened, (tmp_path / "serve.log").read_text()
            yield Running(process, opened, home)
            assert "Traceback" not in (tmp_path / "serve.log").read_text()
        finally:
            watchdog.cancel()
            process.kill()
            process.communicate()


@pytest.fixture
async def http(running: Running) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=running.url, timeout=30) as client:
        while (await client.get("/health/readiness")).status_code != httpx2.codes.OK:
            assert running.process.poll() is None
        yield client


@pytest.fixture
async def customer(running: Running, http: httpx2.AsyncClient) -> Caller:
    """A customer with some of every asset that is recorded, registered and funded with the admin's key."""
    admin = Caller(http, (running.home / "admin.key").read_text().strip())
    operator = await staff(admin, "operator")
    body = {"email": "ana@example.com", "full_name": "Ana Prueba", "country": "CO"}
    made = good(await operator.post("/customers", body), 201)
    key = good(await admin.post("/api-keys", {"owner_id": made["id"], "name": "Test"}), 201)
    for asset, (rail, amount) in PURSE.items():
        deposit = {
            "customer_id": made["id"], "asset": asset, "amount": amount, "rail": rail, "reference": f"ana-{asset}",
            "payer": {"name": "Ana Prueba"},
        }  # fmt: skip
        assert good(await operator.post("/deposits", deposit), 201)["status"] == "credited"
    return Caller(http, key["key"], made["id"])


def _bounds(recorded: Mapping[str, Tape]) -> dict[str, tuple[Decimal, Decimal]]:
    # The lowest bid and the highest ask of what can have been played, over each pair's way.
    seen: dict[str, list[Decimal]] = defaultdict(list)
    for tape in recorded.values():
        played = [word for word in tape.words if word.at - tape.times[0] <= PLAYED and not word.absurd]
        seen[tape.pair] += [side for word in played for side in (word.bid, word.ask)]
    bounds = {pair: (min(prices), max(prices)) for pair, prices in seen.items()}
    for pair, ways in PATHS.items():
        low = high = Decimal(1)
        for leg in ways[0]:
            low, high = low * bounds[leg][0], high * bounds[leg][1]
        bounds[pair] = low, high
    return bounds


async def test_a_customer_trades_on_a_replayed_day_over_http(
    running: Running, customer: Caller, shared_data: Path
) -> None:
    bounds = _bounds(tapes(shared_data))
    traded: Counter[str] = Counter()
    prices: dict[str, set[str]] = defaultdict(set)
    quotes: list[str] = []
    for _ in range(ROUNDS):
        for pair, (low, high) in bounds.items():
            for side in ("buy", "sell"):
                quote = await _quote(customer, pair, side)
                if quote is None:
                    continue
                price = Decimal(quote["price"])
                assert low * Decimal("0.95") < price < high * Decimal("1.05"), quote
                assert price > low if side == "buy" else price < high, quote
                trade = good(await customer.post("/trades", {"quote_id": quote["id"]}), 201)
                assert trade["price"] == quote["price"]
                prices[pair].add(quote["price"])
                quotes.append(quote["id"])
                traded[pair] += 1
    assert {pair for pair in bounds if traded[pair] >= ROUNDS} == set(bounds)
    assert len(prices["BTC/USDT"]) > ROUNDS, "the market stood still"
    listed = good(await customer.get("/trades", limit=200))["items"]
    assert len({each["quote_id"] for each in listed}) == len(listed)
    _prove(running, quotes)


async def _quote(customer: Caller, pair: str, side: str) -> Any | None:
    """A quote of ten times the pair's least; None when the recording has just fallen silent."""
    spec = PAIRS[pair]
    body = {"pair": pair, "side": side, "amount": f"{spec.minimum.decimal * 10:f}", "amount_asset": spec.pair.base.code}
    answer = await customer.post("/quotes", body)
    if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
        assert answer.json()["code"] == "no_price"
        return None
    return good(answer, 201)


def _prove(running: Running, quotes: list[str]) -> None:
    explained = running.run("pricing", "explain", quotes[-1])
    assert explained.returncode == 0, explained.stderr
    assert "recomputes bit for bit" in explained.stdout
    books = running.run("ledger", "check")
    assert books.returncode == 0, books.stdout + books.stderr
    running.process.send_signal(signal.SIGINT)
    running.process.communicate(timeout=WITHIN_S)
    assert running.process.returncode == 0
