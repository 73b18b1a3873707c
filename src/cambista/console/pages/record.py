"""The record of every action: entries, one entry's proof, checkpoints and their copies outside."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from cambista.audit import Checkpoint, Entry, EntryProof, ListedEntry, SinkState
from cambista.console.office_texts import Words
from cambista.console.pages import parts
from cambista.console.pages.people import older
from cambista.console.panels.markup import esc
from cambista.console.proofs import Step

FACTS_MAX = 4000
_SECONDS = 'step="1"'


def entries(
    found: Sequence[ListedEntry], asked: Mapping[str, str], words: Words, *, root: str, before: str | None
) -> str:
    """Entries, newest first, under the filter they came by; `before` is where the next page begins."""
    heads = (words.number, words.time, words.action, words.outcome, words.actor, words.subject, "")
    table = parts.table(heads, [_row(each, words, root=root) for each in found], words)
    more = ""
    if before is not None:
        way = urlencode({**asked, "before": before})
        more = f'<p class="older">{parts.link(root, f"/audit?{way}", words.older)}</p>'
    return _filter(asked, words, root=root) + table + more


def proof(found: EntryProof, steps: Sequence[Step], words: Words, *, root: str) -> str:
    """Whether the entry is in the signed record, step by step, and the entry itself."""
    said = {
        "hash": words.step_hash,
        "path": words.step_path.format(count=len(found.proof)),
        "text": words.step_text.format(number=found.checkpoint.head.number),
        "signature": words.step_signature.format(key=found.checkpoint.key_hash.hex()),
    }
    shown = "".join(
        f'<li class="{"good" if step.good else "bad"}">{parts.sign(step.good, words)} '
        f"{esc(said[step.name])}<br>{parts.code(step.value)}</li>"
        for step in steps
    )
    good = all(step.good for step in steps)
    verdict = parts.note(words.proof_good) if good else parts.note(words.proof_bad, "bad")
    return (
        f'{verdict}<ol class="steps">{shown}</ol>{parts.section(words.entry, _facts(found.entry, words))}'
        f"<p>{parts.link(root, '/audit', words.back)}</p>"
    )


def checkpoints(
    found: Sequence[tuple[Checkpoint, bool]],
    states: Sequence[SinkState],
    words: Words,
    *,
    root: str,
    before: str | None,
) -> str:
    """Checkpoints, each with whether its signature is true, and how far the copies outside are."""
    rows = [
        [
            str(each.head.number), parts.moment(each.head.time, words), str(each.head.size),
            parts.code(each.head.root.hex()[:16]), _signed(good, words),
        ]
        for each, good in found
    ]  # fmt: skip
    heads = (words.number, words.time, words.size, words.root, words.signature)
    table = parts.table(heads, rows, words) + older(root, "/checkpoints", before, words)
    return parts.section(words.sinks, sinks(states, words)) + parts.section(words.nav_checkpoints, table)


def sinks(states: Sequence[SinkState], words: Words) -> str:
    """How far each copy outside is."""
    rows = [
        [parts.cut(each.sink), str(each.number), str(each.behind), str(each.failures), parts.cut(each.error)]
        for each in states
    ]
    heads = (words.sink, words.number, words.behind, words.failures, words.error)
    return parts.table(heads, rows, words)


def _signed(good: bool, words: Words) -> str:
    text = words.signature_good if good else words.signature_bad
    return f'<span class="{"up" if good else "down"}">{"✓" if good else "✗"} {esc(text)}</span>'


def _filter(asked: Mapping[str, str], words: Words, *, root: str) -> str:
    return parts.form(
        f"{root}/audit",
        words.filter,
        parts.field("actor", words.actor, value=asked.get("actor", "")),
        parts.field("action", words.action, value=asked.get("action", "")),
        parts.field("subject", words.subject, value=asked.get("subject", "")),
        parts.field("from", words.from_, kind="datetime-local", value=asked.get("from", ""), more=_SECONDS),
        parts.field("until", words.until, kind="datetime-local", value=asked.get("until", ""), more=_SECONDS),
        kind="filter",
        get=True,
    )


def _row(listed: ListedEntry, words: Words, *, root: str) -> list[str]:
    entry = listed.entry
    check = parts.form(f"{root}/audit/{entry.id}", words.check_proof, get=True) if listed.number is not None else ""
    role = esc(words.named("role", entry.role))
    whole = f"<details><summary>{esc(words.more)}</summary>{_facts(entry, words)}</details>"
    return [
        "…" if listed.number is None else str(listed.number),
        f"<time>{esc(entry.time[:19].replace('T', ' '))}</time>",
        _narrowed("action", entry.action, root=root),
        f'<span class="{"up" if entry.outcome == "done" else "down"}">{parts.cut(entry.outcome, 60)}</span>',
        f"{role}<br>{_narrowed('actor', entry.actor, root=root)}",
        _narrowed("subject", entry.subject, root=root),
        f'<div class="deeds">{whole}{check}</div>',
    ]


def _narrowed(name: str, value: str, *, root: str) -> str:
    """A value, with the way to all entries that have it."""
    return parts.link(root, f"/audit?{urlencode({name: value[:200]})}", value[:100])


def _facts(entry: Entry, words: Words) -> str:
    """Every field that is hashed."""
    return parts.facts(
        (
            (words.identifier, parts.code(entry.id)),
            (words.time, parts.code(entry.time)),
            (words.action, parts.code(entry.action)),
            (words.outcome, parts.code(entry.outcome)),
            (words.subject, parts.code(entry.subject)),
            (words.actor, parts.code(entry.actor)),
            (words.role, parts.code(entry.role)),
            (words.credential, parts.code(" ".join(filter(None, (entry.credential, entry.key, entry.client))))),
            (words.address, parts.code(entry.address)),
            (words.agent, parts.cut(entry.agent)),
            (words.trace, parts.code(entry.trace)),
            (words.facts, parts.code(entry.facts, FACTS_MAX)),
            (words.before, parts.code(entry.before or "—")),
            (words.after, parts.code(entry.after or "—")),
        )
    )
