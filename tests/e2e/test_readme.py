"""The README's walk through, copied as it stands into a shell beside a freshly started house."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.recordings import PROJECT

BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITHIN_S = 120
BLOCKS = 7
pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Said:
    """What one block printed: its text, and the answers in it."""

    text: str

    @property
    def answers(self) -> list[Any]:
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    @property
    def refusals(self) -> list[str]:
        return [answer["code"] for answer in self.answers if "trace_id" in answer]


def _blocks() -> list[str]:
    return BLOCK.findall((PROJECT / "README.md").read_text(encoding="utf-8"))


def _environment(home: Path) -> dict[str, str]:
    """The tests' own settings must not reach the house; a proxy must not stand before it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CAMBISTA_")}
    return plain | {"CAMBISTA_HOME": str(home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`cambista serve` on a home of its own and a free port: its URL and its home."""
    home = tmp_path_factory.mktemp("readme")
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [BIN / "cambista", "serve", "--port", "0"],
            cwd=home, env=_environment(home), stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        watchdog = threading.Timer(WITHIN_S, process.kill)
        watchdog.start()
        try:
            opened = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            watchdog.cancel()
            assert opened, (home / "serve.log").read_text()
            _await_ready(opened[0])
            yield opened[0], home
        finally:
            watchdog.cancel()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert process.returncode == 0, (home / "serve.log").read_text()


def _await_ready(url: str) -> None:
    """Whoever reads a README has given the market the second it needs to speak; so does this."""
    patient = ["curl", "-fsS", "--retry", "60", "--retry-delay", "1", "--retry-max-time", str(WITHIN_S)]
    subprocess.run([*patient, f"{url}/health/readiness"], check=True, capture_output=True, timeout=2 * WITHIN_S)


@pytest.fixture(scope="module")
def walk(house: tuple[str, Path]) -> Sequence[Said]:
    """What each block said, all of them run in one shell that stops at the first failure."""
    url, home = house
    script = "set -euo pipefail\n"
    for block in _blocks():
        script += block.replace("http://127.0.0.1:8000", url).replace(".venv/bin/", f"{BIN}/") + "echo '<<<'\n"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=home, env=_environment(home), capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return [Said(text) for text in done.stdout.split("<<<\n")[:-1]]


def test_the_walk_through_is_whole_and_speaks_to_the_house_of_make_run() -> None:
    blocks = _blocks()
    assert len(blocks) == BLOCKS
    assert "api=http://127.0.0.1:8000/api/v1\n" in blocks[0]
    assert not any(re.search(r"(^|\s)#\s", block) for block in blocks), "an interactive zsh does not know comments"


def test_nothing_is_refused_but_what_the_walk_through_says(walk: Sequence[Said]) -> None:
    assert [said.refusals for said in walk] == [[], [], [], ["quote_taken"], [], ["role_denied"], []]


def test_the_market_has_a_live_price(walk: Sequence[Said]) -> None:
    [price] = walk[1].answers[0]["items"]
    assert (price["pair"], price["rung"]) == ("USDT/COP", "live")
    assert Decimal(price["bid"]) < Decimal(price["mid"]) < Decimal(price["ask"])


def test_the_customers_money_is_credited(walk: Sequence[Said]) -> None:
    [deposit] = walk[2].answers
    assert (deposit["status"], deposit["asset"], deposit["amount"]) == ("credited", "COP", "1000000.00")


def test_the_trade_happens_once(walk: Sequence[Said]) -> None:
    trade, second = walk[3].answers
    assert (trade["status"], trade["base_amount"], second["status"]) == ("success", "100.000000", 409)
    assert "the same trade, once" in walk[3].text


def test_the_transfer_moves_what_the_trade_says_and_the_price_is_recomputed(walk: Sequence[Said]) -> None:
    [transfer], trade = walk[4].answers, walk[3].answers[0]
    paid = sum(Decimal(each["amount"]) for each in transfer["postings"] if each["asset"] == "COP")
    assert (transfer["id"], paid) == (trade["id"], Decimal(trade["quote_amount"]))
    assert "recomputes bit for bit" in walk[4].text


def test_the_withdrawal_is_held_and_leaves_with_the_treasurers_approval(walk: Sequence[Said]) -> None:
    accounts, _, sent, statement = walk[5].answers
    [usdt] = [each for each in accounts["items"] if each["asset"] == "USDT"]
    assert (usdt["posted"], usdt["held"], usdt["available"]) == ("100.000000", "40.000000", "60.000000")
    assert (sent["status"], sent["approvals"]) == ("sent", 1)
    assert [line["balance"] for line in statement["items"]] == ["60.000000", "100.000000"]


def test_the_books_balance_at_the_end(walk: Sequence[Said]) -> None:
    [trial] = walk[6].answers
    assert trial["balanced"]
    assert all(Decimal(line["total"]) == 0 for line in trial["items"])
    assert "The books balance." in walk[6].text
