"""The record: entries by filter, proofs checked, checkpoints and their copies. Each look is an entry itself."""

from cambista.audit import ChainBroken, EntryFilter, EntryUnknown
from cambista.console.pages import parts
from cambista.console.pages import record as pages
from cambista.console.proofs import check_entry, is_signed
from cambista.console.visits import Page, Visit
from cambista.kernel.ids import parse_id
from cambista.kernel.time import parse_time

PAGE = 50
FILTERS = ("actor", "action", "subject", "from", "until")
_FAR = 2**62


async def list_entries(visit: Visit) -> Page:
    asked = {name: value for name in FILTERS if (value := visit.asked(name)) is not None}
    wanted = EntryFilter(
        parse_id(asked["actor"]) if "actor" in asked else None,
        asked.get("action"),
        asked.get("subject"),
        parse_time(_utc(asked["from"])) if "from" in asked else None,
        parse_time(_utc(asked["until"])) if "until" in asked else None,
    )
    found = await visit.doors.audit.entries(visit.caller, wanted, before=_place(visit.asked("before")), limit=PAGE + 1)
    shown = found[:PAGE]
    before = "-".join(map(str, shown[-1].place)) if len(found) > PAGE else None
    return Page(visit.words.nav_audit, pages.entries(shown, asked, visit.words, root=visit.root, before=before))


async def check_proof(visit: Visit) -> Page:
    """Fetch the proof and work it out from its bytes: nothing is believed but the audit's public key."""
    audit = visit.doors.audit
    try:
        found = await audit.proof(visit.caller, parse_id(visit.id))
    except EntryUnknown:
        return Page(visit.words.check_proof, parts.note(visit.words.proof_waits, "bad"), 404)
    except ChainBroken:
        return Page(visit.words.check_proof, parts.note(visit.words.proof_bad, "bad"), 409)
    steps = check_entry(found, audit.key.public_key)
    title = visit.words.proof_title.format(number=found.number)
    return Page(title, pages.proof(found, steps, visit.words, root=visit.root))


async def list_checkpoints(visit: Visit) -> Page:
    audit = visit.doors.audit
    before = visit.asked("before")
    found = await audit.checkpoints(before=_number(before), limit=PAGE + 1)
    shown = [(each, is_signed(each, audit.key.public_key)) for each in found[:PAGE]]
    last = str(shown[-1][0].head.number) if len(found) > PAGE else None
    body = pages.checkpoints(shown, await audit.sinks(), visit.words, root=visit.root, before=last)
    return Page(visit.words.nav_checkpoints, body)


def _utc(text: str) -> str:
    """What a browser's field for times gives, which is of no zone, is UTC."""
    return text if text.endswith("Z") or "+" in text else f"{text}Z"


def _place(text: str | None) -> tuple[int, int] | None:
    """Where a list of entries stopped; what is no place is the beginning."""
    xid, _, position = (text or "").partition("-")
    if not (_is_number(xid) and _is_number(position)):
        return None
    return min(int(xid), _FAR), min(int(position), _FAR)


def _number(text: str | None) -> int | None:
    return min(int(text), _FAR) if text is not None and _is_number(text) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20
