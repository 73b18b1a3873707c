"""`python -m tests.simulation --seeds 200 --from 1`: many seeds, a summary at the end, the first failure in full."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import structlog

from tests.databases import TestServer, running_server
from tests.simulation.run import STEPS, Report, command, simulate
from tests.simulation.scenario import sweep


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps a seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes, each with a PostgreSQL of its own")
    parser.add_argument(
        "--sweep",
        action=argparse.BooleanOptionalAction,
        help="also one fault alone at each transaction (default: with more than 20 seeds)",
    )
    parser.add_argument("--verbose", action="store_true", help="count every kind of answer")
    options = parser.parse_args()
    began = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    jobs = max(1, min(options.jobs, len(seeds)))
    with ProcessPoolExecutor(jobs) as pool:
        shares = list(pool.map(run_share, [(list(seeds[job::jobs]), options.steps) for job in range(jobs)]))
        wanted = options.seeds > 20 if options.sweep is None else options.sweep
        walks = pool.submit(run_sweep).result() if wanted else 0
    failures = [failure for _, found in shares for failure in found]
    for seed, text in sorted(failures):
        print(f"{text}\nseed {seed} failed; repeat it with: {command(seed, options.steps)}\n", file=sys.stderr)
    if walks:
        print(f"{walks} walks over the road, each with one fault at one transaction, without a violation")
    _print([report for reports, _ in shares for report in reports], time.monotonic() - began, options.verbose)
    return 1 if failures else 0


def run_sweep() -> int:
    """Walk the road with each fault at each transaction; how many walks."""
    _be_quiet()
    with tempfile.TemporaryDirectory(prefix="cambista-simulation-") as folder, running_server(Path(folder)) as server:
        return asyncio.run(sweep(server))


def _be_quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def run_share(share: tuple[Sequence[int], int]) -> tuple[list[Report], list[tuple[int, str]]]:
    """One process's seeds, until the first that fails: the reports, and the failure with its seed."""
    seeds, steps = share
    _be_quiet()
    with tempfile.TemporaryDirectory(prefix="cambista-simulation-") as folder, running_server(Path(folder)) as server:
        return asyncio.run(_run(server, seeds, steps))


async def _run(server: TestServer, seeds: Sequence[int], steps: int) -> tuple[list[Report], list[tuple[int, str]]]:
    reports: list[Report] = []
    for seed in seeds:
        try:
            reports.append(await simulate(server, seed, steps))
        except Exception:
            return reports, [(seed, traceback.format_exc())]
    return reports, []


def _print(reports: list[Report], seconds: float, verbose: bool) -> None:
    answers: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    rungs: Counter[str] = Counter()
    for report in reports:
        answers.update(report.answers)
        rungs.update(report.rungs)
        faults.update({fault.value: count for fault, count in report.faults.items()})
    steps = sum(report.steps for report in reports)
    print(f"{len(reports)} seeds without a violation: {steps} steps, {sum(faults.values())} faults, {seconds:.0f} s")
    print("faults:", ", ".join(f"{name} {count}" for name, count in sorted(faults.items())))
    print("rungs:", ", ".join(f"{name} {count}" for name, count in sorted(rungs.items())))
    if verbose:
        for name, count in sorted(answers.items()):
            print(f"  {count:7} {name}")


if __name__ == "__main__":
    sys.exit(main())
