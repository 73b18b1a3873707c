"""A journal entry as it is hashed."""

import msgspec

FORM = "cambista.entry.v1"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A journal entry as it is hashed: strings and nulls. The order of the fields is that of canonical JSON."""

    action: str
    actor: str
    address: str
    after: str | None
    agent: str
    before: str | None
    branch: str
    client: str | None
    credential: str
    facts: str
    form: str
    id: str
    key: str | None
    outcome: str
    role: str
    subject: str
    time: str
    trace: str
