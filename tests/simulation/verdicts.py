"""How a simulation says that the house has broken a rule."""

from dataclasses import dataclass, field


class Violation(Exception):
    """A rule of `domain.md` is broken: `rule` is its stable name, the text says where."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


@dataclass(frozen=True)
class Judgement:
    """What the house may answer: `must` = reasons to refuse that hold for certain (none: the request may succeed),
    `may` = refusals that depend on what only the house knows, such as the exact price."""

    must: frozenset[str] = field(default_factory=frozenset)
    may: frozenset[str] = field(default_factory=frozenset)


def judgement(must: dict[str, bool], may: dict[str, bool] | None = None) -> Judgement:
    """From tables of code → whether it holds."""
    return Judgement(
        frozenset(code for code, holds in must.items() if holds),
        frozenset(code for code, holds in (may or {}).items() if holds),
    )


def expect(holds: bool, rule: str, detail: object) -> None:
    if not holds:
        raise Violation(rule, str(detail))
