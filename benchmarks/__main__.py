"""`make bench`: the house against pgbench of the same PostgreSQL, interleaved passes, medians; a table and JSON."""

import argparse
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks import (
    audit,
    growth,
    houses,
    ledger,
    matching,
    orders,
    overload,
    pricing,
    sagas,
    solvency,
    startup,
    trades,
)
from benchmarks.pgbench import Pgbench
from benchmarks.report import Report
from cambista.app.build import House, build, open_runtime
from cambista.app.rooms import ROOMS
from cambista.app.serve import spare_collector
from cambista.app.settings import Settings
from cambista.audit import AuditKey
from cambista.kernel.callers import Caller
from cambista.pricing import Signer
from cambista.runtime.migrations import migrate
from cambista.runtime.postgres import EmbeddedPostgres

OUT = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long each part of a pass takes, and how many passes."""

    passes: int
    seconds: int
    quotes: int


@asynccontextmanager
async def _in_process(folder: Path) -> AsyncIterator[tuple[House, Pgbench]]:
    with EmbeddedPostgres(folder) as postgres:
        await migrate(postgres.dsn(), ROOMS)
        yardstick = Pgbench(postgres)
        await yardstick.prepare()
        settings = Settings(_env_file=None, home=folder)
        async with open_runtime(postgres.dsn(), settings) as runtime:
            spare_collector()  # as `cambista serve` does
            yield build(runtime, settings, Signer.generate(), AuditKey.generate()), yardstick


async def bench_in_process(report: Report, lengths: Lengths, folder: Path) -> list[float]:
    """Ledger and pricing without HTTP; gives the yardstick of each pass."""
    yards: list[float] = []
    async with _in_process(folder) as (house, yardstick):
        await ledger.prepare(house.runtime, house.ledger)
        for _ in range(lengths.passes):
            yard = await yardstick.tps(lengths.seconds)
            yards.append(yard)
            report.add("pgbench -N -c 8 -j 2", yard, "tps")
            for name, hot in (("ledger, 256 callers", False), ("ledger, 256 callers on one account", True)):
                rate, p50, p99 = await ledger.transfers_per_second(
                    house.runtime, house.ledger, callers=256, seconds=lengths.seconds, hot=hot
                )
                report.add(name, rate, "transfers/s", yardstick=yard)
                report.add(f"{name}: p99", p99, "ms")
                report.add(f"{name}: p50", p50, "ms")
            offers = await pricing.offers_per_second(house.runtime, house.pricing, seconds=lengths.seconds)
            report.add("pricing in process, signed receipts", offers, "offers/s")
    return yards


async def bench_http(report: Report, lengths: Lengths, folder: Path, yards: list[float]) -> None:
    """The road over HTTP at 1, 32 and 256 connections."""
    async with houses.serving(folder) as house:
        keys = await houses.customers_with_keys(house, 1000)
        for yard in yards:
            for connections in (256, 32, 1):
                count = lengths.quotes if connections > 1 else lengths.quotes // 8
                asked, taking = await trades.ask_quotes(house.url, keys, count, connections=connections)
                report.add(f"quotes over HTTP, {connections} connections", asked.rate, "quotes/s")
                taken = await trades.take_quotes(house.url, taking, connections=connections)
                name = f"trades over HTTP, {connections} connections"
                report.add(name, taken.rate, "trades/s", yardstick=yard)
                report.add(f"{name}: p50", taken.percentile_ms(0.5), "ms")
                report.add(f"{name}: p99", taken.percentile_ms(0.99), "ms")
    await _naive(report, lengths, folder, yards[-1])
    report.add("cold start to healthy", await startup.seconds_to_healthy(folder), "s")


async def _naive(report: Report, lengths: Lengths, folder: Path, yard: float) -> None:
    """The same code one trade a transaction: what group commit is worth."""
    async with houses.serving(folder, CAMBISTA_COMMIT_BATCH_MAX="1") as house:
        keys = await houses.customers_with_keys(house, 200, first=500_000)
        _, taking = await trades.ask_quotes(house.url, keys, lengths.quotes // 8, connections=32)
        taken = await trades.take_quotes(house.url, taking, connections=256)
        report.add("naive: one trade a transaction, 256 connections", taken.rate, "trades/s", yardstick=yard)


async def bench_overload(report: Report, lengths: Lengths, folder: Path) -> None:
    """One, two and three times the trades the house can do, offered whatever it answers; then half of them."""
    async with houses.serving(folder) as house:
        keys = await houses.customers_with_keys(house, 1000, first=600_000)
        requests = overload.direct_trades(keys)
        for _ in range(lengths.passes):
            able = await overload.capacity(house.url, requests, lengths.quotes)
            report.add("direct trades over HTTP, 256 connections", able, "trades/s")
            crowd = overload.Crowd(house.url)
            for times in (1, 2, 3):
                await crowd.open(overload.CONNECTIONS)
                offered = await crowd.offer(requests, rate=times * able, seconds=lengths.seconds)
                name = f"offered {times}x that"
                report.add(f"{name}: served", offered.served_rate, "trades/s")
                report.add(f"{name}: p99 of the served", overload.percentile_ms(offered.served, 0.99), "ms")
                report.add(f"{name}: refused", 100 * offered.refused_share, "%")
                report.add(f"{name}: p99 of the refusals", overload.percentile_ms(offered.refused, 0.99), "ms")
                report.add(f"{name}: without an answer", offered.unanswered, "requests")
            after = await crowd.offer(requests, rate=able / 2, seconds=lengths.seconds)
            report.add("offered half right after: until the last refusal", after.seconds_to_last_refusal, "s")
            report.add("offered half right after: p99 of the served", overload.percentile_ms(after.served, 0.99), "ms")
            crowd.close()


async def bench_growth(report: Report, lengths: Lengths, folder: Path) -> None:
    """The same trade rate with a thousand and with a million stored trades?"""
    async with houses.serving(folder) as house:
        keys = await houses.customers_with_keys(house, 1000)
        for stored in (1_000, 1_000_000):
            await growth.fill(house, stored)
            for _ in range(lengths.passes):
                _, taking = await trades.ask_quotes(house.url, keys, lengths.quotes, connections=256)
                taken = await trades.take_quotes(house.url, taking, connections=256)
                report.add(f"trades over HTTP with {stored:,} stored, 256 connections", taken.rate, "trades/s")


async def bench_solvency(report: Report, folder: Path, customers: int = 1_000_000) -> None:
    """A certificate of solvency over a million customers."""
    report.add(f"liabilities of {customers:,} customers: the tree alone", solvency.grow_seconds(customers), "s")
    async with _in_process(folder) as (house, _):
        await solvency.fill(house, customers)
        made = await solvency.certify(house)
    report.add(f"liabilities of {customers:,} customers: read, grown, stored, signed", made.seconds, "s")
    report.add("– longest the event loop was away meanwhile", made.stall_ms, "ms")
    report.add("– one customer's proof", made.proof_ms, "ms")


async def bench_audit(report: Report, lengths: Lengths, folder: Path) -> None:
    """The sealer alone and beside trades, and what trades lose to it."""
    async with _in_process(folder) as (house, _):
        callers = await audit.prepare(house, 256)
        tasks = house.runtime.tasks
        for _ in range(lengths.passes):
            report.add("trades in process, nothing sealed", await _trades(house, callers, lengths), "trades/s")
            await house.audit.sealer.seal()
            tasks.every("audit", 1, house.audit.sealer.run_once)
            report.add("trades in process, sealed each second", await _trades(house, callers, lengths), "trades/s")
            await tasks.stop("audit")
            await house.audit.sealer.seal()
            await audit.leave_backlog(house)
            report.add("sealing alone", await audit.sealed_per_second(house), "entries/s")
            await audit.leave_backlog(house)
            sealed, traded = await audit.sealed_beside_trades(house, callers, lengths.seconds)
            report.add("sealing a backlog beside trades", sealed, "entries/s")
            report.add("– trades meanwhile", traded, "trades/s")
            await house.audit.sealer.checkpoint(now=True)
        report.add("verifying the whole record", await audit.verified_per_second(house), "entries/s")


def bench_matching(report: Report, lengths: Lengths, peer_python: str | None) -> None:
    """The matching engine alone, without holds or a database."""
    for _ in range(lengths.passes):
        stream = matching.mixed_stream(lengths.quotes * 20)
        report.add("matching, mixed stream on 1,000 levels", matching.commands_per_second(stream), "commands/s")
        if peer_python is not None:
            report.add(
                "– lightmatchingengine on the same",
                matching.peer_commands_per_second(peer_python, stream),
                "commands/s",
            )
        for sleeping in (1_000, 100_000):
            spent = matching.seconds_per_mark(sleeping)
            report.add(f"a mark that wakes nobody, {sleeping:,} stops asleep", spent * 1e6, "us")


async def bench_orders(report: Report, lengths: Lengths, folder: Path) -> None:
    """Orders on the own book without HTTP: held, matched, settled, on disk."""
    async with _in_process(folder) as (house, _):
        callers = await audit.prepare(house, 256)
        await orders.give_base(house, callers)
        for _ in range(lengths.passes):
            placed, filled = await orders.orders_per_second(house, callers, lengths.seconds)
            report.add("orders in process, half of them met", placed, "orders/s")
            report.add("– fills meanwhile", filled, "fills/s")


async def _trades(house: House, callers: list[Caller], lengths: Lengths) -> float:
    return await audit.trades_per_second(house, callers, lengths.seconds * 2)


async def bench_sagas(report: Report, lengths: Lengths, folder: Path) -> None:
    """Durable 4-step sagas, in the database alone and with one call outside."""
    async with _in_process(folder) as (house, yardstick):
        made = sagas.make(house.runtime)
        for _ in range(lengths.passes):
            yard = await yardstick.tps(lengths.seconds)
            for kind, count, name in (
                ("bench", lengths.quotes, "sagas of 4 steps"),
                ("bench_outside", lengths.quotes // 4, "sagas of 4 steps, one a call outside"),
            ):
                rate = await sagas.sagas_per_second(house.runtime, made, kind, count)
                report.add(name, rate, "sagas/s", yardstick=yard)


async def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="one short pass")
    parser.add_argument("--growth", action="store_true", help="also with 1,000,000 stored trades (some minutes)")
    parser.add_argument("--solvency", action="store_true", help="only the proof of liabilities of 1,000,000 customers")
    parser.add_argument("--audit", action="store_true", help="only the sealer, alone and beside trades")
    parser.add_argument("--matching", action="store_true", help="only the matching engine and orders on it")
    parser.add_argument("--peer-python", help="an interpreter that has lightmatchingengine, to compare with")
    parser.add_argument("--sagas", action="store_true", help="only the sagas")
    given = parser.parse_args()
    lengths = Lengths(1, 2, 4_000) if given.quick else Lengths(3, 4, 16_000)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="cambista-bench-") as folder:
        root = Path(folder)
        if given.solvency:
            await bench_solvency(report, root / "solvency")
            print(report.table())
            return
        if given.audit:
            await bench_audit(report, lengths, root / "audit")
            print(report.table())
            return
        if given.sagas:
            await bench_sagas(report, lengths, root / "sagas")
            print(report.table())
            return
        bench_matching(report, lengths, given.peer_python)
        await bench_orders(report, lengths, root / "orders")
        if given.matching:
            print(report.table())
            return
        yards = await bench_in_process(report, lengths, root / "ledger")
        await bench_http(report, lengths, root / "house", yards)
        await bench_overload(report, lengths, root / "overload")
        await bench_audit(report, lengths, root / "audit")
        await bench_sagas(report, lengths, root / "sagas")
        if given.growth:
            await bench_growth(report, lengths, root / "growth")
    print(report.table())
    report.write(OUT)


uvloop.run(main())
