"""Parts of pages: tables, facts, forms. Texts that come in are escaped here; what is called `markup` is markup."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from cambista.console.office_texts import Words
from cambista.console.panels.markup import esc

TEXT_MAX = 400
TYPED_MAX = 512
CODE_MAX = 1000


def moment(at: datetime | None, words: Words) -> str:
    """A moment in UTC to the second; a dash or a word where there is none."""
    return esc(words.never) if at is None else f"<time>{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}</time>"


def cut(text: str, length: int = TEXT_MAX) -> str:
    """A text from outside, at most so long."""
    return esc(text if len(text) <= length else f"{text[:length]}…")


def sign(good: bool, words: Words) -> str:
    """Yes or no, in colour and in words."""
    return (
        f'<span class="{"up" if good else "down"}">{"✓" if good else "✗"} {esc(words.yes if good else words.no)}</span>'
    )


def section(title: str, *markup: str) -> str:
    return f'<section class="sheet"><h2>{esc(title)}</h2>{"".join(markup)}</section>'


def note(text: str, kind: str = "good") -> str:
    """A sentence that stands out: `good` or `bad`."""
    return f'<p class="note {kind}" role="{"status" if kind == "good" else "alert"}">{esc(text)}</p>'


def lead(text: str) -> str:
    return f'<p class="lead">{esc(text)}</p>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names, and their values as markup."""
    return f'<dl class="facts">{"".join(f"<dt>{esc(name)}</dt><dd>{markup}</dd>" for name, markup in rows)}</dl>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: Words) -> str:
    """A table of markup; a word where there is nothing."""
    if not rows:
        return f'<p class="empty">{esc(words.none)}</p>'
    head = "".join(f'<th scope="col">{esc(each)}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def link(root: str, path: str, text: str) -> str:
    return f'<a href="{esc(root)}{esc(path)}">{esc(text)}</a>'


def code(text: str, length: int = CODE_MAX) -> str:
    """Text to be copied as it is."""
    return f"<code>{cut(text, length)}</code>"


def hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{esc(name)}" value="{esc(value)}">'


def field(name: str, label: str, *, kind: str = "text", value: str = "", more: str = "") -> str:
    """A labelled input; `more` is further attributes as markup."""
    return (
        f'<label><span>{esc(label)}</span><input name="{esc(name)}" type="{esc(kind)}" value="{esc(value)}" '
        f'maxlength="{TYPED_MAX}" {more}></label>'
    )


def choice(name: str, label: str, options: Mapping[str, str], chosen: str = "") -> str:
    """A labelled choice: values and what they are called."""
    shown = "".join(
        f'<option value="{esc(value)}"{" selected" if value == chosen else ""}>{esc(text)}</option>'
        for value, text in options.items()
    )
    return f'<label><span>{esc(label)}</span><select name="{esc(name)}">{shown}</select></label>'


def tick(name: str, label: str) -> str:
    return (
        f'<label class="tick"><input name="{esc(name)}" type="checkbox" value="yes"><span>{esc(label)}</span></label>'
    )


def form(action: str, button: str, *markup: str, kind: str = "", get: bool = False) -> str:
    """A form with one button; `kind` `grave` for what cannot be taken back."""
    return (
        f'<form method="{"get" if get else "post"}" action="{esc(action)}" class="{esc(kind)}" autocomplete="off">'
        f'{"".join(markup)}<button type="submit">{esc(button)}</button></form>'
    )
