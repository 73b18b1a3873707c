"""The frame of every page beside the desk: menu, language, who is signed in, a way out."""

from collections.abc import Sequence

from cambista.console.office_texts import Words, words_in
from cambista.console.pages import parts
from cambista.console.panels.markup import esc
from cambista.console.panels.top import MARK, OUT
from cambista.console.texts import Language, texts
from cambista.console.visits import Page, Visit


def menu(paths: Sequence[str], words: Words, *, root: str, here: str) -> str:
    """Links to the desk and to these pages."""
    shown = [("/", words.nav_desk), *((path, getattr(words, f"nav_{path[1:]}")) for path in paths)]
    items = "".join(
        f'<a href="{esc(root)}{path}"{" aria-current=page" if path == here else ""}>{esc(text)}</a>'
        for path, text in shown
    )
    return f'<nav class="menu" aria-label="{esc(words.nav)}">{items}</nav>'


def framed(page: Page, visit: Visit, paths: Sequence[str]) -> str:
    """The whole page."""
    words, root = visit.words, visit.root
    done = parts.note(words.done) if visit.query.get("done") == "1" and page.status == 200 else ""
    return f"""<!doctype html>
<html lang="{visit.language.value}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{esc(visit.doors.house)} · {esc(page.title)}</title>
<link rel="icon" href="{esc(root)}/assets/mark.svg">
<link rel="stylesheet" href="{esc(root)}/assets/desk.css">
</head>
<body>
<div class="office" data-theme="{esc(visit.session.theme)}">
<header class="top">
{_brand(visit)}
{menu(paths, words, root=root, here=visit.path)}
{_controls(visit)}
</header>
<main>
<h1>{esc(page.title)}</h1>
{done}{page.body}
</main>
</div>
</body>
</html>
"""


def _brand(visit: Visit) -> str:
    house, branch = esc(visit.doors.house), esc(visit.doors.runtime.branch)
    return f'<div class="brand">{MARK}<span><strong>{house}</strong><i>{branch}</i></span></div>'


def _controls(visit: Visit) -> str:
    words, root = texts(visit.language), esc(visit.root)
    # A page that answers a form has no address of its own to show again in the other language.
    here = esc(visit.path if not visit.form else "/me")
    languages = "".join(
        f'<a href="{root}{here}?lang={each.value}" lang="{each.value}"'
        f"{' aria-current=true' if each is visit.language else ''}>{each.value.upper()}</a>"
        for each in Language
    )
    role = esc(words_in(visit.language).named("role", visit.caller.role.value))
    return (
        f'<div class="controls"><span class="languages">{languages}</span><span class="role">{role}</span>'
        f'<form method="post" action="{root}/sign-out"><button type="submit" class="icon" title="{words.sign_out}" '
        f'aria-label="{words.sign_out}">{OUT}</button></form></div>'
    )
