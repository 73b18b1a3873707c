"""The house's solvency, and how it is guarded: nothing here can be changed from here."""

from collections.abc import Iterable, Sequence
from typing import Any

from cambista.audit import Certificate, SinkState
from cambista.console.office_texts import Words
from cambista.console.pages import parts, record
from cambista.console.panels.markup import esc
from cambista.console.security import Guards, Keeping, Limits, Policy, Ways


def solvency(certificate: Certificate, statement: Any, words: Words, *, good: bool) -> str:
    """The newest certificate: per asset, what is owed and what there is. `statement` is its parsed JSON."""
    rows = [
        [
            f"<b>{esc(each['asset'])}</b>", _number(each["liabilities"]), _number(each["suspense"]),
            _number(each["reserve"]), _number(each["surplus"]), parts.sign(bool(each["solvent"]), words),
        ]
        for each in statement["assets"]
    ]  # fmt: skip
    heads = (words.asset, words.liabilities, words.suspense, words.reserve, words.surplus, words.solvent)
    facts = ((words.time, parts.moment(certificate.as_of, words)), (words.signature, parts.sign(good, words)))
    title = words.solvency_day.format(day=certificate.day.isoformat())
    return parts.section(title, parts.facts(facts), parts.table(heads, rows, words))


def guards(found: Guards, sinks: Sequence[SinkState], words: Words) -> str:
    """Every setting that guards the house."""
    return (
        parts.section(words.doors, parts.facts(_ways(found.ways, words)))
        + parts.section(words.policy, parts.facts(_policy(found.policy, words)))
        + parts.section(words.sealing, parts.facts(_keeping(found.keeping, words)))
        + parts.section(words.sinks, record.sinks(sinks, words))
        + parts.section(words.limits, _limits(found.limits, words))
    )


def _number(text: object) -> str:
    return f'<span class="figures-column">{esc(text)}</span>'


def _named(texts: Iterable[str], nothing: str) -> str:
    return parts.cut(", ".join(texts) or nothing)


def _ways(ways: Ways, words: Words) -> list[tuple[str, str]]:
    ends = "—" if ways.certificate_ends_at is None else parts.moment(ways.certificate_ends_at, words)
    return [
        (words.tls, esc(words.tls_none if ways.tls is None else f"≥ {ways.tls}")),
        (words.certificate_ends, ends),
        (words.hsts, str(ways.hsts_s)),
        (words.proxies, _named(ways.proxies, words.nobody)),
        (words.hosts, _named(ways.hosts, words.any_host)),
        (words.cors, _named(ways.cors, words.nobody)),
    ]


def _policy(policy: Policy, words: Words) -> list[tuple[str, str]]:
    return [
        (words.password_min, str(policy.length_min)),
        (words.password_days, str(policy.days_max)),
        (words.password_history, str(policy.history)),
        (words.password_hash, esc(policy.argon2)),
        (words.password_breached, parts.sign(policy.breached_list, words)),
        (words.staff_factor, parts.sign(policy.staff_factor, words)),
        (words.step_up, str(policy.step_up_s)),
        (words.staff_idle, str(policy.idle_staff_s)),
        (words.session_max, str(policy.session_max_s)),
    ]


def _keeping(keeping: Keeping, words: Words) -> list[tuple[str, str]]:
    return [
        (words.provider, esc(keeping.provider)),
        (words.former, _named(keeping.former, words.nobody)),
        (words.newest_key, esc(words.away) if keeping.newest is None else parts.code(keeping.newest)),
    ]


def _limits(limits: Limits, words: Words) -> str:
    rows = [[esc(each.name), str(each.units), str(each.trades), _named(each.roles, "—")] for each in limits.tiers]
    facts = (
        (words.price_calls, str(limits.price_calls)),
        (words.open_units, str(limits.open_units)),
        (words.key_failures, str(limits.failures)),
    )
    heads = (words.tier, words.tier_units, words.tier_trades, words.roles)
    return parts.table(heads, rows, words) + parts.facts(facts)
