"""What deposits and withdrawals share: amounts in bodies, whose list is asked for, and a decision with its note."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends

from cambista.funding import FourEyes
from cambista.gateway import wire
from cambista.gateway.passage import Passage
from cambista.gateway.rest.routing import body_of, speaks
from cambista.identity import STAFF, CustomerUnknown, TextInvalid
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId, IdInvalid, parse_id
from cambista.kernel.money import Amount, AmountInvalid, AmountNotExact, AmountNotPositive, AmountOutOfRange
from cambista.kernel.registry import AssetUnknown, asset
from cambista.ledger import AccountFrozen

OF_AMOUNTS: tuple[type[Refusal], ...] = (
    AmountInvalid, AmountNotExact, AmountNotPositive, AmountOutOfRange, AssetUnknown,
)  # fmt: skip
_NOTE = {"note": "Statement of the bank seen"}


class DecisionBody(msgspec.Struct, forbid_unknown_fields=True):
    """`note` says why, and names no person."""

    note: str = ""


Decision = Annotated[DecisionBody, Depends(body_of(DecisionBody, optional=True))]


def says_decided(answer: type, example: object, *refuses: type[Refusal]) -> dict[str, Any]:
    """The account of an endpoint that approves or rejects."""
    return speaks(
        answer, example, body=DecisionBody, says={"note": _NOTE}, key=True, optional=True,
        refuses=(*refuses, FourEyes, AccountFrozen, TextInvalid, IdInvalid),
    )  # fmt: skip


def read_amount(value: str | int | float, code: str) -> Amount:
    """An amount above zero, exactly as sent."""
    return Amount.parse_positive(wire.exact(value, "amount"), asset(code))


def customer_asked(passage: Passage, customer_id: str | None) -> CustomerId | None:
    """Whose list is asked for; to anyone but staff another's is not there (`customer_not_found`)."""
    if customer_id is None:
        return None
    asked = parse_id(customer_id)
    if passage.caller.role not in STAFF and asked != passage.caller.id:
        raise CustomerUnknown(customer=customer_id)
    return CustomerId(asked)
