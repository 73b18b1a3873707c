"""The console speaks Spanish and English, all of it."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import cambista.app.build  # noqa: F401 - every room's refusals
from cambista.console.office_texts import Said, Words, words_in
from cambista.console.texts import EN, ES, Language, Texts, preferred, texts
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
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


def _said() -> dict[str, Said]:
    return {name: text for name, text in vars(Words).items() if isinstance(text, Said)}


@pytest.mark.parametrize("name", _said())
def test_a_text_of_the_pages_exists_in_both_languages_with_the_same_places_to_fill(name: str) -> None:
    said = _said()[name]
    spanish, english = said.of[Language.ES], said.of[Language.EN]
    assert spanish.strip()
    assert english.strip()
    assert re.findall(r"{\w+}", spanish) == re.findall(r"{\w+}", english)
    assert spanish.count(" ") < 3 or spanish != english
    assert (getattr(words_in(Language.ES), name), getattr(words_in(Language.EN), name)) == (spanish, english)


def test_every_text_of_the_pages_is_used() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path("src/cambista/console").rglob("*.py"))
    composed = ("refusal_", "role_", "status_", "factor_", "nav_")
    asked = set(re.findall(r"\.(\w+)", source))
    assert [name for name in _said() if name not in asked and not name.startswith(composed)] == []


def test_a_refusal_is_told_in_words_and_one_without_words_by_its_code() -> None:
    words = words_in(Language.EN)
    assert words.refusal("last_factor") == words.refusal_last_factor
    assert "house_busy" in words.refusal("house_busy")
    codes = {heir.code for heir in _heirs(Refusal)}
    told = {name.removeprefix("refusal_") for name in _said() if name.startswith("refusal_")} - {"other"}
    assert told - codes == set()


def _heirs(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for heir in kind.__subclasses__():
        yield heir
        yield from _heirs(heir)


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
