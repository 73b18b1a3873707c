"""When a payer is the customer, by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.funding.rules.names import names_match

WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyzáéíóúñ", min_size=2, max_size=10)
NAMES = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


@pytest.mark.parametrize(
    ("bank", "customer"),
    (
        ("MARIA JOSE PEREZ GOMEZ", "María José Pérez Gómez"),
        ("PEREZ GOMEZ MARIA", "María José Pérez Gómez"),
        ("Maria Perez", "María José Pérez Gómez"),
        ("DE LA CRUZ JUAN", "Juan de la Cruz"),
        ("Juan Cruz", "Juan de la Cruz"),
        ("TIENDAS ARA SAS", "Tiendas Ara S.A.S."),
        ("Sean O'Brien", "SEAN OBRIEN"),
        ("Pérez-Gómez, Ana", "Ana Pérez Gómez"),
        ("Nuñez Ana", "Ana Nun\u0303ez"),
        ("Søren Ødegård", "SOREN ODEGARD"),
        ("Rappi", "RAPPI"),
        ("Иван Петров", "ПЕТРОВ ИВАН"),
    ),
)
def test_a_bank_writes_the_same_name_its_own_way(bank: str, customer: str) -> None:
    assert names_match(bank, customer)
    assert names_match(customer, bank)


@pytest.mark.parametrize(
    ("bank", "customer"),
    (
        ("Luis Pérez Gómez", "María Pérez Gómez"),
        ("Maria Perez Ruiz", "Maria Perez Gomez"),
        ("Perez", "Maria Perez"),
        ("Maria", "Maria Perez"),
        ("M Perez", "Maria Perez"),
        ("Maria Peres", "Maria Perez"),
        ("Ana Ana", "Ana Pérez"),
        ("de la", "Juan de la Cruz"),
        ("", "Ana Pérez"),
        ("", ""),
        ("...", "---"),
    ),
)
def test_another_name_or_half_a_name_is_not_the_customers(bank: str, customer: str) -> None:
    assert not names_match(bank, customer)
    assert not names_match(customer, bank)


@given(NAMES, st.randoms())
def test_a_name_matches_itself_in_any_order_and_case(name: str, rng: object) -> None:
    words = name.split()
    rng.shuffle(words)  # type: ignore[attr-defined]
    assert names_match(name, " ".join(words).upper())


@given(NAMES, NAMES)
def test_matching_is_symmetric(one: str, other: str) -> None:
    assert names_match(one, other) == names_match(other, one)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_can_be_compared(one: str, other: str) -> None:
    assert names_match(one, other) in (True, False)
