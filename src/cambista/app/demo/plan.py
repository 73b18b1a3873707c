"""What the demo's customers set out to do, and when: an endless plan that a seed fixes. Pure.

Nothing here knows how the house answers: each step carries every choice its customer will have to make.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cambista.app.demo.people import Person, usual_amount, written
from cambista.kernel.registry import asset, pair_spec

WHALE_TIMES = 800
RATE_MAX = 200.0
SIDES = ("buy", "sell")


class Patience(StrEnum):
    """When a customer comes back to a firm quote: in time, too late, never."""

    PROMPT = "prompt"
    LATE = "late"
    NEVER = "never"


class Payer(StrEnum):
    """Who pays a deposit: the customer, someone else, or nobody says."""

    OWN = "own"
    STRANGER = "stranger"
    UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class Wish:
    """An exchange somebody wants. `tops_up`: pays in what is missing first."""

    pair: str
    side: str
    amount: str
    amount_asset: str
    tops_up: bool = True


@dataclass(frozen=True, slots=True)
class TakeQuote:
    """Ask for a firm quote, think for `think_s`, take it; `clicks` times with one key, once more with another."""

    wish: Wish
    patience: Patience
    think_s: float
    clicks: int = 1
    another_click: bool = False


@dataclass(frozen=True, slots=True)
class TradeDirectly:
    """Look at a reference price and trade at once if it gets no worse than by `tolerance_bps` (below 0: better)."""

    wish: Wish
    tolerance_bps: int


@dataclass(frozen=True, slots=True)
class Look:
    """Ask for a reference quote and leave."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class PayIn:
    """A deposit. `accepted`: what treasury says if it needs a review; `same_hands`: who recorded it tries that."""

    asset: str
    amount: str
    payer: Payer
    same_hands: bool
    accepted: bool


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Ask for `share` of what is available of `asset`. `accepted`: what treasury says after `review_s`."""

    asset: str
    share: Decimal
    to_own_account: bool
    accepted: bool
    review_s: float


Act = TakeQuote | TradeDirectly | Look | PayIn | Withdraw


@dataclass(frozen=True, slots=True)
class Step:
    """At `at_s` seconds the customer of that number does something."""

    at_s: float
    customer: int
    act: Act


def means_to_trade(act: Act) -> bool:
    """Whether the act ends in a trade unless the house refuses."""
    if isinstance(act, TakeQuote):
        return act.patience is Patience.PROMPT
    return isinstance(act, TradeDirectly) and act.tolerance_bps >= 0


def steps(seed: int, who: Sequence[Person], rate: float) -> Iterator[Step]:
    """The plan, endless and in order of time; `rate` trades a second on average, and it moves nothing but the times."""
    assert who
    assert 0 < rate <= RATE_MAX
    rng = random.Random(f"plan {seed}")  # a play that a seed repeats  # nosec B311
    steps_per_s = rate / TRADING_SHARE
    # Some people come more often than others, but nobody stays away.
    eagerness = [1 / (1 + number % 5) for number in range(len(who))]
    numbers = range(len(who))
    at_s = 0.0
    while True:
        at_s += rng.expovariate(1.0) / steps_per_s
        [number] = rng.choices(numbers, eagerness)
        [(make, _)] = rng.choices(_ACTS, [weight for _, weight in _ACTS])
        yield Step(at_s, number, make(rng, who[number]))


def _wish(rng: random.Random, person: Person, *, in_base: bool = False, times: int = 1) -> Wish:
    pair = rng.choice(person.pairs)
    spec = pair_spec(pair).pair
    named = spec.base if in_base or rng.random() < 0.7 else spec.quote
    amount = usual_amount(rng, named.code, digits=rng.choice((1, 2, 2, 3)), times=times)
    if named is spec.base:
        amount = max(amount, pair_spec(pair).minimum.decimal)
    return Wish(pair, rng.choice(SIDES), written(amount, named), named.code, tops_up=rng.random() < 0.98)


def _take_quote(rng: random.Random, person: Person) -> Act:
    return TakeQuote(_wish(rng, person), Patience.PROMPT, rng.uniform(0.05, 2.5))


def _click_twice(rng: random.Random, person: Person) -> Act:
    another = rng.random() < 0.4
    return TakeQuote(_wish(rng, person), Patience.PROMPT, rng.uniform(0.05, 1.0), 1 if another else 2, another)


def _let_lapse(rng: random.Random, person: Person) -> Act:
    return TakeQuote(_wish(rng, person), rng.choice((Patience.LATE, Patience.NEVER)), 0.0)


def _trade_directly(rng: random.Random, person: Person) -> Act:
    return TradeDirectly(_wish(rng, person, in_base=True), rng.randint(10, 80))


def _bargain(rng: random.Random, person: Person) -> Act:
    return TradeDirectly(_wish(rng, person, in_base=True), -rng.randint(20, 60))


def _overreach(rng: random.Random, person: Person) -> Act:
    wish = _wish(rng, person, in_base=True, times=WHALE_TIMES)
    return TakeQuote(Wish(wish.pair, wish.side, wish.amount, wish.amount_asset, tops_up=False), Patience.PROMPT, 0.1)


def _look(rng: random.Random, person: Person) -> Act:
    return Look(_wish(rng, person))


def _pay_in(rng: random.Random, person: Person) -> Act:
    code = rng.choice(sorted({code for pair in person.pairs[:1] for code in pair.split("/")}))
    [payer] = rng.choices(tuple(Payer), (8, 1, 1))
    amount = written(usual_amount(rng, code, digits=2, times=2), asset(code))
    return PayIn(code, amount, payer, same_hands=rng.random() < 0.3, accepted=rng.random() < 0.6)


def _withdraw(rng: random.Random, person: Person) -> Act:
    code = rng.choice(sorted({code for pair in person.pairs for code in pair.split("/")} - {"BTC"}))
    share = Decimal(rng.randint(10, 60)) / 100
    return Withdraw(code, share, rng.random() < 0.95, rng.random() < 0.85, rng.uniform(0.5, 4.0))


_ACTS: Sequence[tuple[Callable[[random.Random, Person], Act], float]] = (
    (_take_quote, 56),
    (_trade_directly, 18),
    (_look, 8),
    (_let_lapse, 5),
    (_click_twice, 2),
    (_bargain, 1),
    (_overreach, 0.5),
    (_pay_in, 4),
    (_withdraw, 5.5),
)
_TRADING = (_take_quote, _trade_directly, _click_twice)
TRADING_SHARE = sum(weight for make, weight in _ACTS if make in _TRADING) / sum(weight for _, weight in _ACTS)
