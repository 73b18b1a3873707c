"""Passwords: length, sense and breaches decide; nothing else is demanded of them."""

import hashlib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.identity.errors.people import PasswordUnfit
from cambista.identity.rules import passwords
from cambista.identity.service.breaches import BreachedPasswords, ListUnusable

CONTEXT = ("ana.gomez@correo-prueba.com", "Ana María Gómez", "Cambista")


def reason(password: str) -> object:
    """Why a password may not be set; None when it may."""
    try:
        passwords.new_password(password, CONTEXT)
    except PasswordUnfit as refusal:
        return refusal.facts["reason"]
    return None


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("seven grey herons", None),
        ("contraseña larga y única", None),
        ("🐴🔋📎🧷🐴🔋📎🧷🐢🌙🍃🪵", None),
        ("пароль длинный весьма", None),
        ("anamariaflowers99x", None),
        ("x" * 11, "too_short"),
        ("elevensigns", "too_short"),
        ("ab c" * 33, "too_long"),
        ("x" * 100_000, "too_long"),
        ("aaaaaaaaaaaa", "monotonous"),
        ("abababababab", "monotonous"),
        ("123456789012", "monotonous"),
        ("abcdefghijklmn", "monotonous"),
        ("zyxwvutsrqpo", "monotonous"),
        ("AnaGomez1234", "guessable"),
        ("gómez-gómez-12", "guessable"),
        ("CambistaCambista", "guessable"),
        ("correo.prueba.1", "guessable"),
    ],
)
def test_a_password_is_fit_or_told_why_not(password: str, why: object) -> None:
    assert reason(password) == why


def test_the_shortest_and_the_longest_that_fit() -> None:
    words = "the quick brown fox jumps over the lazy dog and then sleeps under a tree until noon, " * 2
    assert reason(words[: passwords.LENGTH_MIN]) is None
    assert reason(words[: passwords.LENGTH_MAX]) is None
    assert reason(words[: passwords.LENGTH_MAX + 1]) == "too_long"


@given(st.text(min_size=12, max_size=60).map(lambda text: f"seven grey herons {text}"))
def test_however_its_accents_are_typed_a_password_is_the_same(text: str) -> None:
    composed, apart = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert passwords.typed(composed) == passwords.typed(apart)
    if len(composed) <= passwords.LENGTH_MAX and len(apart) <= 4 * passwords.LENGTH_MAX:
        assert passwords.new_password(composed, ()) == passwords.typed(apart)


@given(st.text(max_size=2000))
def test_reading_what_is_typed_never_fails_and_is_bounded(text: str) -> None:
    assert len(passwords.typed(text)) <= passwords.LENGTH_MAX


@pytest.mark.parametrize("like", [None, "", "no hash", "$argon2id$v=19$m=4096,t=2,p=1$c2FsdHNhbHQ$YWJj"])
def test_a_dummy_costs_what_it_stands_for_and_is_never_the_same(like: str | None) -> None:
    dummy = passwords.dummy_hash(like, (64, 3, 2))
    assert dummy.startswith(
        "$argon2id$v=19$m=4096,t=2,p=1$" if like and "4096" in like else "$argon2id$v=19$m=64,t=3,p=2$"
    )
    assert dummy != passwords.dummy_hash(like, (64, 3, 2))


# --------------------------------------------------------------------------------------------------- breached passwords
def sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper()


def listed(path: Path, texts: set[str], *, end: str = "\n", counts: bool = True) -> Path:
    """A file of that form holding those passwords."""
    lines = sorted(f"{sha1(text)}:{len(text) ** 5}" if counts else sha1(text) for text in texts)
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
    return path


@given(texts=st.sets(st.text(max_size=20), min_size=1, max_size=40), absent=st.sets(st.text(max_size=20), max_size=10))
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_whatever_is_in_the_sorted_file_is_found_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, texts: set[str], absent: set[str], end: str
) -> None:
    path = listed(tmp_path_factory.mktemp("lists") / "breached.txt", texts, end=end)
    found = BreachedPasswords(path)
    assert all(found.holds(text) for text in texts)
    assert not any(found.holds(text) for text in absent - texts)


def test_a_file_without_counts_and_without_its_last_line_end_is_read_too(tmp_path: Path) -> None:
    path = listed(tmp_path / "breached.txt", {"one", "two", "three"}, counts=False)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    found = BreachedPasswords(path)
    assert [found.holds(each) for each in ("one", "two", "three", "four")] == [True, True, True, False]


def test_a_big_file_is_searched_in_few_reads_and_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = listed(tmp_path / "breached.txt", {str(number) for number in range(20_000)})
    found = BreachedPasswords(path)
    reads: list[int] = []
    from cambista.identity.service import breaches

    real = breaches._line_from

    def counting(file: object, place: int) -> tuple[int, bytes]:
        reads.append(place)
        return real(file, place)  # type: ignore[arg-type]

    monkeypatch.setattr(breaches, "_line_from", counting)
    assert found.holds("19999")
    assert not found.holds("20000")
    assert len(reads) < 60


def test_plain_passwords_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("letmein letmein\ncontraseña segura\n", encoding="utf-8")
    found = BreachedPasswords(path)
    assert found.holds("contraseña segura")
    assert not found.holds("letmein")


def test_without_a_file_no_password_is_known() -> None:
    assert not BreachedPasswords(None).holds("password1234")


def test_an_unsorted_or_missing_file_is_refused_at_the_start(tmp_path: Path) -> None:
    path = listed(tmp_path / "breached.txt", {str(number) for number in range(500)})
    lines = path.read_text().splitlines()
    path.write_text("\n".join(reversed(lines)) + "\n")
    with pytest.raises(ListUnusable, match="not sorted"):
        BreachedPasswords(path)
    with pytest.raises(ListUnusable):
        BreachedPasswords(tmp_path / "nowhere.txt")
