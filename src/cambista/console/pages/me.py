"""One's own security: sessions, password, second factors; and showing a factor, wherever one is asked for."""

from collections.abc import Iterable, Mapping, Sequence

from cambista.console.office_texts import Words
from cambista.console.pages import parts, people
from cambista.console.panels.markup import esc
from cambista.identity import FactorKind, Factors, Person, Session, TotpEnrolment

CODE_MAX = 64
PASSWORD_MAX = 512
# A session, and whether it is the one that looks.
Own = tuple[Session, bool]
SHOWABLE = (FactorKind.TOTP, FactorKind.RECOVERY)
_CODE = 'required autocomplete="one-time-code" spellcheck="false" autofocus'


def account(person: Person, own: Sequence[Own], found: Factors, words: Words, *, root: str) -> str:
    """The whole page."""
    return (
        parts.section(words.nav_me, _facts(person, words))
        + parts.section(words.sessions, _sessions(own, words, root=root))
        + parts.section(words.factors, _factors(found, words, root=root))
        + parts.section(words.password_change, _password(words, root=root))
    )


def enrolment(made: TotpEnrolment, words: Words, *, action: str) -> str:
    """An authenticator to set up. The picture is drawn by the house, as SVG in the page: nobody else reads it."""
    return (
        parts.lead(words.enrol_scan)
        + f'<div class="qr">{made.qr_svg}</div><p class="secret">{parts.code(made.secret)}</p>'
        + confirmation(words, action=action)
    )


def confirmation(words: Words, *, action: str) -> str:
    """The form for the first code of a new authenticator."""
    code = parts.field("code", words.second_code, more=_CODE)
    return parts.lead(words.enrol_type) + parts.form(action, words.second_button, code)


def recovery_codes(codes: Iterable[str], words: Words, *, onward: str) -> str:
    """Recovery codes, shown this once."""
    items = "".join(f"<li>{parts.code(each)}</li>" for each in codes)
    return (
        f'{parts.lead(words.codes_lead)}<ul class="codes">{items}</ul>'
        f'<p><a class="onward" href="{esc(onward)}">{esc(words.codes_kept)}</a></p>'
    )


def proof_form(action: str, kinds: Iterable[str], words: Words, *markup: str) -> str:
    """The form that shows a second factor: which, and its code. None where there is only a passkey."""
    there = set(kinds)
    shown = [kind.value for kind in SHOWABLE if kind.value in there]
    options: dict[str, str] = {kind: words.named("factor", kind) for kind in shown}
    if not options:
        return ""
    code = parts.field("code", words.second_code, more=_CODE)
    return parts.form(action, words.second_button, *markup, parts.choice("method", words.second_method, options), code)


def passkey_form(action: str, options: str, words: Words, *markup: str, root: str) -> str:
    """A form that a passkey fills: `options` is what it signs, as JSON; the script beside it is our own file."""
    return (
        f'<form method="post" action="{esc(action)}" class="passkey" data-options="{esc(options)}">'
        f"{''.join(markup)}{parts.hidden('method', FactorKind.PASSKEY.value)}{parts.hidden('credential', '')}"
        f'<button type="submit">{esc(words.second_passkey)}</button></form>'
        f'<script src="{esc(root)}/assets/passkey.js" defer></script>'
    )


def kept_fields(form: Mapping[str, str]) -> str:
    """The fields of a form that is sent again once a factor was shown."""
    return "".join(
        parts.hidden(name, value) for name, value in form.items() if name not in ("method", "credential", "code")
    )


def _password(words: Words, *, root: str) -> str:
    old, new = 'required autocomplete="current-password"', 'required autocomplete="new-password"'
    return parts.form(
        f"{root}/me/password",
        words.password_change,
        parts.field("old", words.password_old, kind="password", more=old),
        parts.field("new", words.password_new, kind="password", more=new),
    )


def _facts(person: Person, words: Words) -> str:
    return parts.facts(
        (
            (words.name, parts.cut(person.name)),
            (words.email, parts.cut(person.email)),
            (words.role, esc(words.named("role", person.role.value))),
            (f"{words.password} · {words.password_since}", parts.moment(person.password_set_at, words)),
        )
    )


def _sessions(own: Sequence[Own], words: Words, *, root: str) -> str:
    last = [
        esc(words.this_session)
        if current
        else parts.form(f"{root}/me/sessions/{each.id}/end", words.end_session, kind="grave")
        for each, current in own
    ]
    others = parts.form(f"{root}/me/sessions/end", words.end_others, kind="grave") if len(own) > 1 else ""
    return people.sessions([each for each, _ in own], words, last) + others


def _factors(found: Factors, words: Words, *, root: str) -> str:
    last = [parts.form(f"{root}/me/passkeys/{each.id}/remove", words.remove, kind="grave") for each in found.passkeys]
    deeds = parts.form(f"{root}/me/totp", words.set_up_totp) + parts.form(f"{root}/me/codes", words.renew_codes)
    return people.factors(found, words, last) + f'<div class="deeds">{deeds}</div>'
