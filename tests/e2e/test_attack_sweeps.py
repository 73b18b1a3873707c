"""Sweeps over every endpoint: fields nobody offered, values of another type, and strings that mean something elsewhere.

The requests are made from the documented example of each body, by somebody whom the table lets in.
"""

import io
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import httpx2
import pytest
import structlog

from cambista.app.rooms import ROOMS
from cambista.gateway.access import TABLE
from cambista.kernel.callers import Role
from cambista.runtime import Runtime
from cambista.runtime.logs import configure_logs
from tests.e2e.walking import NOBODYS, Walk, Walker, fill, verdict
from tests.houses import PaperHouse
from tests.secrecy import made_up

Row = tuple[str, str]
Path = tuple[str | int, ...]
# What somebody would like to say of himself.
UNASKED: Mapping[str, Any] = {
    "role": "admin", "id": NOBODYS, "status": "credited", "owner_id": NOBODYS, "customer_id": NOBODYS,
    "scopes": ["principals:write"], "approved": True, "approvals": 2, "approvals_needed": 0, "price": "1",
    "quote_amount": "1", "fee": "0", "balance": "1000000", "is_admin": True, "caller": {"role": "admin"},
    "decided_by": NOBODYS, "proved_at": "2026-09-29T15:00:00Z", "expires_at": "2099-01-01T00:00:00Z",
    "kind": "firm", "branch": "other", "__proto__": {"role": "admin"}, "constructor": {}, "$where": "1",
}  # fmt: skip
OTHER_TYPES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 1.5, "", [], {}, [None], [[[]]], {"$gt": ""}, {"a": {"b": []}}, ["x"] * 100,
    "x" * 5000, NOBODYS,
)  # fmt: skip
# Each means something to some reader: SQL, shells, templates, paths, spreadsheets, browsers, logs, LDAP, JSON, eyes.
ATTACKS: tuple[str, ...] = (
    "' OR '1'='1", "'; DROP TABLE ledger.account; --", "$1; SELECT pg_sleep(9)", "\\'; SELECT 1 --", "%' OR 1=1 --",
    "1) UNION SELECT hash FROM identity.api_key --", "E'\\\\x00'", "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
    "%s%s%s%n", "{0.__class__.__init__.__globals__}", "%(password)s", "{event}", "../../../../etc/passwd",
    "..\\..\\windows\\win.ini", "/etc/passwd\u2024", "file:///etc/passwd", "http://169.254.169.254/latest/meta-data/",
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)", "$(reboot)", "`reboot`", "; ls -la", "| cat /etc/shadow", "*)(uid=*))(|(uid=*",
    '{"$gt": ""}', '","role":"admin","x":"', "\u202eadmin\u202c", "ad\u200bmin", "аdmin", "ＡＤＭＩＮ", "a\u0301" * 60,
    "\u2028event\u2029", "\x85next line", "\ufeffmark", "\U0001f4b8" * 20, "İstanbul", "ß", "a" * 300,
)  # fmt: skip
# JSON cannot bring these in as they are; an escape could, and is refused as malformed.
RAW = (
    "a\r\nSet-Cookie: x=1",
    "a\nlevel=error event=forged",
    "\x1b[2J\x1b[31mforged",
    "nul\x00byte",
    "tab\tand bell\x07",
)


def places(body: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a body with its way there, containers included."""
    if path:
        yield path, body
    steps = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


def put(body: Any, path: Path, value: Any) -> Any:
    changed = deepcopy(body)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


class Sweep:
    """Sends changed bodies as somebody who is let in, and keeps what must not happen."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        made_up([*ATTACKS, *RAW, *(each for each in OTHER_TYPES if isinstance(each, str))])
        made_up(each.partition(" ")[2] for each in (*ATTACKS, *RAW))
        self.asked = 0
        self.faults: list[str] = []

    def rows(self) -> Iterator[tuple[Row, Any]]:
        """Endpoints with a JSON body, and a good example of it."""
        for row, body in self.walk.bodies.items():
            if row in TABLE and isinstance(body, dict) and not row[1].startswith("/oauth/"):
                yield row, body

    async def guest(self, row: Row) -> Walker:
        """Somebody who is let in at that row: the owner of the things where an owner may call, else staff."""
        access = TABLE[row]
        if not access.roles:
            return self.walk.walkers[0]
        able = [each for each in self.walk.walkers if not each.scopes and verdict(access, each) is None]
        able.sort(
            key=lambda each: (not each.name.startswith("the owner"), each.role is not Role.ADMIN, not each.proved)
        )
        who = able[0]
        if who.session and who.owner is not None:
            return Walker(who.name, await self.walk.makers.session(who.owner, proved=True), who.role, who.owner)
        return who

    async def send(self, row: Row, who: Walker, body: Any, **headers: str) -> httpx2.Response:
        self.asked += 1
        own = {"authorization": f"Bearer {who.secret}"} if who.secret else {}
        named = {"idempotency-key": f"sweep-{self.asked}", "content-type": "application/json", **own, **headers}
        content = json.dumps(body).encode() if not isinstance(body, bytes) else body
        path = fill(row[1], self.walk.things)
        return await self.walk.http.request(row[0], path, content=content, headers=named)

    def judge(self, row: Row, what: object, answer: httpx2.Response) -> None:
        problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        if answer.status_code >= 500 and answer.status_code != 503:
            self.faults.append(f"{row}: {what}: {answer.status_code} {answer.text[:200]}")
        elif answer.status_code >= 400 and not problem and not row[1].startswith("/oauth/"):
            self.faults.append(f"{row}: {what}: {answer.status_code} in another form: {answer.text[:200]}")
        elif "html" in answer.headers.get("content-type", "") and ("<script>" in answer.text or "<img" in answer.text):
            self.faults.append(f"{row}: {what}: shown as it came")


async def rows_of_all_tables(runtime: Runtime) -> dict[str, int]:
    """How many rows each table of the house has, but for the journal, which also keeps what was refused."""
    async with runtime.db.read() as reader:
        tables = await reader.all(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname = ANY($1) ORDER BY 1",
            list(ROOMS),
        )
        readable = [each["name"] for each in tables if not each["name"].partition(".")[2].startswith("own_")]
        counts = {}
        for name in readable:
            if await reader.value("SELECT has_table_privilege($1, 'SELECT')", name):
                counts[name] = await reader.value(f"SELECT count(*) FROM {name}")
    return {name: count for name, count in counts.items() if not name.startswith("runtime.journal")}


async def test_no_endpoint_takes_a_field_it_did_not_offer(walk: Walk, paper: PaperHouse) -> None:
    sweep = Sweep(walk)
    before = None
    for row, body in sweep.rows():
        who = await sweep.guest(row)
        before = before or await rows_of_all_tables(paper.runtime)
        # A passkey's answer is the browser's, and has whatever it has (WebAuthn, 5.1).
        inner = (path for path, value in places(body) if isinstance(value, dict) and "credential" not in path)
        holders: list[Path] = [(), *inner]
        for holder in holders:
            for name, value in UNASKED.items():
                if offered(row, holder, name):
                    continue
                changed = put(body, (*holder, name), value)
                answer = await sweep.send(row, who, changed)
                code = answer.json().get("code")
                if code != "unknown_field" or answer.json()["facts"].get("field") != name:
                    sweep.faults.append(f"{row}: {(*holder, name)}: {answer.status_code} {answer.text[:160]}")
    assert not sweep.faults, "\n".join(sweep.faults)
    assert sweep.asked > 400
    after = await rows_of_all_tables(paper.runtime)
    # Sessions were opened by the sweep itself.
    assert {name: after[name] for name in after if name != "identity.session"} == {
        name: count for name, count in (before or {}).items() if name != "identity.session"
    }


def offered(row: Row, holder: Path, name: str) -> bool:
    """Whether the document offers a field of that name there."""
    return name in OFFERED.get((row[1].rpartition("/v1")[2], holder[-1] if holder else ""), ())


# Fields of UNASKED that an endpoint does offer; each is tried for what it may do in its own tests.
OFFERED: Mapping[tuple[str, str | int], tuple[str, ...]] = {
    ("/api-keys", ""): ("owner_id", "scopes", "expires_at"),
    ("/deposits", ""): ("customer_id",),
    ("/principals", ""): ("role",),
    ("/orders", ""): ("price",),
    ("/quotes", ""): ("kind",),
    ("/trades", ""): ("price",),
    ("/oauth/clients", ""): ("owner_id", "scopes"),
}


async def test_no_value_of_another_type_breaks_anything(walk: Walk, paper: PaperHouse) -> None:
    sweep = Sweep(walk)
    for row, body in sweep.rows():
        who = await sweep.guest(row)
        for path, value in places(body):
            for other in OTHER_TYPES:
                if type(other) is not type(value):
                    sweep.judge(row, (path, other), await sweep.send(row, who, put(body, path, other)))
    assert not sweep.faults, "\n".join(sweep.faults)
    assert sweep.asked > 800
    assert (await paper.house.ledger.trial_balance()).balanced


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the house logs, as in production."""
    before, stream = structlog.get_config(), io.StringIO()
    configure_logs(stream=stream)
    yield stream
    structlog.configure(**before)


def wrong_lines(log: io.StringIO) -> list[str]:
    """Lines that are not one JSON object each, or hold what a terminal or another parser would take for more."""
    wrong = []
    for line in log.getvalue().splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if (
            not isinstance(found, dict)
            or "event" not in found
            or any(ord(sign) < 32 or ord(sign) == 127 for sign in line)
        ):
            wrong.append(line[:200])
    return wrong


@pytest.mark.slow
async def test_no_string_means_anything_to_the_house_or_its_logs(
    walk: Walk, paper: PaperHouse, log: io.StringIO
) -> None:
    sweep = Sweep(walk)
    tables = set(await rows_of_all_tables(paper.runtime))
    for row, body in sweep.rows():
        who = await sweep.guest(row)
        for path, value in places(body):
            if isinstance(value, str):
                for attack in ATTACKS:
                    sweep.judge(row, (path, attack), await sweep.send(row, who, put(body, path, attack)))
                for raw in RAW:
                    answer = await sweep.send(row, who, put(body, path, raw))
                    if answer.status_code != 400 or answer.json()["code"] != "body_not_json":
                        sweep.faults.append(f"{row}: {path}: {raw!r}: {answer.status_code}")
    assert not sweep.faults, "\n".join(sweep.faults)
    assert sweep.asked > 2000
    assert set(await rows_of_all_tables(paper.runtime)) == tables
    assert (await paper.house.ledger.trial_balance()).balanced
    assert await paper.house.ledger.check() == []
    assert log.getvalue()
    assert wrong_lines(log) == []


async def test_no_string_in_a_path_a_query_or_a_header_means_anything(walk: Walk, log: io.StringIO) -> None:
    sweep = Sweep(walk)
    parameters = parameters_of(walk)
    for row in TABLE:
        if row[0] != "GET":
            continue
        who = await sweep.guest(row)
        headers = {"authorization": f"Bearer {who.secret}"} if who.secret else {}
        for attack in (*ATTACKS[::4], *RAW):
            for name in (*parameters[row], attack):
                answer = await walk.http.get(fill(row[1], walk.things), params={name: attack}, headers=headers)
                sweep.judge(row, (name, attack), answer)
        if "{" in row[1]:
            for attack in (*ATTACKS, *RAW):
                path = httpx2.URL("http://house").copy_with(raw_path=row[1].partition("{")[0].encode() + quoted(attack))
                sweep.judge(row, attack, await walk.http.get(path, headers=headers))
    for attack in (*ATTACKS, *RAW):
        raw = {"x-request-id": attack, "traceparent": attack, "user-agent": attack, "x-forwarded-for": attack,
               "accept": attack, "authorization": attack, "x-api-key": attack, "origin": attack}  # fmt: skip
        for name, value in raw.items():
            # As a client that keeps to no rule would send it: the server in front refuses some of these itself.
            sent = [(name.encode(), value.encode())]
            answer = await walk.http.get("http://house/api/v1/accounts", headers=sent)
            sweep.judge(("GET", name), attack, answer)
            assert "set-cookie" not in answer.headers
            assert answer.headers["x-request-id"].isprintable()
    assert not sweep.faults, "\n".join(sweep.faults)
    assert wrong_lines(log) == []


def parameters_of(walk: Walk) -> Mapping[Row, list[str]]:
    """The query parameters of every endpoint, as documented; none where the document does not know it."""
    found: dict[Row, list[str]] = {row: [] for row in TABLE}
    for path, operations in walk.document["paths"].items():
        for method, told in operations.items():
            named = [each["name"] for each in told.get("parameters", ()) if each["in"] == "query"]
            found.setdefault((method.upper(), path), []).extend(named)
    return found


def quoted(text: str) -> bytes:
    return "".join(f"%{byte:02x}" for byte in text.encode()).encode()
