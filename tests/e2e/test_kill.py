"""kill -9 under load, for real: server, PostgreSQL, both; each acknowledged trade is there once, nothing else moved."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from cambista.runtime.postgres import running_dsn
from tests.e2e.clients import BASE, BUSY_TIERS, good
from tests.simulation import invariants

CLIENTS, ACKNOWLEDGED_A_ROUND = 4, 25
ROUNDS = ("server", "postgres", "both", "server", "postgres")
READY_WITHIN_S, BACK_WITHIN_S, RETRY_S = 60, 60, 0.05
PRICE_WORST = {"buy": "9000", "sell": "500"}


@dataclass
class Server:
    """`cambista serve` as a process of its own, on a home that outlives it."""

    home: Path
    port: str = "0"
    url: str = ""
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it says where it listens; later starts listen there again."""
        log = (self.home.parent / "server.log").open("ab")
        env = {
            **os.environ,
            "CAMBISTA_HOME": str(self.home),
            "CAMBISTA_CONSOLE": "false",
            "CAMBISTA_TRADING__QUOTE_TTL_S": "120",
            "CAMBISTA_GATEWAY__TIERS": BUSY_TIERS,
            "COLUMNS": "200",
        }
        command = (sys.executable, "-m", "cambista.app.cli", "serve", "--port", self.port)
        self.process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=log, env=env
        )
        log.close()
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_WITHIN_S):
            while b"is open" not in (line := await self.process.stdout.readline()):
                assert line, (self.home.parent / "server.log").read_text()[-3000:]
        self.url = line.decode().split()[-1]
        self.port = self.url.rsplit(":", 1)[1]

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    def kill_postgres(self) -> None:
        os.kill(int((self.home / "postgres" / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    async def check_ledger(self) -> Any:
        """What `cambista ledger check` says beside the running house."""
        command = (sys.executable, "-m", "cambista.app.cli", "ledger", "check", "--json")
        env = {**os.environ, "CAMBISTA_HOME": str(self.home)}
        checker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=env)
        said, _ = await checker.communicate()
        assert checker.returncode == 0, said
        return json.loads(said)


@dataclass
class Load:
    """Customers who trade all the time; each keeps asking with the same key until it knows."""

    server: Server
    http: httpx2.AsyncClient
    acknowledged: dict[str, tuple[str, dict[str, Any], str, bytes]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False

    async def customer(self, key: str) -> None:
        """Buy and sell a little, by quote and directly, until told to stop."""
        for number in count():
            if self.stopping:
                return
            side = ("buy", "sell")[number % 2]
            if number % 3 == 2:
                direct = {"asset": "USDT", "fiat": "COP", "side": side, "amount": "3.5", "price": PRICE_WORST[side]}
                await self.until_known(key, "/trades", direct, f"direct-{number}")
                continue
            wish = {"pair": "USDT/COP", "side": side, "amount": "2.25", "amount_asset": "USDT"}
            quote = await self.until_known(key, "/quotes", wish, f"quote-{number}")
            if quote is not None:
                await self.until_known(key, "/trades", {"quote_id": quote["id"]}, f"trade-{number}")

    async def until_known(self, key: str, path: str, body: dict[str, Any], once: str) -> Any:
        """The answer to a request that is sent again, the same, for as long as nobody knows its fate."""
        while True:
            try:
                response = await self.post(key, path, body, once)
            except httpx2.TransportError as error:
                self.troubles[type(error).__name__] += 1
                await asyncio.sleep(RETRY_S)
                continue
            if response.status_code == 201:
                if path == "/trades":
                    self.acknowledged[f"{key}/{once}"] = (key, body, once, response.content)
                    self.news.set()
                return response.json()
            if response.status_code < 500:
                self.refused[response.json()["code"]] += 1
                return None
            self.troubles[f"{response.status_code} {response.json()['code']}"] += 1
            await asyncio.sleep(RETRY_S)

    async def post(self, key: str, path: str, body: dict[str, Any], once: str) -> httpx2.Response:
        headers = {"x-api-key": key, "idempotency-key": once}
        return await self.http.post(f"{self.server.url}{BASE}{path}", json=body, headers=headers)

    async def more(self, number: int) -> None:
        """Wait for that many more acknowledged trades."""
        wanted = len(self.acknowledged) + number
        async with asyncio.timeout(BACK_WITHIN_S):
            while len(self.acknowledged) < wanted:
                self.news.clear()
                await self.news.wait()


async def _keys(server: Server, http: httpx2.AsyncClient) -> list[str]:
    """Customers with money, and a key each."""
    admin = {"x-api-key": (server.home / "admin.key").read_text().strip()}

    async def post(path: str, body: dict[str, Any], once: str) -> Any:
        headers = {**admin, "idempotency-key": once}
        return good(await http.post(f"{server.url}{BASE}{path}", json=body, headers=headers), 201)

    keys = []
    for number in range(CLIENTS):
        person = {"email": f"c{number}@example.com", "full_name": f"Cliente Numero{number}", "country": "CO"}
        customer = await post("/customers", person, f"customer-{number}")
        made = await post("/api-keys", {"owner_id": customer["id"], "name": "kill"}, f"key-{number}")
        for asset, amount, rail in (("COP", "90000000", "pse"), ("USDT", "20000", "tron")):
            deposit = {
                "customer_id": customer["id"], "asset": asset, "amount": amount, "rail": rail,
                "reference": f"K{number}{asset}", "payer": {"name": person["full_name"]},
            }  # fmt: skip
            await post("/deposits", deposit, f"deposit-{number}-{asset}")
        keys.append(made["key"])
    return keys


@asynccontextmanager
async def _house(home: Path) -> AsyncIterator[Server]:
    server = Server(home)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _strike(server: Server, what: str) -> None:
    if what in ("postgres", "both"):
        server.kill_postgres()
    if what in ("server", "both"):
        await server.kill()
        await server.start()


@pytest.mark.slow
async def test_acknowledged_trades_survive_kill_9_of_the_server_postgres_and_both(tmp_path: Path) -> None:
    async with _house(tmp_path / "home") as server, httpx2.AsyncClient(timeout=30) as http:
        load = Load(server, http)
        keys = await _keys(server, http)
        customers = [asyncio.ensure_future(load.customer(key)) for key in keys]
        for what in ROUNDS:
            await load.more(ACKNOWLEDGED_A_ROUND)
            await _strike(server, what)
        await load.more(ACKNOWLEDGED_A_ROUND)
        load.stopping = True
        await asyncio.gather(*customers)
        await _check(server, load)
    assert server.process is not None
    assert server.process.returncode == 0, "the house ends cleanly when asked to"


async def _check(server: Server, load: Load) -> None:
    for key, body, once, answer in load.acknowledged.values():
        again = await load.post(key, "/trades", body, once)
        assert again.content == answer, "a repeat gets the first answer, to the byte"
    told = await server.check_ledger()
    assert told == {"balanced": True, "differences": []}
    dsn = running_dsn(server.home / "postgres")
    assert dsn is not None
    connection = await asyncpg.connect(dsn)
    try:
        await invariants.check_database(connection)
        booked = await connection.fetch("SELECT id, base_units FROM trading.trade")
        kinds = {row["kind"] for row in await connection.fetch("SELECT DISTINCT kind FROM ledger.transfer")}
    finally:
        await connection.close()
    acknowledged = {json.loads(answer)["id"]: json.loads(answer) for _, _, _, answer in load.acknowledged.values()}
    assert len(acknowledged) == len(load.acknowledged), "no two requests got the same trade"
    assert {str(row["id"]) for row in booked} == set(acknowledged)
    for row in booked:
        assert Decimal(row["base_units"]).scaleb(-6) == Decimal(acknowledged[str(row["id"])]["base_amount"])
    assert kinds == {"capital", "deposit", "trade"}
    assert len(booked) >= ACKNOWLEDGED_A_ROUND * (len(ROUNDS) + 1)
    assert load.troubles, "nothing was hit"
    assert not {trouble for trouble in load.troubles if trouble.startswith("500")}, load.troubles
