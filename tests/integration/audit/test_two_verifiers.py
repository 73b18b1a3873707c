"""Bundles of a real house, good and tampered with: the house's own check and the lone script come to one verdict."""

import base64
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cambista.audit import AuditKey, ExportScope, check_bundle, verifier_script
from cambista.audit.verifier import cambista_verify as script
from cambista.identity import Customer
from cambista.kernel.callers import Caller, Role
from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, PAIRS, USDT
from cambista.runtime import Runtime
from cambista.trading import Acceptance, IssuedQuote, QuoteRequest, Trade
from tests.houses import OPERATOR, SIGNER_SEED, PaperHouse, caller_of, paper_house

AUDITOR = Caller(OPERATOR.id, Role.AUDITOR)
KEY, FOREIGN = AuditKey.from_seed(SIGNER_SEED), AuditKey.from_seed(b"\x66" * 32)
Lines = list[dict[str, Any]]
Change = Callable[[Lines], None]


async def trade(paper: PaperHouse, customer: Customer) -> None:
    caller, wanted = caller_of(customer), Amount.of("10", USDT)
    [issued] = await paper.house.trading.request_quotes(
        [QuoteRequest(caller, customer.id, PAIRS["USDT/COP"].pair, Side.BUY, wanted)]
    )
    assert isinstance(issued, IssuedQuote), issued
    [traded] = await paper.house.trading.accept_quotes([Acceptance(caller, customer.id, issued.quote.id)])
    assert isinstance(traded, Trade), traded


@dataclass(slots=True)
class Told:
    """A house after a few trades in three stretches of time, each under a checkpoint."""

    paper: PaperHouse
    ana: Customer
    second: datetime
    third: datetime

    @property
    def stretch(self) -> ExportScope:
        """The first half of the second stretch: what follows up to its checkpoint is there as hashes alone."""
        return ExportScope(since=self.second, until=self.second + timedelta(seconds=1))

    async def export(self, scope: ExportScope) -> Lines:
        written = [line async for line in await self.paper.house.audit.export(AUDITOR, scope)]
        return [json.loads(line) for line in written]


@pytest.fixture
async def told(runtime: Runtime) -> AsyncIterator[Told]:
    async with paper_house(runtime) as paper:
        moments = []
        ana = await paper.customer(1, Amount.of("10000000", COP))
        eva = await paper.customer(2, Amount.of("10000000", COP))
        for customer in (ana, eva, ana):
            await paper.pass_time(60)
            moments.append(runtime.now())
            await trade(paper, customer)
            await trade(paper, ana)
            await paper.pass_time(2)
            await trade(paper, ana)
            await paper.house.audit.sealer.seal()
            await paper.house.audit.sealer.checkpoint(now=True)
        await paper.pass_time(60)
        yield Told(paper, ana, moments[1], moments[2])


class Judges:
    """Both verifiers over one file. They must agree."""

    def __init__(self, folder: Path) -> None:
        self._bundle, self._script = folder / "bundle.jsonl", folder / "verify.py"
        self._script.write_text(verifier_script())

    def judge(self, content: bytes, key: AuditKey | None = KEY) -> tuple[bool, str]:
        """Whether it is good, and what the script said; fails when the house says otherwise."""
        self._bundle.write_bytes(content)
        given = [] if key is None else ["--key", key.public_text]
        command = [sys.executable, "-I", "-S", str(self._script), str(self._bundle), *given]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert not ran.stderr, ran.stderr
        verdict = check_bundle(self._bundle, None if key is None else key.public_key)
        assert verdict.good == (ran.returncode == 0), (verdict.finding, ran.stdout)
        assert ran.returncode in (0, 1)
        return verdict.good, ran.stdout


@pytest.fixture
def judges(tmp_path: Path) -> Judges:
    return Judges(tmp_path)


def written(lines: Lines) -> bytes:
    return b"".join(
        json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in lines
    )


def sealed(lines: Lines, key: AuditKey = KEY) -> bytes:
    """With an end that fits the lines: what a house does that tampers with its own export."""
    body = written([line for line in lines if line.get("kind") != "end"])
    sha256 = hashlib.sha256(body).hexdigest()
    signature = base64.b64encode(key.sign(b"cambista.bundle.v1:" + sha256.encode())).decode()
    end = {"kind": "end", "lines": body.count(b"\n"), "sha256": sha256, "signature": signature}
    return body + written([end])


def of_kind(lines: Lines, kind: str) -> Lines:
    found = [line for line in lines if line["kind"] == kind]
    assert found, f"the bundle has no {kind}"
    return found


def flipped(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]


async def test_good_bundles_are_good_to_both(told: Told, judges: Judges) -> None:
    scopes = {
        "all": ExportScope(),
        "half a stretch": told.stretch,
        "a stretch": ExportScope(since=told.second, until=told.third),
        "ana": ExportScope(customer=told.ana.id),
        "ana's second stretch": ExportScope(customer=told.ana.id, since=told.second, until=told.third),
        "nothing": ExportScope(since=told.third + timedelta(days=1)),
    }
    for name, scope in scopes.items():
        lines = await told.export(scope)
        assert sealed(lines) == written(lines), "the tests' own hand writes what the house writes"
        good, said = judges.judge(written(lines))
        assert good, (name, said)
        good, said = judges.judge(written(lines), None)
        assert good, (name, said)
        assert "compare it with the published one" in said
    assert of_kind(await told.export(told.stretch), "leaf")


def _set(kind: str, at: int, **values: Any) -> Change:
    def change(lines: Lines) -> None:
        of_kind(lines, kind)[at].update(values)

    return change


def _with(kind: str, at: int, alter: Callable[[dict[str, Any]], None]) -> Change:
    def change(lines: Lines) -> None:
        alter(of_kind(lines, kind)[at])

    return change


def _drop(kind: str, at: int) -> Change:
    def change(lines: Lines) -> None:
        lines.remove(of_kind(lines, kind)[at])

    return change


def _swap(kind: str, one: int, other: int) -> Change:
    def change(lines: Lines) -> None:
        first, second = (lines.index(of_kind(lines, kind)[at]) for at in (one, other))
        lines[first], lines[second] = lines[second], lines[first]

    return change


def _entry(at: int, **values: Any) -> Change:
    return _with("entry", at, lambda line: line["entry"].update(values))


def _renumbered(lines: Lines) -> None:
    """An entry left out, and the gap in the numbers closed."""
    entries = of_kind(lines, "entry")
    lines.remove(entries[3])
    for each in entries[4:] + [line for line in lines if line["kind"] == "leaf"]:
        each["number"] -= 1


def _posting_to_itself(line: dict[str, Any]) -> None:
    line["destination"] = line["source"]


def _foreign_checkpoint(line: dict[str, Any]) -> None:
    body, _, last = line["text"].rpartition("\n\n")
    name = last.split(" ")[1]
    hint = hashlib.sha256(name.encode() + b"\n\x01" + KEY.public_key).digest()[:4]
    signature = base64.b64encode(hint + FOREIGN.sign((body + "\n").encode())).decode()
    line["text"] = f"{body}\n\n— {name} {signature}\n"


IN_EVERY: dict[str, Change] = {
    "an outcome": _entry(2, outcome="nothing"),
    "an actor": _entry(2, actor="00000000-0000-0000-0000-000000000001"),
    "a fact": _entry(2, facts='{"amount": "1.00"}'),
    "an entry moved to another branch": _entry(2, branch="other"),
    "an entry with a key more": _entry(2, note="hello"),
    "an entry with a number for a text": _entry(2, outcome=1),
    "an entry dated back": _entry(3, time="2026-01-01T00:00:00.000000Z"),
    "an entry dated ahead": _entry(3, time="2027-01-01T00:00:00.000000Z"),
    "an entry dated never": _entry(3, time="yesterday"),
    "entries that changed places": _swap("entry", 1, 2),
    "an entry under another number": _with("entry", -1, lambda line: line.update(number=line["number"] + 1)),
    "an entry twice": lambda lines: lines.insert(lines.index(of_kind(lines, "entry")[1]), of_kind(lines, "entry")[1]),
    "a checkpoint of another root": _with(
        "checkpoint", 0, lambda line: line.update(text=line["text"].replace("\n", "\n1", 1))
    ),
    "a checkpoint by another key": _with("checkpoint", -1, _foreign_checkpoint),
    "a checkpoint under another number": _with("checkpoint", 0, lambda line: line.update(number=line["number"] + 1)),
    "no checkpoint": lambda lines: lines.__setitem__(slice(None), [e for e in lines if e["kind"] != "checkpoint"]),
    "a receipt's content": _with("receipt", 0, lambda line: line.update(content=line["content"] + " ")),
    "a receipt's hash": _with("receipt", 0, lambda line: line.update(sha256=flipped(line["sha256"]))),
    "a receipt's signature": _set("receipt", 0, signature=base64.b64encode(bytes(64)).decode()),
    "a receipt of another quote": _with(
        "receipt", 0, lambda line: line.update(content="{}", sha256=hashlib.sha256(b"{}").hexdigest(), key_id="0" * 16)
    ),
    "an amount": _with("posting", 0, lambda line: line.update(units=line["units"] + 1)),
    "an amount below zero": _with("posting", 0, lambda line: line.update(units=-line["units"])),
    "an amount as a text": _with("posting", 0, lambda line: line.update(units=str(line["units"]))),
    "a posting to itself": _with("posting", 0, _posting_to_itself),
    "a posting left out": _drop("posting", 0),
    "a closing balance": _with("total", 0, lambda line: line.update(closing=line["closing"] + 1)),
    "an opening balance": _with("total", 0, lambda line: line.update(opening=line["opening"] + 1)),
    "movements made larger on both sides": _with(
        "total", 0, lambda line: line.update(credits=line["credits"] + 1, debits=line["debits"] + 1)
    ),
    "a total left out": _drop("total", 0),
    "another form": _set("manifest", 0, form="cambista.bundle.v2"),
    "another mode": _set("manifest", 0, mode="whole"),
    "another origin": _set("manifest", 0, origin="cambista/other"),
    "no receipt key's own id": _set("key", 1, key_id="0" * 16),
    "a key for another purpose": _set("key", 1, purpose="other"),
    "a key twice": lambda lines: lines.insert(1, of_kind(lines, "key")[0]),
    "a manifest late": lambda lines: lines.append(lines.pop(0)),
    "a kind nobody knows": lambda lines: lines.insert(3, {"kind": "note"}),
}
IN_RANGES: dict[str, Change] = {
    "an entry left out": _drop("entry", 3),
    "an entry left out and the rest renumbered": _renumbered,
    "the first entry left out": _drop("entry", 0),
    "a later hash": _with("leaf", -1, lambda line: line.update(hash=flipped(line["hash"]))),
    "the last hash left out": _drop("leaf", -1),
    "the start's frontier": _with("start", 0, lambda line: line.update(frontier=[*line["frontier"][::-1], "00" * 32])),
    "the start's hash": _with("start", 0, lambda line: line["frontier"].__setitem__(0, flipped(line["frontier"][0]))),
    "the start's chain": _with("start", 0, lambda line: line.update(chain=flipped(line["chain"]))),
    "the start's size": _with("start", 0, lambda line: line.update(size=line["size"] - 1)),
    "no start": _drop("start", 0),
}
IN_SUBSETS: dict[str, Change] = {
    "a proof": _with("entry", 1, lambda line: line["proof"].__setitem__(0, flipped(line["proof"][0]))),
    "a shorter proof": _with("entry", 1, lambda line: line["proof"].pop()),
    "a longer proof": _with("entry", 1, lambda line: line["proof"].append("00" * 32)),
    "no proof": _with("entry", 1, lambda line: line.pop("proof")),
    "a proof that it only grew": _with(
        "consistency", 0, lambda line: line["proof"].__setitem__(0, flipped(line["proof"][0]))
    ),
    "no proof that it only grew": _drop("consistency", 0),
}


@pytest.mark.parametrize("scope", ["range", "subset"])
async def test_what_a_house_changes_in_its_own_export_is_found_by_both(told: Told, judges: Judges, scope: str) -> None:
    """Sealed again with the true key: only the record itself can tell."""
    asked = told.stretch if scope == "range" else ExportScope(customer=told.ana.id)
    lines = await told.export(asked)
    for name, change in {**IN_EVERY, **(IN_RANGES if scope == "range" else IN_SUBSETS)}.items():
        changed = json.loads(json.dumps(lines))
        change(changed)
        good, said = judges.judge(sealed(changed))
        assert not good, f"{name}: {said}"
        assert "BAD" in said


async def test_what_a_stranger_changes_is_found_by_both(told: Told, judges: Judges) -> None:
    """Who has no key cannot seal it again: any byte will do."""
    content = written(await told.export(ExportScope(customer=told.ana.id)))
    rows = content.splitlines(keepends=True)
    changed = {
        "cut off": b"".join(rows[:-1]),
        "cut off within a line": content[:-20],
        "a line more": content + rows[3],
        "a line left out": b"".join(rows[:5] + rows[6:]),
        "two lines that changed places": b"".join([*rows[:5], rows[6], rows[5], *rows[7:]]),
        "white space": content.replace(b":", b": ", 1),
        "a key twice": content.replace(b"{", b'{"kind":"manifest",', 1),
        "a fraction": content.replace(b'"number":', b'"number":1.0,"x":', 1),
        "not JSON": content.replace(b"{", b"[", 1),
        "not UTF-8": content.replace(b"manifest", b"manifes\xff", 1),
        "nested without end": rows[0] + b"[" * 100_000 + b"\n" + b"".join(rows[1:]),
    }
    for place in range(7, len(content), len(content) // 25):
        changed[f"byte {place}"] = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    for name, tampered in changed.items():
        good, said = judges.judge(tampered)
        assert not good, f"{name}: {said}"


async def test_a_bundle_under_another_key_is_found_where_the_key_is_known(told: Told, judges: Judges) -> None:
    lines = await told.export(ExportScope())
    [audit, _] = of_kind(lines, "key")
    audit.update(public_key=FOREIGN.public_text, key_id=FOREIGN.key_id)
    assert not judges.judge(sealed(lines, FOREIGN))[0]
    assert not judges.judge(sealed(lines, FOREIGN), None)[0], "its checkpoints are signed by the true key"


async def test_the_script_names_the_first_bad_entry(told: Told, judges: Judges) -> None:
    lines = await told.export(ExportScope())
    gone = of_kind(lines, "entry")[4]
    lines.remove(gone)
    _, said = judges.judge(sealed(lines))
    assert f"number {gone['number']} is missing" in said


STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2**70, "", "x", "5", "00" * 32, [], {}, ["00" * 32], {"a": 1}, "2026-01-01T00:00:00Z",
]  # fmt: skip


def _spoil(lines: Lines, rng: random.Random) -> None:
    """Put something strange somewhere, leave something out, or let two lines change places."""
    at = rng.randrange(len(lines) - 1)
    holder: Any = lines[at]
    while True:
        name = rng.choice(range(len(holder)) if isinstance(holder, list) else sorted(holder))
        if not (isinstance(holder[name], list | dict) and holder[name] and rng.random() < 0.8):
            break
        holder = holder[name]
    match rng.randrange(4):
        case 0:
            del holder[name]
        case 1:
            other = rng.randrange(len(lines) - 1)
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            holder[name] = rng.choice(STRANGE)


async def test_whatever_is_put_into_a_bundle_both_verifiers_say_the_same(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, file = random.Random(4711), tmp_path / "bundle.jsonl"
    bundles = [await told.export(told.stretch), await told.export(ExportScope(customer=told.ana.id))]
    bad = 0
    for number in range(200):
        lines = json.loads(json.dumps(bundles[number % 2]))
        _spoil(lines, rng)
        file.write_bytes(sealed(lines))
        status, verdict = script.main([str(file), "--key", KEY.public_text]), check_bundle(file, KEY.public_key)
        assert (status == 0) == verdict.good, (number, verdict.finding, capsys.readouterr().out)
        bad += status == 1
    assert bad > 120
