"""`cambista demo` as a newcomer runs it: a process of its own, real HTTP, ended by its duration or by a signal."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

TIMEOUT_S = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all runs here: the demo is opened on it again and again."""
    return tmp_path_factory.mktemp("demo")


@contextmanager
def demo(home: Path, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """A running demo; it is gone at the end, whatever happened."""
    command = [sys.executable, "-m", "cambista.app.cli", "demo", "--port", "0", "--home", str(home), *arguments]
    pipe = subprocess.PIPE
    running = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, "COLUMNS": "120"})
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
        running.communicate(timeout=TIMEOUT_S)


def ended(running: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    said, complained = running.communicate(timeout=TIMEOUT_S)
    return running.returncode, said, complained


def check_figures(told: dict[str, Any]) -> None:
    """What must hold of every run, whatever the market did."""
    assert told["trades"] > 0
    assert told["trades_booked"] == told["trades"] == sum(each["trades"] for each in told["pairs"])
    assert told["quotes"] >= told["trades"]
    assert sum(told["rungs"].values()) == told["quotes"]
    assert Decimal(told["volume_usd"]) > 0
    assert Decimal(told["fees_usd"]) > 0
    assert told["latency_ms"]["trades"]["p50"] <= told["latency_ms"]["trades"]["p99"]
    assert told["ledger"]["balanced"] is True
    assert told["ledger"]["differences"] == []
    assert told["tills"]
    assert not {"internal_error", "no_answer", "unauthenticated", "role_denied"} & set(told["refusals"])


def test_a_demo_of_some_seconds_trades_and_its_books_balance(home: Path) -> None:
    arguments = ("--seed", "7", "--customers", "5", "--rate", "15", "--duration", "3", "--json")
    with demo(home, *arguments) as running:
        status, said, complained = ended(running)
    assert status == 0, complained
    told = json.loads(said)
    check_figures(told)
    assert (told["seed"], told["customers"]) == (7, 5)
    assert told["trades"] >= 10
    assert told["deposits"] >= 10, "everyone's purse is paid in"
    assert "/console" in complained
    assert str(home / "admin.key") in complained


def test_a_demo_on_the_same_home_again_ends_with_a_summary_on_ctrl_c(home: Path) -> None:
    with demo(home, "--seed", "7", "--customers", "3", "--rate", "15") as running:
        assert running.stdout is not None
        opened = running.stdout.readline()
        assert opened.startswith("The demo is open  http://127.0.0.1:")
        check_taken_port(home, port=opened.rsplit(":", 1)[1].strip())
        for line in running.stdout:
            if " trades · " in line:
                break
        running.send_signal(signal.SIGINT)
        status, said, complained = ended(running)
    assert status == 0, complained
    assert "customers  3:" in said
    assert "The books balance" in said


def check_taken_port(home: Path, *, port: str) -> None:
    """A second demo on that port says so in a line, and starts nothing."""
    with demo(home / "other", "--port", port) as second:
        status, _, complained = ended(second)
    assert status == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in complained
    assert "Traceback" not in complained
    assert not (home / "other").exists()
