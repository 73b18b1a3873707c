"""Customers, principals and their keys."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Response

from cambista.funding import CustomerHasMoney, CustomerKept, ForgetRequest, Forgotten
from cambista.gateway.errors import CursorInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, text_from
from cambista.gateway.rest.reading import reply_read
from cambista.gateway.rest.routing import (
    Entered,
    Settling,
    body_of,
    reply,
    rest_router,
    speaks,
)
from cambista.gateway.rest.words import Cursor, IdPath, IdText, TimeText
from cambista.identity import (
    CountryInvalid,
    Customer,
    CustomerRequest,
    CustomerUnknown,
    EmailInvalid,
    EmailMissing,
    EmailTaken,
    Invitation,
    LanguageInvalid,
    LoginExists,
    OwnerBlocked,
    Principal,
    PrincipalRequest,
    PrincipalUnknown,
    RoleInvalid,
    SelfBlock,
    Status,
    StatusChange,
    TextInvalid,
)
from cambista.kernel.callers import StepUpRequired
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import IdInvalid, parse_id
from cambista.kernel.time import wire_time

router = rest_router("identity")


class CustomerBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to register; `country` is ISO 3166-1 alpha-2."""

    email: str
    full_name: str
    country: str


class CustomerOut(msgspec.Struct):
    """A person or company the house trades with."""

    id: IdText
    email: str
    full_name: str
    country: str
    status: Status
    created_at: TimeText


class CustomerPage(msgspec.Struct):
    """Customers, newest first."""

    items: list[CustomerOut]
    next_cursor: Cursor


class ForgottenOut(msgspec.Struct):
    """Whose data can never be read again, and since when."""

    id: IdText
    forgotten_at: TimeText


class PrincipalBody(msgspec.Struct, forbid_unknown_fields=True):
    """Staff, a partner or a machine. A person has an `email`, to which an invitation to log in is sent."""

    role: Literal["partner", "operator", "compliance", "treasurer", "admin", "auditor"]
    name: str
    email: str | None = None
    language: str = "es"


class InvitationBody(msgspec.Struct, forbid_unknown_fields=True):
    """Where the letter goes, and in which language; a customer's goes to the address it was registered with."""

    email: str | None = None
    language: str = "es"


class PrincipalOut(msgspec.Struct):
    """Someone or something that may call."""

    id: IdText
    role: str
    name: str
    status: Status
    created_at: TimeText


class PrincipalPage(msgspec.Struct):
    """Principals, newest first."""

    items: list[PrincipalOut]
    next_cursor: Cursor


class StatusBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why; it goes to the journal and names no person."""

    reason: str


def show_customer(customer: Customer) -> CustomerOut:
    return CustomerOut(
        str(customer.id),
        customer.email,
        customer.full_name,
        customer.country,
        customer.status,
        wire_time(customer.created_at),
    )


def show_forgotten(found: Forgotten) -> ForgottenOut:
    return ForgottenOut(str(found.customer_id), wire_time(found.forgotten_at))


def show_principal(found: Principal) -> PrincipalOut:
    return PrincipalOut(str(found.id), found.role.value, found.name, found.status, wire_time(found.created_at))


_CUSTOMER = {
    "id": words.CUSTOMER, "email": "maria@example.com", "full_name": "María Pérez Gómez", "country": "CO",
    "status": "active", "created_at": words.MOMENT,
}  # fmt: skip
_NEW_CUSTOMER = {"email": "maria@example.com", "full_name": "María Pérez Gómez", "country": "CO"}
_CUSTOMER_MADE = Settling(show_customer, 201, required=False, personal=True)


@router.post(
    "/customers",
    **speaks(
        CustomerOut,
        _CUSTOMER,
        status=201,
        body=CustomerBody,
        says={"person": _NEW_CUSTOMER},
        key=False,
        refuses=(EmailInvalid, EmailTaken, CountryInvalid, TextInvalid),
    ),
)
async def create_customer(passage: Entered, body: Annotated[CustomerBody, Depends(body_of(CustomerBody))]) -> Response:
    """Register a customer."""
    request = CustomerRequest(passage.caller, body.email, body.full_name, body.country)
    return await _CUSTOMER_MADE.settle(passage, passage.doors.identity.create_customers, request, body)


@router.get("/customers", **speaks(CustomerPage, {"items": [_CUSTOMER], "next_cursor": None}, refuses=(CursorInvalid,)))
async def list_customers(passage: Entered, limit: Limit = 50, cursor: CursorIn = None) -> Response:
    """Customers, newest first."""
    before = text_from("customers", cursor)
    page = await passage.doors.identity.list_customers(passage.caller, limit=limit, cursor=before)
    shown = [show_customer(each) for each in page.items]
    answer = CustomerPage(shown, cursor_to("customers", page.next_cursor))
    return await reply_read(passage, "customer.list", "customers", answer, (each.id for each in shown))


@router.get("/customers/{id}", **speaks(CustomerOut, _CUSTOMER, refuses=(CustomerUnknown, IdInvalid)))
async def get_customer(id: IdPath, passage: Entered) -> Response:
    """A customer."""
    found = show_customer(await passage.doors.identity.find_customer(passage.caller, parse_id(id)))
    return await reply_read(passage, "customer.read", f"customer:{found.id}", found)


_FORGOTTEN = Settling(show_forgotten, required=False)


@router.post(
    "/customers/{id}/forget",
    **speaks(
        ForgottenOut,
        {"id": words.CUSTOMER, "forgotten_at": words.MOMENT},
        key=False,
        refuses=(CustomerUnknown, CustomerHasMoney, CustomerKept, StepUpRequired, IdInvalid),
    ),
)
async def forget_customer(id: IdPath, passage: Entered) -> Response:
    """Forget a customer for ever, once nothing is left here and the duty to keep has ended. It cannot be undone."""
    request = ForgetRequest(passage.caller, parse_id(id))
    return await _FORGOTTEN.settle(passage, passage.doors.funding.forget_customers, request, id)


_PRINCIPAL = {
    "id": words.TREASURER, "role": "treasurer", "name": "Tesorería", "status": "active", "created_at": words.MOMENT,
}  # fmt: skip
_PRINCIPAL_MADE = Settling(show_principal, 201, required=False)
_STATUS_SET = Settling(show_principal, required=False)


@router.post(
    "/principals",
    **speaks(
        PrincipalOut,
        _PRINCIPAL,
        status=201,
        body=PrincipalBody,
        says={
            "treasurer": {"role": "treasurer", "name": "Tesorería", "email": "tesoreria@example.com"},
            "machine": {"role": "operator", "name": "Robot"},
        },
        key=False,
        refuses=(RoleInvalid, TextInvalid, EmailInvalid, EmailTaken, LanguageInvalid),
    ),
)
async def create_principal(
    passage: Entered, body: Annotated[PrincipalBody, Depends(body_of(PrincipalBody))]
) -> Response:
    """Add staff, a partner or a machine."""
    request = PrincipalRequest(passage.caller, body.role, body.name, body.email, body.language)
    return await _PRINCIPAL_MADE.settle(passage, passage.doors.identity.create_principals, request, body)


@router.get(
    "/principals", **speaks(PrincipalPage, {"items": [_PRINCIPAL], "next_cursor": None}, refuses=(CursorInvalid,))
)
async def list_principals(passage: Entered, limit: Limit = 50, cursor: CursorIn = None) -> Response:
    """Staff, partners and machines, newest first."""
    before = text_from("principals", cursor)
    page = await passage.doors.identity.list_principals(passage.caller, limit=limit, cursor=before)
    items = [show_principal(each) for each in page.items]
    return reply(PrincipalPage(items, cursor_to("principals", page.next_cursor)))


def _says_status(status: str) -> dict[str, Any]:
    return speaks(
        PrincipalOut,
        {**_PRINCIPAL, "status": status},
        body=StatusBody,
        says={"reason": {"reason": "Case 2026-117"}},
        key=False,
        refuses=(PrincipalUnknown, SelfBlock, TextInvalid, IdInvalid),
    )


async def _set_status(passage: Entered, id: str, body: StatusBody, status: Status) -> Response:
    change = StatusChange(passage.caller, parse_id(id), status, body.reason)
    return await _STATUS_SET.settle(passage, passage.doors.identity.set_status, change, id, body)


@router.post("/principals/{id}/block", **_says_status("blocked"))
async def block(id: IdPath, passage: Entered, body: Annotated[StatusBody, Depends(body_of(StatusBody))]) -> Response:
    """Block a principal (a customer too): its keys stop authenticating, its money stays where it is."""
    return await _set_status(passage, id, body, Status.BLOCKED)


@router.post("/principals/{id}/unblock", **_says_status("active"))
async def unblock(id: IdPath, passage: Entered, body: Annotated[StatusBody, Depends(body_of(StatusBody))]) -> Response:
    """Let a blocked principal back in."""
    return await _set_status(passage, id, body, Status.ACTIVE)


@router.post(
    "/principals/{id}/invite",
    **speaks(
        PrincipalOut,
        _PRINCIPAL,
        status=202,
        body=InvitationBody,
        says={"staff": {"email": "tesoreria@example.com", "language": "es"}, "customer": {}},
        optional=True,
        refuses=(
            PrincipalUnknown, OwnerBlocked, LoginExists, EmailMissing, EmailInvalid, EmailTaken, LanguageInvalid,
            StepUpRequired, IdInvalid,
        ),
    ),
)  # fmt: skip
async def invite(
    id: IdPath, passage: Entered, body: Annotated[InvitationBody, Depends(body_of(InvitationBody, optional=True))]
) -> Response:
    """Let a principal without a password log in: a letter with a link to set one. An operator invites customers."""
    invitation = Invitation(passage.caller, parse_id(id), body.email, body.language)
    [answer] = await passage.doors.identity.people.invite([invitation])
    if isinstance(answer, Refusal):
        raise answer
    return reply(show_principal(answer), 202)
