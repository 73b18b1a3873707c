"""What letters say: every text in both languages, filled whole, and harmless in HTML."""

from datetime import UTC, datetime, timedelta
from string import Formatter
from uuid import UUID

import pytest

from cambista.identity import Channel, DueNotice, Notice
from cambista.notifications.rules.letters import TextUnknown, failure, letter
from cambista.notifications.rules.texts import CLOSING, GREETING, TEXTS, WORDS

NOW = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)


def due(template: str, language: str, channel: Channel = Channel.EMAIL, **facts: str) -> DueNotice:
    notice = Notice(UUID(int=7), channel, "ana@example.com", template, language, facts, NOW + timedelta(hours=1))
    return DueNotice(UUID(int=8), notice, 1)


def _names(template: str, language: str) -> set[str]:
    text = TEXTS[template][language]
    return {name for part in (text.subject, *text.paragraphs) for _, name, _, _ in Formatter().parse(part) if name}


@pytest.mark.parametrize("template", sorted(TEXTS))
def test_a_text_says_the_same_in_both_languages(template: str) -> None:
    assert set(TEXTS[template]) == {"es", "en"}
    assert _names(template, "es") == _names(template, "en")
    spanish, english = (TEXTS[template][each] for each in ("es", "en"))
    assert bool(spanish.subject) == bool(english.subject)
    assert len(spanish.paragraphs) == len(english.paragraphs)
    assert spanish != english


@pytest.mark.parametrize("language", ("es", "en"))
@pytest.mark.parametrize("template", sorted(TEXTS))
def test_every_text_can_be_filled_and_names_the_house(template: str, language: str) -> None:
    channel = Channel.EMAIL if TEXTS[template][language].subject else Channel.SMS
    facts = {name: f"<{name}>" for name in _names(template, language) - {"house"}}
    made = letter(due(template, language, channel, **facts), "Casa <1>")
    assert "Casa <1>" in made.text
    assert all(value in made.text for value in facts.values())
    if channel is Channel.SMS:
        assert made.html == ""
        assert len(made.text) <= 160
        return
    assert all(value not in made.html for value in facts.values())
    assert "Casa &lt;1&gt;" in made.html


def test_a_link_can_be_followed_and_nothing_else_can() -> None:
    link = "https://house.example.com/confirm#token=cml_a&b"
    made = letter(due("registration", "es", link=link), "Cambista")
    assert link in made.text
    assert '<a href="https://house.example.com/confirm#token=cml_a&amp;b">' in made.html
    hostile = letter(due("registration", "es", link='javascript:alert(1)" onclick="'), "Cambista")
    assert "<a " not in hostile.html
    assert 'onclick="' not in hostile.html


@pytest.mark.parametrize("language", ("es", "en"))
def test_our_words_are_translated(language: str) -> None:
    made = letter(due("second_factor_changed", language, factor="passkey", change="removed"), "Cambista")
    assert WORDS[language]["passkey"] in made.text
    assert WORDS[language]["removed"] in made.text
    assert GREETING[language] in made.text
    assert CLOSING[language].format(house="Cambista") in made.text


@pytest.mark.parametrize(
    "wrong", (due("no_such", "es"), due("registration", "fr", link="x"), due("registration", "es"))
)
def test_a_text_that_is_not_there_or_lacks_a_fact_is_unknown(wrong: DueNotice) -> None:
    with pytest.raises(TextUnknown):
        letter(wrong, "Cambista")


def test_braces_in_a_fact_are_only_signs() -> None:
    assert "{house} {0}" in letter(due("new_device", "en", device="{house} {0}", address="::1"), "Cambista").text


def test_a_failure_is_tried_again_before_the_end_only() -> None:
    told = failure(due("registration", "es"), "x" * 100, again=True, after_s=0, now=NOW)
    assert (len(told.code), told.retry_at) == (64, NOW + timedelta(seconds=5))
    assert failure(due("registration", "es"), "x", again=False, after_s=0, now=NOW).retry_at is None
    assert failure(due("registration", "es"), "x", again=True, after_s=3600, now=NOW).retry_at is None
