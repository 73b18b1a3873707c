"""The house's solvency, and how it is guarded."""

import msgspec

from cambista.audit import CertificateUnknown
from cambista.console.pages import house as pages
from cambista.console.pages import parts
from cambista.console.proofs import is_certified
from cambista.console.visits import Page, Visit


async def show_solvency(visit: Visit) -> Page:
    words = visit.words
    try:
        found = await visit.doors.solvency.certificate()
    except CertificateUnknown:
        return Page(words.nav_solvency, parts.lead(words.no_certificate))
    good = is_certified(found, visit.doors.audit.key.public_key)
    statement = msgspec.json.decode(found.statement)
    return Page(words.nav_solvency, pages.solvency(found, statement, words, good=good))


async def show_guards(visit: Visit) -> Page:
    doors = visit.doors
    await visit.note_read("security.read", "security")
    body = pages.guards(await doors.guards(), await doors.audit.sinks(), visit.words)
    return Page(visit.words.nav_security, body)
