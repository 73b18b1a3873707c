"""What customers and operators may ask of the house, as plain values; no word of the house's own code."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Deposit:
    """Money came in on a rail; `payer` is own, stranger or missing. `by` is the operator who enters it."""

    by: UUID
    customer: UUID
    asset: str
    units: int
    rail: str
    reference: str
    payer: str = "own"


@dataclass(frozen=True)
class DecideDeposit:
    """A second pair of eyes looks at a deposit that waits for review."""

    approver: UUID
    deposit: UUID
    approve: bool


@dataclass(frozen=True)
class RequestQuote:
    """`units` are of `amount_asset`, one of the pair's two assets."""

    customer: UUID
    pair: str
    side: str
    units: int
    amount_asset: str
    kind: str


@dataclass(frozen=True)
class AcceptQuote:
    customer: UUID
    quote: UUID


@dataclass(frozen=True)
class DirectTrade:
    """`limit` is the worst price the customer takes; `reachable` = the market is far better than that."""

    customer: UUID
    pair: str
    side: str
    units: int
    limit: str
    reachable: bool


@dataclass(frozen=True)
class RequestWithdrawal:
    """`by` is the customer itself, or somebody of the staff on its behalf."""

    by: UUID
    customer: UUID
    asset: str
    units: int


@dataclass(frozen=True)
class DecideWithdrawal:
    approver: UUID
    withdrawal: UUID
    approve: bool


@dataclass(frozen=True)
class ExpireHolds:
    """The house's own sweep of holds whose time has passed."""


@dataclass(frozen=True)
class ExpireWithdrawals:
    """The house's own sweep of withdrawals that nobody approved in time."""


@dataclass(frozen=True)
class Tick:
    """Pricing records what it shows."""


@dataclass(frozen=True)
class DeliverEvents:
    """The relay's next delivery to the simulation's listener."""


@dataclass(frozen=True)
class Reverse:
    """An operator mends a mistake."""

    transfer: UUID
    new_transfer: UUID


@dataclass(frozen=True)
class Freeze:
    customer: UUID
    asset: str
    frozen: bool


@dataclass(frozen=True)
class SetLimits:
    """What one customer may trade, in units of USD."""

    customer: UUID
    trade_max: int
    day_max: int


@dataclass(frozen=True)
class ConfigurePrice:
    """An operator fixes a price for a while."""

    pair: str
    bid: str
    ask: str
    seconds: int


@dataclass(frozen=True)
class PassTime:
    """The wall clock moves by `seconds`; below zero it goes back."""

    seconds: float


@dataclass(frozen=True)
class Silence:
    """Sources of prices say nothing more, or speak again."""

    sources: tuple[str, ...]
    silent: bool


Operation = (
    Deposit
    | DecideDeposit
    | RequestQuote
    | AcceptQuote
    | DirectTrade
    | RequestWithdrawal
    | DecideWithdrawal
    | ExpireHolds
    | ExpireWithdrawals
    | Tick
    | DeliverEvents
    | Reverse
    | Freeze
    | SetLimits
    | ConfigurePrice
    | PassTime
    | Silence
)


@dataclass(frozen=True)
class Outcome:
    """What the house answered: the code of its refusal, or the fields of its answer and the bytes of it."""

    refused: str = ""
    fields: dict[str, object] | None = None
    body: bytes = b""
    replayed: bool = False
