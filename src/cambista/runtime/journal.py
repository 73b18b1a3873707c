"""What was done, by whom, with what outcome: rows written in the transaction of the deed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cambista.kernel.callers import Caller
from cambista.kernel.canonical import canonical_json, digest


@dataclass(frozen=True, slots=True)
class Action:
    """`caller` did `name` to `subject`; `facts` are wire values (ids, amounts as strings), never personal data.

    `before` and `after` are digests (`state_digest`) of the subject's state where the deed changed it.
    """

    caller: Caller
    name: str
    subject: str
    outcome: str = "done"
    facts: Mapping[str, object] = field(default_factory=dict)
    before: str | None = None
    after: str | None = None


def state_digest(state: Mapping[str, object]) -> str:
    """SHA-256 (hex) of a subject's state as canonical JSON; decimals and times go in as strings."""
    return digest(canonical_json(state))
