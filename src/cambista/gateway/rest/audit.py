"""The record of every action: entries, checkpoints, proofs and the public key."""

from typing import Annotated

import msgspec
from fastapi import Path, Query, Response

from cambista.audit import (
    ChainBroken,
    Checkpoint,
    CheckpointUnknown,
    Entry,
    EntryFilter,
    EntryUnknown,
    ListedEntry,
    SinkState,
)
from cambista.gateway import wire
from cambista.gateway.errors import CursorInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, number_from
from cambista.gateway.rest.routing import Entered, reply, rest_router, speaks
from cambista.gateway.rest.words import Cursor, IdPath, IdText, TimeText
from cambista.kernel.ids import IdInvalid, parse_id
from cambista.kernel.time import TimeInvalid, parse_time, wire_time

router = rest_router("audit")
HexText = Annotated[str, msgspec.Meta(description="32 bytes, hex.")]
_TIME = {"format": "date-time"}
Since = Annotated[str | None, Query(alias="from", max_length=40, description="Not before.", json_schema_extra=_TIME)]
Until = Annotated[str | None, Query(alias="to", max_length=40, description="Before.", json_schema_extra=_TIME)]
Actor = Annotated[str | None, Query(max_length=36, description="Who did it.", json_schema_extra={"format": "uuid"})]
ActionName = Annotated[str | None, Query(alias="action", max_length=100, description="What was done.")]
Subject = Annotated[str | None, Query(max_length=200, description="What it was done to, as `trade:…`.")]
Number = Annotated[int, Path(ge=1, le=2**53, description="A checkpoint's number.")]
Than = Annotated[int, Query(alias="since", ge=1, le=2**53, description="The number of an earlier checkpoint.")]


class EntryOut(msgspec.Struct):
    """A deed, a refusal or a read, exactly as it is hashed (docs/audit.md)."""

    action: str
    actor: IdText
    address: str
    after: str | None
    agent: str
    before: str | None
    branch: str
    client: str | None
    credential: str
    facts: str
    form: str
    id: IdText
    key: str | None
    outcome: str
    role: str
    subject: str
    time: TimeText
    trace: str


class ListedEntryOut(msgspec.Struct):
    """An entry and its number; null until it is sealed, which takes about a second."""

    number: int | None
    entry: EntryOut


class AuditPage(msgspec.Struct):
    """Entries, newest first."""

    items: list[ListedEntryOut]
    next_cursor: Cursor


class CheckpointOut(msgspec.Struct):
    """A signed tree head: `text` is the signed note, the rest is read from it."""

    number: int
    size: int
    root: HexText
    chain: HexText
    time: TimeText
    text: str


class SinkOut(msgspec.Struct):
    """A place outside: the last checkpoint it has, how many it lacks, failures since, and the last error."""

    sink: str
    number: int
    behind: int
    failures: int
    error: str


class CheckpointPage(msgspec.Struct):
    """Checkpoints, newest first, and how far the places outside are."""

    items: list[CheckpointOut]
    next_cursor: Cursor
    sinks: list[SinkOut]


class EntryProofOut(msgspec.Struct):
    """That the entry with this number and hash is in the checkpoint's tree: hashes from its neighbour upwards."""

    number: int
    hash: HexText
    entry: EntryOut
    checkpoint: CheckpointOut
    proof: list[HexText]


class ConsistencyOut(msgspec.Struct):
    """That the tree of `second` begins with that of `first`."""

    first: CheckpointOut
    second: CheckpointOut
    proof: list[HexText]


class AuditKeyOut(msgspec.Struct):
    """The key that checkpoints and exports are signed with."""

    name: str
    key_id: str
    algorithm: str
    public_key: str
    pem: str


def show_entry(entry: Entry) -> EntryOut:
    return msgspec.convert(entry, EntryOut, from_attributes=True)


def show_checkpoint(checkpoint: Checkpoint) -> CheckpointOut:
    head = checkpoint.head
    time = wire_time(head.time)
    return CheckpointOut(head.number, head.size, head.root.hex(), head.chain.hex(), time, checkpoint.text)


def show_listed(listed: ListedEntry) -> ListedEntryOut:
    return ListedEntryOut(listed.number, show_entry(listed.entry))


def show_sink(state: SinkState) -> SinkOut:
    return SinkOut(state.sink, state.number, state.behind, state.failures, state.error)


_ENTRY = {
    "action": "trade.execute", "actor": words.CUSTOMER, "address": "203.0.113.7", "after": None, "agent": "",
    "before": None, "branch": "main", "client": None, "credential": "key", "facts": f'{{"quote": "{words.QUOTE}"}}',
    "form": "cambista.entry.v1", "id": words.DEPOSIT, "key": words.KEY, "outcome": "done", "role": "customer",
    "subject": f"trade:{words.TRADE}", "time": words.MOMENT, "trace": "0199a3c07b3f7c1e8d2f4a5b6c7d8e9f",
}  # fmt: skip
_HASH = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
_CHECKPOINT = {
    "number": 17, "size": 1234, "root": _HASH, "chain": _HASH, "time": words.MOMENT,
    "text": "cambista/main\n1234\n…",
}  # fmt: skip
_SINK = {"sink": "file", "number": 17, "behind": 0, "failures": 0, "error": ""}


def _place(cursor: str | None) -> tuple[int, int] | None:
    """Where a list of entries stopped: a transaction and a position in it."""
    last = wire.read_cursor("audit", cursor)
    if last is None:
        return None
    xid, _, position = last.partition("-")
    if not (xid.isdigit() and position.isdigit() and len(last) <= 40):
        raise CursorInvalid
    return min(int(xid), 2**63 - 1), min(int(position), 2**63 - 1)


def _asked(actor: str | None, action: str | None, subject: str | None, period: tuple[str | None, ...]) -> EntryFilter:
    since, until = (None if each is None else parse_time(each) for each in period)
    return EntryFilter(None if actor is None else parse_id(actor), action, subject, since, until)


@router.get(
    "/audit",
    **speaks(
        AuditPage,
        {"items": [{"number": 1230, "entry": _ENTRY}], "next_cursor": None},
        refuses=(CursorInvalid, IdInvalid, TimeInvalid),
    ),
)
async def list_entries(
    passage: Entered,
    *,
    actor: Actor = None,
    action: ActionName = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: CursorIn = None,
) -> Response:
    """Who did what, newest first. Reading this is on record too."""
    asked = _asked(actor, action, subject, (since, until))
    found = await passage.doors.audit.entries(passage.caller, asked, before=_place(cursor), limit=limit + 1)
    shown = found[:limit]
    last = "-".join(str(each) for each in shown[-1].place) if len(found) > limit else None
    return reply(AuditPage([show_listed(each) for each in shown], cursor_to("audit", last)))


@router.get(
    "/audit/checkpoints",
    **speaks(CheckpointPage, {"items": [_CHECKPOINT], "next_cursor": None, "sinks": [_SINK]}, refuses=(CursorInvalid,)),
)
async def list_checkpoints(passage: Entered, limit: Limit = 50, cursor: CursorIn = None) -> Response:
    """Signed tree heads, newest first."""
    audit = passage.doors.audit
    before = number_from("checkpoints", cursor)
    found = await audit.checkpoints(before=before, limit=limit + 1)
    shown = found[:limit]
    last = shown[-1].head.number if len(found) > limit else None
    sinks = [show_sink(each) for each in await audit.sinks()]
    return reply(CheckpointPage([show_checkpoint(each) for each in shown], cursor_to("checkpoints", last), sinks))


@router.get(
    "/audit/checkpoints/{number}/consistency",
    **speaks(
        ConsistencyOut,
        {"first": _CHECKPOINT, "second": _CHECKPOINT, "proof": [_HASH]},
        refuses=(CheckpointUnknown, ChainBroken),
    ),
)
async def prove_consistency(number: Number, passage: Entered, since: Than) -> Response:
    """Proof that nothing before the earlier checkpoint was changed until this one (RFC 9162, 2.1.4)."""
    found = await passage.doors.audit.consistency(since, number)
    first, second = show_checkpoint(found.first), show_checkpoint(found.second)
    return reply(ConsistencyOut(first, second, [each.hex() for each in found.proof]))


@router.get(
    "/audit/key",
    **speaks(
        AuditKeyOut,
        {
            "name": "cambista/main", "key_id": "0123456789abcdef", "algorithm": "Ed25519",
            "public_key": "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbL", "pem": "-----BEGIN PUBLIC KEY-----\n…",
        },
    ),
)  # fmt: skip
async def get_key(passage: Entered) -> Response:
    """The public key. Compare it with one you had from elsewhere."""
    audit = passage.doors.audit
    key = audit.key
    return reply(AuditKeyOut(audit.origin, key.key_id, "Ed25519", key.public_text, key.public_pem))


@router.get(
    "/audit/{id}/proof",
    **speaks(
        EntryProofOut,
        {"number": 1230, "hash": _HASH, "entry": _ENTRY, "checkpoint": _CHECKPOINT, "proof": [_HASH]},
        refuses=(EntryUnknown, ChainBroken, IdInvalid),
    ),
)
async def prove_entry(id: IdPath, passage: Entered) -> Response:
    """Proof that the entry is in the newest checkpoint (RFC 9162, 2.1.3)."""
    found = await passage.doors.audit.proof(passage.caller, parse_id(id))
    entry, checkpoint = show_entry(found.entry), show_checkpoint(found.checkpoint)
    proof = [each.hex() for each in found.proof]
    return reply(EntryProofOut(found.number, found.hash.hex(), entry, checkpoint, proof))
