"""The bar at the top: house, clocks, language, theme, who is signed in."""

from zoneinfo import ZoneInfo

from cambista.console import formats
from cambista.console.panels.markup import esc
from cambista.console.snapshot import Snapshot
from cambista.console.texts import Language, Texts, texts
from cambista.kernel.callers import Role

BOGOTA, UTC = ZoneInfo("America/Bogota"), ZoneInfo("UTC")
MARK = (
    '<svg class="mark" viewBox="0 0 40 40" aria-hidden="true"><circle cx="20" cy="20" r="18"/>'
    '<path d="M10 16.5h19l-5-5M30 23.5H11l5 5"/></svg>'
)
_THEME = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="8.5"/>'
    '<path class="half" d="M12 3.5a8.5 8.5 0 0 1 0 17z"/></svg>'
)
OUT = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M10 4H5v16h5M14 8l4 4-4 4M18 12H9"/></svg>'


def bar(snapshot: Snapshot, language: Language, role: Role, *, house: str, menu: str = "") -> str:
    """The whole bar; `menu` is the way to the other pages, as markup. Signing out is a form, so that it also
    works when the desk has lost its connection."""
    words = texts(language)
    return (
        f'<div class="brand">{MARK}<span><strong>{esc(house)}</strong>'
        f"<i>{esc(words.desk)} · {esc(snapshot.branch)}</i></span></div>{menu}{clocks(snapshot, words)}"
        f'<nav class="controls"><span class="languages" role="group" aria-label="{words.language}">'
        f'{_languages(language)}</span><button type="button" class="icon" data-act="theme" data-value="" '
        f'title="{words.theme}" aria-label="{words.theme}">{_THEME}</button>'
        f'<span class="role">{esc(getattr(words, f"role_{role.value}"))}</span>'
        f'<form method="post" action="sign-out"><button type="submit" class="icon" title="{words.sign_out}" '
        f'aria-label="{words.sign_out}">{OUT}</button></form></nav>'
    )


def clocks(snapshot: Snapshot, words: Texts) -> str:
    """Whether what is shown is live, and the time in Bogotá and in UTC."""
    live = f'<span class="pulse live">{esc(words.connected)}</span>'
    if snapshot.stale_since is not None:
        since = words.stale.format(time=formats.clock(snapshot.stale_since, BOGOTA))
        live = f'<span class="pulse stale" role="alert">{esc(since)}</span>'
    local, utc = formats.clock(snapshot.at, BOGOTA), formats.clock(snapshot.at, UTC)
    return (
        f'<div class="clocks">{live}<span class="clock"><i>{words.local_time}</i><time>{local}</time></span>'
        f'<span class="clock"><i>{words.utc}</i><time>{utc}</time></span></div>'
    )


def _languages(chosen: Language) -> str:
    return "".join(
        f'<button type="button" data-act="language" data-value="{each.value}" lang="{each.value}" '
        f'title="{texts(each).language_name}" aria-pressed="{str(each is chosen).lower()}">'
        f"{each.value.upper()}</button>"
        for each in Language
    )
