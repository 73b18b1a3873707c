"""Decisions of notifications: how a notice becomes a letter, and when a failed one is tried again. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape

from cambista.identity import Channel, DueNotice, Notice, NoticeFailure
from cambista.notifications.rules.texts import CLOSING, GREETING, TEXTS, TRANSLATED, WORDS
from cambista.notifications.types import Letter

_FIRST_PAUSE = timedelta(seconds=5)
_PAUSE_MAX = timedelta(hours=1)
_FACT_MAX = 2000


class TextUnknown(Exception):
    """There is no such text, or the notice lacks one of its facts: a bug, not worth another try."""


def letter(due: DueNotice, house: str) -> Letter:
    """The notice in its language and for its channel. Raises TextUnknown."""
    notice = due.notice
    try:
        text = TEXTS[notice.template][notice.language]
        facts = {"house": house, **_translated(notice)}
        paragraphs = [each.format_map(facts) for each in text.paragraphs]
        closing = CLOSING[notice.language].format_map(facts)
        subject = text.subject.format_map(facts)
    except KeyError as missing:
        raise TextUnknown(str(missing)) from None
    if notice.channel is Channel.SMS:
        return Letter(due.id, notice.to, "", "\n".join(paragraphs))
    whole = [GREETING[notice.language], *paragraphs, closing]
    return Letter(due.id, notice.to, subject, "\n\n".join(whole) + "\n", _html(notice.language, whole))


def _translated(notice: Notice) -> Mapping[str, str]:
    words = WORDS[notice.language]
    return {
        name: words.get(value, value) if name in TRANSLATED else value[:_FACT_MAX]
        for name, value in notice.facts.items()
    }


def _html(language: str, paragraphs: list[str]) -> str:
    shown = "".join(f"<p>{_linked(each)}</p>" for each in paragraphs)
    style = "font-family:sans-serif;max-width:36em;line-height:1.5"
    head = f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"></head>'
    return f'{head}<body style="{style}">{shown}</body></html>'


def _linked(paragraph: str) -> str:
    """Escaped; an address that is a paragraph of its own can be followed."""
    safe = escape(paragraph)
    if paragraph.startswith(("https://", "http://")) and not any(sign.isspace() for sign in paragraph):
        return f'<a href="{safe}">{safe}</a>'
    return safe


def failure(due: DueNotice, code: str, *, again: bool, after_s: float, now: datetime) -> NoticeFailure:
    """What is told to identity: when to try again, or that it is given up.

    The pause doubles from 5 s to an hour, and is at least what the channel asks for. A notice that would expire
    meanwhile is given up.
    """
    pause = max(min(_FIRST_PAUSE * 2 ** (due.attempts - 1), _PAUSE_MAX), timedelta(seconds=after_s))
    retry_at = now + pause
    return NoticeFailure(due.id, code[:64], retry_at if again and retry_at < due.notice.expires_at else None)
