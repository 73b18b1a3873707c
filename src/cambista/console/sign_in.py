"""The pages of signing in: plain markup, so that nothing of the desk loads before somebody is known."""

from dataclasses import dataclass
from html import escape

from cambista.console.office_texts import words_in
from cambista.console.pages import me, parts
from cambista.console.texts import Language, texts

MARK = (
    '<svg class="mark" viewBox="0 0 40 40" aria-hidden="true"><circle cx="20" cy="20" r="18.5"/>'
    '<path d="M9 16h19l-5-5M31 24H12l5 5"/></svg>'
)
_KEY = 'required autocomplete="off" spellcheck="false" autofocus id="key"'
_EMAIL = 'required autocomplete="username" spellcheck="false" autofocus id="email"'
_PASSWORD = 'required autocomplete="current-password" id="password"'  # noqa: S105 - markup


@dataclass(frozen=True, slots=True)
class Door:
    """How a page of the door is to be shown: `root` is the console's path, `message` what went wrong before (already in
    that language)."""

    language: Language
    root: str
    house: str
    message: str = ""


def sign_in_page(door: Door, *, with_key: bool = False) -> str:
    """The first page: by e-mail and password, or with a key."""
    words, more = texts(door.language), words_in(door.language)
    language = parts.hidden("lang", door.language.value)
    if with_key:
        field = parts.field("key", words.sign_in_key, kind="password", more=_KEY)
        other, text, said = "", more.enter_with_password, words.sign_in_lead
        hint = f'<p class="hint">{escape(words.sign_in_hint)}</p>'
    else:
        field = parts.field("email", more.enter_email, kind="email", more=_EMAIL)
        field += parts.field("password", more.enter_password, kind="password", more=_PASSWORD)
        other, text, said, hint = "&with=key", more.enter_with_key, more.enter_lead, ""
    form = parts.form(f"{door.root}/sign-in", words.sign_in_button, language, field)
    way = f"{escape(door.root)}/sign-in?lang={door.language.value}{other}"
    body = f'{parts.lead(said)}{_notice(door)}{form}<p class="hint"><a href="{way}">{escape(text)}</a></p>{hint}'
    return _page(door, words.sign_in_title, body, keep="&with=key" if with_key else "")


def second_factor_page(door: Door, methods: tuple[str, ...], passkey: str = "") -> str:
    """The second page; `passkey` is what one may sign, as JSON, where there is one."""
    words, action = words_in(door.language), f"{door.root}/sign-in"
    kept = parts.hidden("methods", " ".join(methods))
    kept += parts.hidden("lang", door.language.value)
    form = me.proof_form(action, methods, words, kept)
    if passkey:
        form += me.passkey_form(action, passkey, words, kept, root=door.root)
    return _page(door, words.second_title, f"{parts.lead(words.second_lead)}{_notice(door)}{form}")


def enrol_page(door: Door, body: str = "") -> str:
    """Staff without a second factor: how to begin, or (`body`) how far one is."""
    words = words_in(door.language)
    begin = parts.lead(words.enrol_lead) + parts.form(
        f"{door.root}/enrol", words.enrol_begin, parts.hidden("begin", "1")
    )
    return _page(door, words.enrol_title, f"{_notice(door)}{body or begin}")


def _notice(door: Door) -> str:
    return f'<p class="refusal" role="alert">{escape(door.message)}</p>' if door.message else ""


def _page(door: Door, title: str, body: str, *, keep: str = "") -> str:
    words, root = texts(door.language), escape(door.root)
    switch = "".join(
        f'<a href="{root}/sign-in?lang={each.value}{keep}" lang="{each.value}"'
        f"{' aria-current=true' if each is door.language else ''}>{each.value.upper()}</a>"
        for each in Language
    )
    return f"""<!doctype html>
<html lang="{door.language.value}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(door.house)} · {escape(title)}</title>
<link rel="icon" href="{root}/assets/mark.svg">
<link rel="stylesheet" href="{root}/assets/desk.css">
</head>
<body class="door">
<main>
<nav class="languages" aria-label="{escape(words.language)}">{switch}</nav>
<p class="brand">{MARK}<span><strong>{escape(door.house)}</strong><i>{escape(words.tagline)}</i></span></p>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""
