"""The console speaks Spanish and English, all of it."""

import re
from dataclasses import fields

import pytest

from cambista.console.texts import EN, ES, Language, Texts, preferred, texts
from cambista.kernel.callers import Role
from cambista.pricing import Rung
from cambista.venues import VenueState

KEYS = [field.name for field in fields(Texts)]


@pytest.mark.parametrize("key", KEYS)
def test_a_text_exists_in_both_languages_with_the_same_places_to_fill(key: str) -> None:
    spanish, english = getattr(ES, key), getattr(EN, key)
    assert spanish.strip()
    assert english.strip()
    assert re.findall(r"{\w+}", spanish) == re.findall(r"{\w+}", english)


def test_sentences_are_translated_and_not_merely_copied() -> None:
    sentences = [key for key in KEYS if getattr(ES, key).count(" ") >= 3]
    assert sentences
    assert [key for key in sentences if getattr(ES, key) == getattr(EN, key)] == []


@pytest.mark.parametrize("language", tuple(Language))
def test_every_rung_venue_state_and_staff_role_has_a_name(language: Language) -> None:
    words = texts(language)
    staff = [role for role in Role if role not in (Role.CUSTOMER, Role.PARTNER)]
    names = [f"rung_{rung.value}" for rung in Rung] + [f"venue_{state.value}" for state in VenueState]
    for name in names + [f"role_{role.value}" for role in staff]:
        assert getattr(words, name)


@pytest.mark.parametrize(
    ("accept", "language"),
    (
        ("es-CO,es;q=0.9,en;q=0.8", Language.ES),
        ("en-US,en;q=0.9", Language.EN),
        ("pt-BR, en;q=0.4", Language.EN),
        ("de", Language.ES),
        ("", Language.ES),
        (";;,,=", Language.ES),
    ),
)
def test_the_browser_is_answered_in_the_first_language_we_share(accept: str, language: Language) -> None:
    assert preferred(accept) is language
