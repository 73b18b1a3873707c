"""Staff and customers in pages, and one of them in full: keys, sessions, second factors, and what may be done."""

from collections.abc import Sequence
from dataclasses import dataclass

from cambista.console.office_texts import Words
from cambista.console.pages import parts
from cambista.console.panels.markup import esc
from cambista.identity import ApiKey, Customer, Factors, NewApiKey, Page, Principal, Session, Status

SCOPES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that a caller may see of somebody. What is None is not the caller's to see."""

    who: Customer | Principal
    keys: Page[ApiKey] | None
    sessions: Sequence[Session] | None
    factors: Factors | None


@dataclass(frozen=True, slots=True)
class Deeds:
    """What the caller may do about somebody."""

    block: bool
    invite: bool
    keys: bool


def search(words: Words, *, action: str) -> str:
    """The search by a whole address; it is sent as a form, so that it stands in no address line and no log."""
    return parts.form(action, words.search, parts.field("email", words.search_email, kind="email"))


def principals(page: Page[Principal], words: Words, *, root: str) -> str:
    """Staff, partners and machines."""
    rows = [
        (
            parts.link(root, f"/people/{each.id}", each.name), esc(words.named("role", each.role.value)),
            _status(each.status, words), parts.moment(each.created_at, words),
        )
        for each in page.items
    ]  # fmt: skip
    heads = (words.name, words.role, words.status, words.since)
    return parts.table(heads, rows, words) + older(root, "/people", page.next_cursor, words)


def customers(page: Page[Customer], words: Words, *, root: str) -> str:
    """The house's customers."""
    rows = [
        (
            parts.link(root, f"/people/{each.id}", each.full_name), parts.cut(each.email), esc(each.country),
            _status(each.status, words), parts.moment(each.created_at, words),
        )
        for each in page.items
    ]  # fmt: skip
    heads = (words.name, words.email, words.country, words.status, words.since)
    return parts.table(heads, rows, words) + older(root, "/customers", page.next_cursor, words)


def older(root: str, path: str, cursor: str | None, words: Words) -> str:
    """The way to the rest of a list."""
    return "" if cursor is None else f'<p class="older">{parts.link(root, f"{path}?before={cursor}", words.older)}</p>'


def dossier(found: Dossier, deeds: Deeds, words: Words, *, root: str) -> str:
    """Somebody in full."""
    who = found.who
    here = f"{root}/people/{who.id}"
    body = parts.section(words.identifier, _facts(who, words), _deeds(who, deeds, words, here=here))
    if found.keys is not None:
        making = _key_form(words, here=here) if deeds.keys else ""
        more = older(root, f"/people/{who.id}", found.keys.next_cursor, words)
        body += parts.section(words.keys, _keys(found.keys.items, deeds, words, root=root), more, making)
    if found.sessions is not None:
        ending = parts.form(f"{here}/sign-out", words.end_all, kind="grave") if deeds.block and found.sessions else ""
        body += parts.section(words.sessions, sessions(found.sessions, words), ending)
    if found.factors is not None:
        body += parts.section(words.factors, factors(found.factors, words))
    return body


def new_key(made: NewApiKey, words: Words, *, root: str) -> str:
    """A key just made, shown this once."""
    rows = [(words.name, esc(made.record.name)), (words.key, parts.code(made.key))]
    if made.signing_secret:
        rows.append((words.signing_secret, parts.code(made.signing_secret)))
    back = parts.link(root, f"/people/{made.record.owner_id}", words.back)
    return parts.lead(words.new_key_lead) + parts.facts(rows) + f"<p>{back}</p>"


def sessions(found: Sequence[Session], words: Words, last: Sequence[str] = ()) -> str:
    """Living sessions; `last` is a further cell for each, as markup."""
    rows = [
        (
            parts.cut(each.device), esc(each.address), parts.moment(each.created_at, words),
            parts.moment(each.last_seen_at, words), parts.moment(each.proved_at, words), *last[index : index + 1],
        )
        for index, each in enumerate(found)
    ]  # fmt: skip
    heads = [words.device, words.address, words.opened, words.seen, words.proved, *([""] if last else [])]
    return parts.table(heads, rows, words)


def factors(found: Factors, words: Words, last: Sequence[str] = ()) -> str:
    """Second factors; `last` is a further cell for each passkey, as markup."""
    rows = [[esc(words.factor_totp), "", parts.moment(found.totp_since, words)]] if found.totp_since else []
    if found.phone is not None:
        rows.append([esc(words.factor_sms), esc(found.phone), parts.moment(found.phone_since, words)])
    rows += [
        [esc(words.factor_passkey), parts.cut(each.name), parts.moment(each.created_at, words), *last[at : at + 1]]
        for at, each in enumerate(found.passkeys)
    ]
    left = parts.facts([(words.codes_left, str(found.recovery_codes_left))])
    return parts.table((words.factor, words.name, words.since, *([""] if last else [])), rows, words) + left


def _status(status: Status, words: Words) -> str:
    kind = "up" if status is Status.ACTIVE else "down"
    return f'<span class="{kind}">{esc(words.named("status", status.value))}</span>'


def _facts(who: Customer | Principal, words: Words) -> str:
    rows = [(words.identifier, parts.code(str(who.id)))]
    if isinstance(who, Customer):
        rows += [(words.name, parts.cut(who.full_name)), (words.email, parts.cut(who.email))]
        rows += [(words.role, esc(words.role_customer)), (words.country, esc(who.country))]
    else:
        rows += [(words.name, parts.cut(who.name)), (words.role, esc(words.named("role", who.role.value)))]
    rows += [(words.status, _status(who.status, words)), (words.since, parts.moment(who.created_at, words))]
    return parts.facts(rows)


def _deeds(who: Customer | Principal, deeds: Deeds, words: Words, *, here: str) -> str:
    body = ""
    if deeds.block:
        reason = parts.field("reason", words.reason, more="required")
        blocked = who.status is Status.BLOCKED
        deed, button = ("unblock", words.unblock) if blocked else ("block", words.block)
        body += parts.form(f"{here}/{deed}", button, reason, kind="" if blocked else "grave")
    if deeds.invite:
        email = "" if isinstance(who, Customer) else parts.field("email", words.email, kind="email")
        language = parts.choice("language", words.letter_language, {"es": "Español", "en": "English"})
        body += parts.lead(words.invite_lead) + parts.form(f"{here}/invite", words.invite, email, language)
    return body


def _keys(keys: Sequence[ApiKey], deeds: Deeds, words: Words, *, root: str) -> str:
    heads = (words.name, words.prefix, words.scopes, words.networks, words.signed, words.expires, words.used, "")
    return parts.table(heads, [_key(each, deeds, words, root=root) for each in keys], words)


def _key(key: ApiKey, deeds: Deeds, words: Words, *, root: str) -> list[str]:
    scopes = ", ".join(key.scopes) or words.all_scopes
    ends = esc(words.revoked) if key.revoked_at is not None else parts.moment(key.expires_at, words)
    doing = ""
    if deeds.keys and key.revoked_at is None:
        doing = parts.form(f"{root}/keys/{key.id}/rotate", words.rotate)
        doing += parts.form(f"{root}/keys/{key.id}/revoke", words.revoke, kind="grave")
    return [
        parts.cut(key.name), parts.code(key.prefix), parts.cut(scopes), parts.cut(", ".join(map(str, key.networks))),
        parts.sign(key.signed, words), ends, parts.moment(key.last_used_at, words), f'<div class="deeds">{doing}</div>',
    ]  # fmt: skip


def _key_form(words: Words, *, here: str) -> str:
    return parts.form(
        f"{here}/keys",
        words.make_key,
        parts.field("name", words.name, more="required"),
        parts.field("scopes", words.scopes_hint),
        parts.field("networks", words.networks_hint),
        parts.field("days", words.days_hint, kind="number", more='min="1" max="3650"'),
        parts.tick("signed", words.signed),
    )
