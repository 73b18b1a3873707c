"""Receipts: small, signed, canonical, and worked out again bit for bit; golden ones guard the arithmetic."""

import json
import os
import stat
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.canonical import canonical_json, digest
from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import BTC, COP, EUR, USD, USDT
from cambista.pricing import PRICING_VERSION, Offer, PricingSettings, Receipt, Rung, Signer, TaxRule, explain
from cambista.pricing.types import Configured
from tests.unit.pricing.markets import (
    BTC_COP,
    BTC_USDT,
    EUR_COP,
    EUR_USD,
    NOW,
    USD_COP,
    USDT_COP,
    USDT_USD,
    USDT_VES,
    World,
    ads,
    book,
    market_of_the_day,
    published,
    wish,
)

GOLDEN = Path(__file__).parent / "golden"


def crowded_world() -> World:
    """Six sources on each of three pairs: the largest evidence there is."""
    world = World()
    for n in range(6):
        world.observe(
            book(BTC_USDT, f"{83000 + n}.{n}", f"{83001 + n}.{n}", source=f"exchange-number-{n}", size="3.12345678"),
            ads(USDT_COP, f"{3360 + n}.25", f"{3372 + n}.75", source=f"p2p-market-{n}", size="12345.678901"),
            book(USDT_USD, f"0.99{96 - n}", f"0.99{98 - n}", source=f"dollar-desk-{n}", size="987654.123456"),
        )
    return world


async def offers_of_every_sort() -> dict[str, Offer]:
    """Deals that together touch every rung, sort of evidence, side and step."""
    found: dict[str, Offer] = {}
    live = World()
    live.observe(*market_of_the_day())
    found["live_buy_base"] = await live.ask(USDT_COP, Side.BUY, Amount.of("1234.567891", USDT))
    found["live_sell_quote"] = await live.ask(
        USDT_COP, Side.SELL, Amount.of("5000000.01", COP), skew="0.4", discount_bps="12.5"
    )
    live.pricing.note_flow(BTC_COP, Side.BUY, Amount.of("1.5", BTC))
    found["crossed_partner"] = await live.ask(BTC_COP, Side.BUY, Amount.of("0.12345678", BTC), markup_bps="35")
    live.clock.advance(125)
    found["cached"] = await live.ask(USDT_COP, Side.SELL, Amount.of("10", USDT))
    live.clock.advance(300)
    found["last_recorded_cross"] = await live.ask(BTC_COP, Side.SELL, Amount.of("0.01", BTC))
    crowd = crowded_world()
    crowd.observe(ads(USDT_COP, "5000", "5010", source="p2p-market-5", at=NOW + timedelta(milliseconds=1)))
    found["outlier"] = await crowd.ask(USDT_COP, Side.BUY, Amount.of("20000", USDT))
    found["crowded_cross"] = await crowd.ask(BTC_COP, Side.BUY, Amount.of("0.5", BTC))
    inverse = World()
    inverse.observe(*market_of_the_day(), book(EUR_USD, "1.1", "1.1004", source="desk"))
    found["cross_with_inverse"] = await inverse.ask(EUR_COP, Side.SELL, Amount.of("55.55", EUR))
    reference = World()
    reference.pricing._board.set_rates([published(USD_COP, "3368.96", source="trm", days=3)])
    found["official_rate"] = await reference.ask(USD_COP, Side.BUY, Amount.of("100", USD))
    operator = World()
    operator.observe(book(USDT_USD, "0.9996", "0.9998", source="kraken", size="900000"))
    fixed = Configured(USDT_COP, Decimal(3300), Decimal(3400), NOW + timedelta(hours=1), UUID(int=9))
    operator.pricing._board.put_configured(fixed)
    found["configured"] = await operator.ask(USDT_COP, Side.BUY, Amount.of("50", USDT))
    taxed = World(PricingSettings(taxes=(TaxRule(name="GMF", asset="COP", bps=Decimal(40), valid_from=NOW.date()),)))
    taxed.observe(*market_of_the_day())
    found["taxed"] = await taxed.ask(USDT_COP, Side.SELL, Amount.of("77.7", USDT))
    ves = World()
    ves.observe(*market_of_the_day(), ads(USDT_VES, "271.3", "269.9", source="crossed-medians"))
    found["crossed_medians"] = await ves.ask(USDT_VES, Side.BUY, Amount.of("100", USDT))
    gap = World()
    gap.observe(*market_of_the_day(), book(BTC_COP, "265000000", "265100000", source="thin", size="0.01"))
    found["gap"] = await gap.ask(BTC_COP, Side.BUY, Amount.of("0.001", BTC))
    return found


async def test_every_sort_of_receipt_is_worked_out_again_bit_for_bit_and_verified() -> None:
    for name, offer in (await offers_of_every_sort()).items():
        explanation = World().pricing.explain(offer.receipt)
        assert explanation.differences == (), name
        assert explanation.matches, name
        assert explanation.signature_valid is True, name
        assert any(offer.price.text in step for step in explanation.steps), name


async def test_every_sort_is_on_the_rung_it_says() -> None:
    found = await offers_of_every_sort()
    assert {offer.rung for offer in found.values()} == set(Rung)
    for offer in found.values():
        assert json.loads(offer.receipt.content)["market"]["rung"] == offer.rung.value


async def test_a_receipt_is_canonical_json_and_small_even_with_the_largest_evidence() -> None:
    for name, offer in (await offers_of_every_sort()).items():
        content = offer.receipt.content
        assert canonical_json(json.loads(content)) == content, name
        assert digest(content) == offer.receipt.sha256
        assert len(content) < 4096, (name, len(content))


async def test_the_receipt_says_what_the_offer_says() -> None:
    for name, offer in (await offers_of_every_sort()).items():
        content = json.loads(offer.receipt.content)
        steps = content["steps"]
        assert (steps["base"], steps["quote"], steps["fee"][1]) == (
            offer.base.text,
            offer.quote.text,
            offer.fee.text,
        ), name
        assert steps["price"] == offer.price.text
        assert steps["spread"] == offer.spread.text
        assert steps["notional"] == [offer.notional.text, "USD"]


async def test_golden_receipts_are_priced_the_same_by_todays_code() -> None:
    """A change that prices these otherwise raises PRICING_VERSION and writes them anew (CAMBISTA_GOLDEN=write)."""
    found = await offers_of_every_sort()
    if os.environ.get("CAMBISTA_GOLDEN") == "write":
        for name, offer in found.items():
            (GOLDEN / f"{name}.json").write_bytes(offer.receipt.content)
    stored = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.json"))}
    assert set(stored) == set(found)
    for name, content in stored.items():
        assert json.loads(content)["pricing_version"] == PRICING_VERSION, f"{name}: write the golden receipts anew"
        explanation = explain(content)
        assert explanation.matches, (name, explanation.differences)
        assert found[name].receipt.content == content, f"{name}: priced otherwise; raise PRICING_VERSION"


async def some_receipt() -> Receipt:
    world = World()
    world.observe(*market_of_the_day())
    return (await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))).receipt


def altered(content: bytes, *path: str, to: object) -> bytes:
    value: Any = json.loads(content)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return canonical_json(value)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("steps", "price"), "3300.00"),
        (("steps", "quote"), "1.00"),
        (("market", "fair"), "3300"),
        (("market", "rung"), "cached"),
        (("terms", "offer", "fee_bps"), "0"),
        (("request", "amount"), ["101.000000", "USDT"]),
        (("request", "discount_bps"), "20"),
    ],
)
async def test_an_altered_receipt_differs_where_it_was_altered_and_its_signature_is_void(
    path: tuple[str, ...], to: object
) -> None:
    receipt = await some_receipt()
    content = altered(receipt.content, *path, to=to)
    explanation = World().pricing.explain(Receipt(content, receipt.sha256, receipt.signature, receipt.key_id))
    assert not explanation.matches
    assert explanation.differences
    assert explanation.signature_valid is False


async def test_a_re_hashed_receipt_with_the_old_signature_is_void_too() -> None:
    receipt = await some_receipt()
    content = altered(receipt.content, "steps", "price", to="3300.00")
    forged = Receipt(content, digest(content), receipt.signature, receipt.key_id)
    assert World().pricing.explain(forged).signature_valid is False


async def test_a_receipt_of_another_pricing_version_says_so() -> None:
    explanation = explain(altered((await some_receipt()).content, "pricing_version", to=PRICING_VERSION + 1))
    assert not explanation.matches
    assert "version" in explanation.differences[0]


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(canonical_json))
def test_rubbish_is_no_receipt_and_never_raises(content: bytes) -> None:
    explanation = explain(content)
    assert not explanation.matches
    assert explanation.differences


@given(st.data())
async def test_a_receipt_with_a_part_replaced_never_raises_and_never_passes_for_what_was_computed(
    data: st.DataObject,
) -> None:
    content = (await some_receipt()).content
    path: list[str] = []
    inner: Any = json.loads(content)
    while isinstance(inner, dict):
        path.append(data.draw(st.sampled_from(sorted(inner))))
        inner = inner[path[-1]]
    to = data.draw(
        st.none() | st.integers() | st.text() | st.lists(st.text()) | st.sampled_from(["NaN", "1e400", "-1"])
    )
    changed = altered(content, *path, to=to)
    explanation = explain(changed)
    # What was given (wish, knobs, USD rate) is guarded by the signature; what was computed, by working it out.
    given_parts = ("usd", "volatility_bps", "at", "pair")
    computed = path[0] == "steps" or (path[0] == "market" and path[1] not in given_parts)
    if changed != content and computed:
        assert not explanation.matches, path


async def test_the_offer_carries_its_own_quote_and_customer() -> None:
    world = World()
    world.observe(*market_of_the_day())
    wishes = [wish(USDT_COP, Side.BUY, Amount.of("10", USDT), number=n) for n in (5, 6)]
    answers = await world.pricing.offers(wishes)
    ids = [json.loads(offer.receipt.content)["request"]["quote_id"] for offer in answers if isinstance(offer, Offer)]
    assert ids == [str(UUID(int=5)), str(UUID(int=6))]


def test_the_key_is_made_once_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "receipt.key"
    first = Signer.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Signer.open(path)
    assert (again.key_id, again.public_pem) == (first.key_id, first.public_pem)
    receipt = first.sign(b"{}")
    assert again.verify(receipt) is True
    assert list(path.parent.iterdir()) == [path]


def test_a_receipt_of_another_key_is_neither_true_nor_false() -> None:
    receipt = Signer.generate().sign(b"{}")
    assert Signer.generate().verify(receipt) is None


def test_a_signature_that_is_no_base64_is_false() -> None:
    signer = Signer.generate()
    receipt = signer.sign(b"{}")
    assert signer.verify(Receipt(receipt.content, receipt.sha256, "no base64 ñ", receipt.key_id)) is False
