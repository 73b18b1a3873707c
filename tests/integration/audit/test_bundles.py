"""What is exported is checked by somebody who has only the file; what is done to the file is named."""

import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cambista.audit import ExportScope, Verdict, Wrong, check_bundle, verifier_script
from cambista.kernel.canonical import canonical_json
from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, PAIRS, USDT
from cambista.runtime import Runtime
from cambista.trading import Acceptance, IssuedQuote, QuoteRequest, Trade
from tests.houses import OPERATOR, PaperHouse, caller_of, paper_house

Lines = list[dict[str, Any]]


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    """A house in which two customers traded, over four checkpoints."""
    async with paper_house(runtime) as made:
        for number in (1, 2):
            await made.customer(number, Amount.of("1000000.00", COP))
        yield made


async def trade(paper: PaperHouse, number: int) -> Trade:
    [customer] = [
        each
        for each in (await paper.house.identity.list_customers(OPERATOR)).items
        if each.email.startswith(f"customer{number}@")
    ]
    caller = caller_of(customer)
    asked = QuoteRequest(caller, customer.id, PAIRS["USDT/COP"].pair, Side.BUY, Amount.of("10", USDT))
    [quote] = await paper.house.trading.request_quotes([asked])
    assert isinstance(quote, IssuedQuote), quote
    [made] = await paper.house.trading.accept_quotes([Acceptance(caller, customer.id, quote.quote.id)])
    assert isinstance(made, Trade), made
    return made


async def traded(paper: PaperHouse) -> list[Trade]:
    trades = []
    for number in (1, 2, 1):
        trades.append(await trade(paper, number))
        await paper.house.audit.sealer.seal()
        await paper.house.audit.sealer.checkpoint(now=True)
        await paper.pass_time(61)
    return trades


async def write(paper: PaperHouse, path: Path, scope: ExportScope) -> Path:
    path.write_bytes(b"".join([line async for line in await paper.house.audit.export(OPERATOR, scope)]))
    return path


def alone(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The check of somebody without our package: one script, isolated Python."""
    script = path.with_name("cambista_verify.py")
    script.write_text(verifier_script(), encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(script), str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def lines_of(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def rewritten(path: Path, lines: Lines, house: PaperHouse) -> Path:
    """The file with other lines and a last line that is true for them: the house itself would lie."""
    from cambista.audit.rules.bundle import BundleWriter

    writer = BundleWriter()
    made = [writer.line(each.pop("kind"), each) for each in lines[:-1]]
    made.append(writer.end(house.house.audit.key.sign(writer.message)))
    other = path.with_name("other.jsonl")
    other.write_bytes(b"".join(made))
    return other


async def test_a_customers_record_is_checked_with_the_file_alone(paper: PaperHouse, tmp_path: Path) -> None:
    trades = await traded(paper)
    path = await write(paper, tmp_path / "ana.jsonl", ExportScope(customer=trades[0].customer_id))
    verdict = check_bundle(path, paper.house.audit.key.public_key)
    assert verdict.good, verdict.finding
    assert not verdict.notes
    lines = lines_of(path)
    kinds = [each["kind"] for each in lines]
    assert kinds.count("receipt") == 2
    assert {each["account"] for each in lines if each["kind"] == "total"} == {f"customer:{trades[0].customer_id}"}
    actions = [each["entry"]["action"] for each in lines if each["kind"] == "entry"]
    assert actions.count("trade.execute") == 2
    assert "customer.register" in actions
    others = str(trades[1].customer_id)
    assert others not in path.read_text()
    ran = alone(path, "--key", paper.house.audit.key.public_text)
    assert ran.returncode == 0, ran.stdout + ran.stderr


async def test_a_stretch_of_everybodys_record_is_checked_with_the_file_alone(paper: PaperHouse, tmp_path: Path) -> None:
    trades = await traded(paper)
    since = trades[1].executed_at - timedelta(seconds=1)
    for name, scope in (
        ("all", ExportScope()),
        ("middle", ExportScope(since=since, until=since + timedelta(seconds=30))),
        ("end", ExportScope(since=since)),
        ("nothing", ExportScope(since=since + timedelta(days=1))),
    ):
        path = await write(paper, tmp_path / f"{name}.jsonl", scope)
        verdict = check_bundle(path)
        assert verdict.good, (name, verdict.finding)
        assert verdict.notes
        ran = alone(path)
        assert ran.returncode == 0, (name, ran.stdout + ran.stderr)


async def test_the_same_export_at_the_same_moment_is_the_same_file(paper: PaperHouse, tmp_path: Path) -> None:
    trades = await traded(paper)
    first = await write(paper, tmp_path / "1", ExportScope(until=trades[2].executed_at))
    second = await write(paper, tmp_path / "2", ExportScope(until=trades[2].executed_at))
    without = [[line for line in lines_of(path) if line["kind"] in ("entry", "posting", "receipt", "total")]
               for path in (first, second)]  # fmt: skip
    assert without[0] == without[1]


def _of(lines: Lines, kind: str, at: int = 0) -> dict[str, Any]:
    return [each for each in lines if each["kind"] == kind][at]


def _drop(kind: str, at: int) -> Callable[[Lines], None]:
    return lambda lines: lines.remove(_of(lines, kind, at))


def _set(kind: str, at: int, **values: Any) -> Callable[[Lines], None]:
    return lambda lines: _of(lines, kind, at).update(values)


def _change_entry(lines: Lines) -> None:
    _of(lines, "entry", 3)["entry"]["outcome"] = "nothing"


def _swap_entries(lines: Lines) -> None:
    one, two = _of(lines, "entry", 3), _of(lines, "entry", 4)
    one["entry"], two["entry"] = two["entry"], one["entry"]


def _forge_receipt(lines: Lines) -> None:
    receipt = _of(lines, "receipt")
    receipt["content"] = receipt["content"].replace("USDT", "USDC")


def _forge_checkpoint(lines: Lines) -> None:
    checkpoint = _of(lines, "checkpoint")
    checkpoint["text"] = checkpoint["text"].replace("number 1", "number 2", 1)


SPOILED: dict[str, tuple[Callable[[Lines], None], Wrong]] = {
    "an entry is missing": (_drop("entry", 3), Wrong.MISSING),
    "the last entry is missing": (_drop("entry", -1), Wrong.TRUNCATED),
    "a checkpoint is missing": (_drop("checkpoint", 1), Wrong.CHECKPOINT_MISSING),
    "an entry is changed": (_change_entry, Wrong.REWRITTEN),
    "two entries changed places": (_swap_entries, Wrong.REWRITTEN),
    "a receipt is changed": (_forge_receipt, Wrong.RECEIPT_FORGED),
    "a checkpoint is changed": (_forge_checkpoint, Wrong.CHECKPOINT_FORGED),
    "a total is changed": (_set("total", 0, closing=1), Wrong.TOTAL_WRONG),
    "a posting is missing": (_drop("posting", 0), Wrong.TOTAL_WRONG),
    "a posting moves nothing": (_set("posting", 0, units=0), Wrong.BUNDLE_BROKEN),
    "the chain begins elsewhere": (_set("start", 0, chain="00" * 32), Wrong.REWRITTEN),
    "the start is missing": (_drop("start", 0), Wrong.BUNDLE_BROKEN),
    "the first line is missing": (_drop("manifest", 0), Wrong.BUNDLE_BROKEN),
}


async def test_what_is_done_to_a_file_is_named_by_both_checkers(paper: PaperHouse, tmp_path: Path) -> None:
    await traded(paper)
    path = await write(paper, tmp_path / "all.jsonl", ExportScope())
    for name, (spoil, wrong) in SPOILED.items():
        lines = lines_of(path)
        spoil(lines)
        other = rewritten(path, lines, paper)
        found = check_bundle(other).finding
        assert found is not None, name
        assert found.wrong is wrong, (name, found)
        ran = alone(other)
        assert ran.returncode == 1, (name, ran.stdout + ran.stderr)


async def test_an_entry_put_into_a_customers_record_is_not_proved(paper: PaperHouse, tmp_path: Path) -> None:
    trades = await traded(paper)
    path = await write(paper, tmp_path / "ana.jsonl", ExportScope(customer=trades[0].customer_id))
    lines = lines_of(path)
    _change_entry(lines)
    found = check_bundle(rewritten(path, lines, paper)).finding
    assert found is not None
    assert found.wrong is Wrong.CHANGED


def _finding(verdict: Verdict) -> str:
    assert verdict.finding is not None
    return verdict.finding.wrong.value


async def test_bytes_that_are_not_the_houses_are_named(paper: PaperHouse, tmp_path: Path) -> None:
    await traded(paper)
    path = await write(paper, tmp_path / "all.jsonl", ExportScope())
    whole = path.read_bytes()
    first, rest = whole.split(b"\n", 1)
    spoiled = {
        "cut": whole[: len(whole) // 2],
        "no last line": whole[: whole.rindex(b"\n", 0, -1) + 1],
        "more behind": whole + b'{"kind":"end"}\n',
        "twice": whole + whole,
        "no json": b"hello\n",
        "nothing": b"",
        "white space": first.replace(b":", b": ", 1) + b"\n" + rest,
        "another moment": whole.replace(b'"made_at":"2026', b'"made_at":"2027', 1),
        "binary": b"\xff\xfe" + whole,
    }
    for name, content in spoiled.items():
        path.write_bytes(content)
        assert _finding(check_bundle(path)) == Wrong.BUNDLE_BROKEN, name
        assert alone(path).returncode in (1, 2), name


async def test_another_key_than_the_trusted_one_is_refused(paper: PaperHouse, tmp_path: Path) -> None:
    await traded(paper)
    path = await write(paper, tmp_path / "all.jsonl", ExportScope())
    assert _finding(check_bundle(path, b"\x01" * 32)) == Wrong.BUNDLE_BROKEN
    assert alone(path, "--key", base64.b64encode(b"\x01" * 32).decode()).returncode == 1


async def test_every_line_is_canonical_json(paper: PaperHouse, tmp_path: Path) -> None:
    await traded(paper)
    path = await write(paper, tmp_path / "all.jsonl", ExportScope())
    for line in path.read_bytes().splitlines():
        assert canonical_json(json.loads(line)) == line
