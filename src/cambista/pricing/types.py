"""Nouns of pricing: what may be asked, what is offered, and on which rung of the degradation ladder it stands."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from cambista.kernel.market import Pair, Price, Side
from cambista.kernel.money import Amount
from cambista.venues import RateName, ReferenceRate, SourceKind


class Rung(StrEnum):
    """Where a price came from, best first. Each rung is worse in price and smaller in maximum size."""

    LIVE = "live"
    CACHED = "cached"
    LAST_RECORDED = "last_recorded"
    CONFIGURED = "configured"


@dataclass(frozen=True, slots=True)
class OfferRequest:
    """A customer's wish: `amount` in the pair's base or quote asset. `skew` in -1..1 is how full the till of base is
    (above 0: too much, so base is sold cheaper and bought cheaper); `discount_bps` comes off the spread,
    `markup_bps` is a partner's, on top of it."""

    quote_id: UUID
    customer_id: UUID
    pair: Pair
    side: Side
    amount: Amount
    skew: Decimal = Decimal(0)
    discount_bps: Decimal = Decimal(0)
    markup_bps: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The signed account of a price: canonical JSON, its SHA-256 in hex, an Ed25519 signature (base64), its key."""

    content: bytes
    sha256: str
    signature: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A price for one wish. `quote` is all that the customer pays or gets, `fee` the fee in it; `spread` is
    what the house earns against the fair price in the quote asset (may be below zero after a discount or a rounding);
    `notional` values the trade in the reporting asset (USD). `tax` (None: none) is in `quote`, beside `fee`."""

    pair: Pair
    side: Side
    price: Price
    base: Amount
    quote: Amount
    fee: Amount
    spread: Amount
    notional: Amount
    rung: Rung
    receipt: Receipt
    tax: Amount | None = None


@dataclass(frozen=True, slots=True)
class CurrentPrice:
    """What the house shows the public for a pair: customer bid and ask before size, mid = fair price."""

    pair: Pair
    bid: Decimal
    ask: Decimal
    mid: Decimal
    rung: Rung
    observed_at: datetime
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candle:
    """OHLC of the fair price over one interval from `opened_at`."""

    pair: Pair
    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    samples: int


class Verdict(StrEnum):
    """What the fair price made of a source."""

    USED = "used"
    WITNESS = "witness"
    STALE = "stale"
    FADED = "faded"
    FUTURE = "future"
    CROSSED = "crossed"
    SPREAD_TOO_WIDE = "spread_too_wide"
    OUTLIER = "outlier"
    DISAGREES = "disagrees"
    JUMPED = "jumped"
    OFF_REFERENCE = "off_reference"
    OTHER_RATE = "other_rate"
    CONTROLLED_CURRENCY = "controlled_currency"
    NOT_IN_FORCE = "not_in_force"


class RateVerdict(StrEnum):
    """What the rate book made of a publication. Only an accepted one ever reaches a price."""

    ACCEPTED = "accepted"
    STUCK = "stuck"
    ABSURD = "absurd"


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source's say about a pair, reduced to one value and one depth a side (depths in base).

    `valid_from`/`valid_to` are set for published rates only.
    """

    source: str
    kind: SourceKind
    rate: RateName
    bid: Decimal | None
    ask: Decimal | None
    bid_depth: Decimal
    ask_depth: Decimal
    observed_at: datetime
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class JudgedSource:
    """A view with its age (whole milliseconds), its weight in the fair price (0 when dropped) and why."""

    view: SourceView
    age_ms: int
    weight: Decimal
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class KindTerms:
    """How a kind of source fades: halved in weight each `half_life_s`, dropped after `drop_after_s`."""

    weight: Decimal
    half_life_s: Decimal
    drop_after_s: Decimal
    spread_max_bps: Decimal


@dataclass(frozen=True, slots=True)
class FairTerms:
    """The knobs of the fair price, embedded in each receipt."""

    kinds: tuple[tuple[SourceKind, KindTerms], ...]
    official_pairs: frozenset[str]
    controlled_assets: frozenset[str]
    mad_factor: Decimal
    mad_floor_bps: Decimal
    disagree_max_bps: Decimal
    jump_max_bps: Decimal
    jump_hold_s: Decimal
    reference_band_bps: Decimal
    one_sided_bps: Decimal
    gap_max_bps: Decimal
    leg_cost_bps: Decimal
    cached_ttl_s: Decimal
    last_recorded_max_s: Decimal


@dataclass(frozen=True, slots=True)
class Remembered:
    """A pair's last live fair price. `fresh_until` is when its freshest source was too old to be live."""

    pair: Pair
    fair: Decimal
    spread_bps: Decimal
    dispersion_bps: Decimal
    confidence: Decimal
    bid_depth: Decimal
    ask_depth: Decimal
    sources: tuple[str, ...]
    observed_at: datetime
    fresh_until: datetime


@dataclass(frozen=True, slots=True)
class Configured:
    """An operator's fixed price, good until `expires_at`."""

    pair: Pair
    bid: Decimal
    ask: Decimal
    expires_at: datetime
    set_by: UUID


@dataclass(frozen=True, slots=True)
class Leg:
    """The price of one directly known pair: from sources, or remembered, or configured."""

    pair: Pair
    rung: Rung
    fair: Decimal
    spread_bps: Decimal
    dispersion_bps: Decimal
    confidence: Decimal
    bid_depth: Decimal
    ask_depth: Decimal
    observed_at: datetime
    judged: tuple[JudgedSource, ...] = ()
    previous: tuple[Decimal, int] | None = None
    remembered: Remembered | None = None
    configured: Configured | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A leg as walked: `inverse` when its quote asset is given for its base."""

    leg: Leg
    inverse: bool


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to the same pair, with its fair price: what a direct price is held against."""

    path: str
    fair: Decimal


@dataclass(frozen=True, slots=True)
class UsdRate:
    """USD per one base asset, for notionals: `basis` is a path, or `last_known` when nothing fresher is priced."""

    value: Decimal
    basis: str


@dataclass(frozen=True, slots=True)
class Market:
    """The fair price of a pair at one moment, and all it rests on. Depths in the pair's base asset."""

    pair: Pair
    at: datetime
    steps: tuple[Step, ...]
    rung: Rung
    fair: Decimal
    spread_bps: Decimal
    dispersion_bps: Decimal
    confidence: Decimal
    bid_depth: Decimal
    ask_depth: Decimal
    observed_at: datetime
    alternative: Alternative | None
    gap_bps: Decimal
    volatility_bps: Decimal
    usd: UsdRate | None

    @property
    def path(self) -> str:
        """The way the price came: `BTC/USDT*USDT/COP`, `1/` before an inverted leg."""
        return "*".join(f"{'1/' if step.inverse else ''}{step.leg.pair}" for step in self.steps)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources that made it, sorted."""
        names: set[str] = set()
        for step in self.steps:
            names.update(j.view.source for j in step.leg.judged if j.verdict is Verdict.USED)
            if step.leg.remembered is not None:
                names.update(step.leg.remembered.sources)
            if step.leg.configured is not None:
                names.add("operator")
        return tuple(sorted(names))


@dataclass(frozen=True, slots=True)
class Knob:
    """One adjustment's knob: `slope` in bps for a full measure of what it reacts to, then a floor and a cap in bps."""

    slope: Decimal
    floor_bps: Decimal
    cap_bps: Decimal


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax in force: `bps` of the gross amount, always against the customer."""

    name: str
    bps: Decimal


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """The knobs of the customer's price for one pair on one day, embedded in each receipt."""

    tick: Decimal
    minimum: Amount
    maximum: Amount
    spread_bps: Decimal
    fee_bps: Decimal
    knobs: tuple[tuple[str, Knob], ...]
    sum_cap_bps: Decimal
    kept_share: Decimal
    rung_bps: tuple[tuple[Rung, Decimal], ...]
    rung_size: tuple[tuple[Rung, Decimal], ...]
    taxes_buy: tuple[Tax, ...]
    taxes_sell: tuple[Tax, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A receipt worked out again: `matches` when every byte came out the same, else `differences` says where.

    `signature_valid` is None when the receipt was signed by a key the house does not hold.
    """

    matches: bool
    differences: tuple[str, ...]
    steps: tuple[str, ...]
    signature_valid: bool | None = None


@dataclass(frozen=True, slots=True)
class RateRecord:
    """A rate as the book holds it, with what was thought of it when it became known."""

    rate: ReferenceRate
    verdict: RateVerdict


@dataclass(frozen=True, slots=True)
class BankCalendar:
    """A country's bank holidays: days by month-day, moved to the next Monday, counted from Easter, and by date."""

    country: str
    fixed: tuple[tuple[int, int], ...]
    next_monday: tuple[tuple[int, int], ...]
    easter: tuple[int, ...]
    dates: frozenset[date]
    verified: str


@dataclass(frozen=True, slots=True)
class RateAsked:
    """A question to the rate book: which rate, for which day, as known by which moment, by one source or any."""

    name: RateName
    pair: Pair
    on: date
    known_by: datetime
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`, at most `limit` rows."""

    start: datetime
    end: datetime
    limit: int
