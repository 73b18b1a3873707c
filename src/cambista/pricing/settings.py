"""The knobs of pricing, with units and defaults; the bank calendars, read from the package's data files."""

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from cambista.kernel.market import Pair, Side
from cambista.kernel.registry import PAIRS, PairSpec
from cambista.pricing.types import BankCalendar, FairTerms, KindTerms, Knob, OfferTerms, Rung, Tax
from cambista.venues import SourceKind

Bps = Annotated[Decimal, Field(ge=0, le=5000)]
Seconds = Annotated[Decimal, Field(gt=0, le=86400)]
CONTROLLED_ALWAYS = frozenset({"VES", "ARS"})


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KindSettings(_Settings):
    """How far a kind of source is believed: weight (ratio), half-life and drop age (s), widest own spread (bps)."""

    weight: Decimal = Field(default=Decimal(1), gt=0, le=1)
    half_life_s: Seconds = Decimal(4)
    drop_after_s: Seconds = Decimal(10)
    spread_max_bps: Bps = Decimal(300)


class KnobSettings(_Settings):
    """An adjustment: slope, floor and cap in bps against the customer."""

    slope: Decimal = Field(default=Decimal(0), ge=0, le=1000)
    floor_bps: Decimal = Field(default=Decimal(0), ge=-500, le=500)
    cap_bps: Decimal = Field(default=Decimal(0), ge=-500, le=500)


class TaxRule(_Settings):
    """A tax on the gross amount in `asset` (a quote asset), on one side or both, between two days (included)."""

    name: str = Field(min_length=1, max_length=32)
    asset: str
    bps: Bps
    side: Side | None = None
    valid_from: date
    valid_to: date | None = None


# Examples, not in force unless an operator configures them; rates and exemptions were not checked by a lawyer.
TAX_EXAMPLES: tuple[TaxRule, ...] = (
    TaxRule(name="GMF", asset="COP", bps=Decimal(40), side=Side.SELL, valid_from=date(2006, 12, 27)),
    TaxRule(name="IGTF", asset="USD", bps=Decimal(300), valid_from=date(2022, 3, 28)),
)


def _kinds() -> dict[SourceKind, KindSettings]:
    return {
        SourceKind.FIRM_BOOK: KindSettings(),
        SourceKind.P2P_ADS: KindSettings(
            weight=Decimal("0.5"), half_life_s=Decimal(45), drop_after_s=Decimal(120), spread_max_bps=Decimal(500)
        ),
        # A reference that streams (bars of some minutes); one published for days is good on its days instead.
        SourceKind.REFERENCE: KindSettings(weight=Decimal("0.1"), half_life_s=Decimal(300), drop_after_s=Decimal(900)),
    }


def _spreads() -> dict[str, Decimal]:
    bps = {
        "USDT/COP": 80, "USDT/VES": 150, "USDT/ARS": 150, "USDT/BRL": 60, "USDT/MXN": 80, "USDT/PEN": 100,
        "USDT/CLP": 100, "USDT/BOB": 200, "USDT/USD": 20, "USDC/USD": 20, "USD/COP": 80, "EUR/COP": 120,
        "BTC/USDT": 40, "ETH/USDT": 50, "BTC/COP": 120, "ETH/COP": 130,
    }  # fmt: skip
    return {pair: Decimal(value) for pair, value in bps.items()}


def _knobs() -> dict[str, KnobSettings]:
    def knob(slope: int | str, floor: int, cap: int) -> KnobSettings:
        return KnobSettings(slope=Decimal(slope), floor_bps=Decimal(floor), cap_bps=Decimal(cap))

    return {
        "volume": knob(40, 0, 150),
        "liquidity": knob(20, 0, 20),
        "volatility": knob("0.8", 0, 100),
        "demand": knob(10, -15, 15),
        "loyalty": knob(1, -30, 0),
        "partner": knob(1, 0, 200),
    }


def _ladder(live: int | str, cached: int | str, recorded: int | str, configured: int | str) -> dict[Rung, Decimal]:
    values = (live, cached, recorded, configured)
    return {rung: Decimal(value) for rung, value in zip(Rung, values, strict=True)}


class PricingSettings(_Settings):
    """Every knob of the room; times in seconds, prices of things in bps."""

    kinds: dict[SourceKind, KindSettings] = Field(default_factory=_kinds)
    official_pairs: frozenset[str] = frozenset({"USD/COP", "EUR/COP", "EUR/USD"})
    controlled_assets: frozenset[str] = CONTROLLED_ALWAYS
    hubs: tuple[str, ...] = ("USDT", "USD", "USDC", "BTC", "COP")
    mad_factor: Decimal = Field(default=Decimal(3), ge=2, le=10)
    mad_floor_bps: Bps = Decimal(50)
    disagree_max_bps: Bps = Decimal(500)
    jump_max_bps: Bps = Decimal(1000)
    jump_hold_s: Seconds = Decimal(60)
    reference_band_bps: Bps = Decimal(2000)
    one_sided_bps: Bps = Decimal(100)
    gap_max_bps: Bps = Decimal(300)
    leg_cost_bps: Bps = Decimal(5)
    cached_ttl_s: Seconds = Decimal(20)
    last_recorded_max_s: Seconds = Decimal(900)

    spread_bps: dict[str, Bps] = Field(default_factory=_spreads)
    spread_default_bps: Bps = Decimal(150)
    fee_bps: Bps = Decimal(10)
    knobs: dict[str, KnobSettings] = Field(default_factory=_knobs)
    sum_cap_bps: Bps = Decimal(300)
    kept_share: Decimal = Field(default=Decimal("0.25"), ge=0, le=1)
    rung_bps: dict[Rung, Bps] = Field(default_factory=lambda: _ladder(0, 30, 100, 150))
    rung_size: dict[Rung, Decimal] = Field(default_factory=lambda: _ladder(1, "0.5", "0.1", "0.05"))
    taxes: tuple[TaxRule, ...] = ()

    refresh_s: Seconds = Decimal(1)
    tick_s: Seconds = Decimal(1)
    announce_bps: Bps = Decimal(1)
    reload_s: Seconds = Decimal(10)
    rates_every_s: Seconds = Decimal(3600)
    volatility_decay_per_s: Decimal = Field(default=Decimal("0.97"), gt=0, lt=1)
    volatility_horizon_s: Seconds = Decimal(15)
    flow_half_life_s: Seconds = Decimal(300)
    flow_damper_share: Decimal = Field(default=Decimal("0.1"), gt=0, le=1)
    configured_ttl_max_s: Seconds = Decimal(86400)
    configured_band: Decimal = Field(default=Decimal("1.5"), gt=1, le=10)
    minutes_kept_days: int = Field(default=30, ge=1, le=3650)
    stuck_after: int = Field(default=5, ge=2, le=100)
    absurd_factor: Decimal = Field(default=Decimal(2), gt=1, le=1000)

    @field_validator("official_pairs")
    @classmethod
    def _no_controlled_official(cls, pairs: frozenset[str]) -> frozenset[str]:
        for pair in pairs:
            if CONTROLLED_ALWAYS & set(pair.split("/")):
                raise ValueError(f"the official rate of {pair} is not a market price")
        return pairs

    @field_validator("controlled_assets")
    @classmethod
    def _controlled_at_least(cls, assets: frozenset[str]) -> frozenset[str]:
        return assets | CONTROLLED_ALWAYS

    @field_validator("rung_bps")
    @classmethod
    def _worse_in_price(cls, ladder: dict[Rung, Decimal]) -> dict[Rung, Decimal]:
        values = [ladder[rung] for rung in Rung]
        if values != sorted(values):
            raise ValueError("each rung of the ladder is at least as dear as the one above")
        return ladder

    @field_validator("rung_size")
    @classmethod
    def _smaller_in_size(cls, ladder: dict[Rung, Decimal]) -> dict[Rung, Decimal]:
        values = [ladder[rung] for rung in Rung]
        if values != sorted(values, reverse=True) or not 0 < values[-1] <= values[0] <= 1:
            raise ValueError("each rung of the ladder is at most as large as the one above, between 0 and 1")
        return ladder

    @field_validator("taxes")
    @classmethod
    def _taxes_bearable(cls, taxes: tuple[TaxRule, ...]) -> tuple[TaxRule, ...]:
        if sum(rule.bps for rule in taxes) > 4000 or len({rule.name for rule in taxes}) > 16:
            raise ValueError("taxes take at most 40 % together")
        return taxes

    def fair_terms(self) -> FairTerms:
        """The knobs of the fair price as one value."""
        return FairTerms(
            kinds=tuple(
                (kind, KindTerms(knob.weight, knob.half_life_s, knob.drop_after_s, knob.spread_max_bps))
                for kind, knob in sorted(self.kinds.items())
            ),
            official_pairs=self.official_pairs,
            controlled_assets=self.controlled_assets,
            mad_factor=self.mad_factor,
            mad_floor_bps=self.mad_floor_bps,
            disagree_max_bps=self.disagree_max_bps,
            jump_max_bps=self.jump_max_bps,
            jump_hold_s=self.jump_hold_s,
            reference_band_bps=self.reference_band_bps,
            one_sided_bps=self.one_sided_bps,
            gap_max_bps=self.gap_max_bps,
            leg_cost_bps=self.leg_cost_bps,
            cached_ttl_s=self.cached_ttl_s,
            last_recorded_max_s=self.last_recorded_max_s,
        )

    def offer_terms(self, spec: PairSpec, on: date) -> OfferTerms:
        """The knobs of the customer's price of a pair on a day, taxes in force included."""
        return OfferTerms(
            tick=spec.tick,
            minimum=spec.minimum,
            maximum=spec.maximum,
            spread_bps=self.spread_bps.get(str(spec.pair), self.spread_default_bps),
            fee_bps=self.fee_bps,
            knobs=tuple(
                (name, Knob(knob.slope, knob.floor_bps, knob.cap_bps)) for name, knob in sorted(self.knobs.items())
            ),
            sum_cap_bps=self.sum_cap_bps,
            kept_share=self.kept_share,
            rung_bps=tuple((rung, self.rung_bps[rung]) for rung in Rung),
            rung_size=tuple((rung, self.rung_size[rung]) for rung in Rung),
            taxes_buy=self._taxes(spec.pair, Side.BUY, on),
            taxes_sell=self._taxes(spec.pair, Side.SELL, on),
        )

    def _taxes(self, pair: Pair, side: Side, on: date) -> tuple[Tax, ...]:
        return tuple(
            Tax(rule.name, rule.bps)
            for rule in self.taxes
            if rule.asset == pair.quote.code
            and rule.side in (None, side)
            and rule.valid_from <= on
            and (rule.valid_to is None or on <= rule.valid_to)
        )


def house_pairs() -> Mapping[Pair, PairSpec]:
    """The pairs the house quotes."""
    return {spec.pair: spec for spec in PAIRS.values() if spec.enabled}


def bank_calendar(country: str) -> BankCalendar:
    """The bank calendar of `CO` or `VE`, from the package's data file."""
    assert country in ("CO", "VE")
    content = tomllib.loads(files("cambista.pricing").joinpath(f"calendars/{country.lower()}.toml").read_text("utf-8"))
    return BankCalendar(
        country=content["country"],
        fixed=tuple(_month_day(text) for text in content["fixed"]),
        next_monday=tuple(_month_day(text) for text in content["next_monday"]),
        easter=tuple(content["easter"]),
        dates=frozenset(date.fromisoformat(text) for text in content["dates"]),
        verified=content["verified"],
    )


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)
