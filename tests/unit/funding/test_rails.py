"""The rails, and how accounts are written on them. Addresses are well-known ones (BIP 173, BIP 350)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.funding import RAILS, DestinationInvalid
from cambista.kernel.registry import ASSETS


def reads(rail: str, account: str) -> str | None:
    try:
        return RAILS[rail].read_account(account)
    except DestinationInvalid:
        return None


@pytest.mark.parametrize("rail", tuple(RAILS.values()), ids=tuple(RAILS))
def test_every_rail_carries_known_assets_and_refuses_what_is_no_account(rail: object) -> None:
    facts = RAILS[rail.facts.name].facts  # type: ignore[attr-defined]
    assert facts.assets
    assert facts.assets <= set(ASSETS)
    assert set(facts.key_fields) <= {"reference", "bank", "paid_on"}
    assert "reference" in facts.key_fields
    for nonsense in ("", "x", "?" * 20, "a" * 129):
        assert reads(facts.name, nonsense) is None


@given(st.sampled_from(sorted(RAILS)), st.text(max_size=140))
def test_any_text_is_an_account_or_refused_and_a_read_account_reads_as_itself(rail: str, text: str) -> None:
    account = reads(rail, text)
    if account is not None:
        assert reads(rail, account) == account


def test_every_asset_can_come_and_go() -> None:
    carried = frozenset().union(*(rail.facts.assets for rail in RAILS.values()))
    assert carried == set(ASSETS)


@pytest.mark.parametrize(
    ("rail", "account", "as_written"),
    (
        ("bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", None),
        ("bitcoin", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", None),
        ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", None),
        (
            "bitcoin",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        ),
        ("bitcoin", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", None),
        ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", None),
        ("ethereum", "0xdAC17F958D2ee523a2206206994597C13D831ec7", None),
        ("spei", "032180000118359719", None),
        ("spei", "032 180 0001 1835 9719", "032180000118359719"),
        ("cbu", "2850590940090418135201", None),
        ("nequi", "300 123 4567", "3001234567"),
        ("nequi", "+57 300 123 4567", "3001234567"),
        ("cci", "002-193-002563489021-11", "00219300256348902111"),
        ("pse", "Bancolombia 123-456789-00", None),
        ("bre_b", "@ana.perez", None),
    ),
)
def test_a_right_account_is_read(rail: str, account: str, as_written: str | None) -> None:
    assert reads(rail, account) == (as_written or account)


@pytest.mark.parametrize(
    ("rail", "account"),
    (
        ("bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
        ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
        ("bitcoin", "bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ("bitcoin", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
        ("bitcoin", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"),
        ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"),
        ("tron", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("ethereum", "0xdAC17F958D2ee523a2206206994597C13D831ec"),
        ("ethereum", "0x" + "0" * 40),
        ("spei", "032180000118359718"),
        ("cbu", "2850590940090418135202"),
        ("cbu", "2850591940090418135201"),
        ("nequi", "4001234567"),
        ("nequi", "30012345678"),
        ("pse", "a"),
        ("pse", "<script>"),
    ),
)
def test_a_mistyped_account_is_refused(rail: str, account: str) -> None:
    assert reads(rail, account) is None


@given(st.integers(min_value=0, max_value=17), st.integers(min_value=1, max_value=9))
def test_one_wrong_digit_in_a_clabe_is_always_caught(position: int, by: int) -> None:
    digits = list("032180000118359719")
    digits[position] = str((int(digits[position]) + by) % 10)
    assert reads("spei", "".join(digits)) is None
