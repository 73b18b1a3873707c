"""What was done, by whom, with what outcome: rows written in the transaction of the deed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cambista.kernel.callers import Caller


@dataclass(frozen=True, slots=True)
class Action:
    """`caller` did `name` to `subject`; `facts` are wire values (ids, amounts as strings), never personal data."""

    caller: Caller
    name: str
    subject: str
    outcome: str = "done"
    facts: Mapping[str, object] = field(default_factory=dict)
