"""OAuth2's clients, as an admin registers them, and what a customer has granted to them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Response

from cambista.gateway.access import BASE
from cambista.gateway.errors import CursorInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, text_from
from cambista.gateway.rest.routing import Entered, Settling, body_of, reply, rest_router, speaks
from cambista.gateway.rest.words import Cursor, IdPath, IdText, TimeText
from cambista.identity import (
    Client,
    ClientEnded,
    ClientMalformed,
    ClientRequest,
    ClientRevocation,
    ClientsLimit,
    ClientUnknown,
    Grant,
    GrantRevocation,
    GrantUnknown,
    NewClient,
    OverlapInvalid,
    OwnerNotPartner,
    PrincipalUnknown,
    RedirectInvalid,
    ScopeNotGrantable,
    SecretRotation,
    TextInvalid,
)
from cambista.kernel.callers import StepUpRequired
from cambista.kernel.ids import IdInvalid, parse_id
from cambista.kernel.time import wire_time

router = rest_router("oauth2", prefix=f"{BASE}/oauth")
Listed = Annotated[list[str], msgspec.Meta(max_length=64)]


class ClientBody(msgspec.Struct, forbid_unknown_fields=True):
    """A client to register. One that cannot keep a secret (an app, a page) is not `confidential`."""

    owner_id: IdText
    name: str
    flows: Listed
    scopes: Listed
    redirect_uris: Listed = []
    confidential: bool = True


class SecretBody(msgspec.Struct, forbid_unknown_fields=True):
    """For how many more seconds the old secret counts; as long as the house allows when it is not said."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0)] | None = None


class ClientOut(msgspec.Struct):
    """A client as the house knows it."""

    id: IdText
    owner_id: IdText
    name: str
    confidential: bool
    flows: list[str]
    scopes: list[str]
    redirect_uris: list[str]
    created_at: TimeText
    old_secret_until: TimeText | None
    revoked_at: TimeText | None


class NewClientOut(ClientOut, omit_defaults=True, kw_only=True):
    """A client with the secret just made. `client_secret` is shown now and never again: a replay does not have it."""

    client_secret: str = ""


class ClientPage(msgspec.Struct):
    """Clients, newest first."""

    items: list[ClientOut]
    next_cursor: Cursor


class GrantOut(msgspec.Struct):
    """What a customer let a client do, and until when."""

    id: IdText
    client_id: IdText
    client_name: str
    scopes: list[str]
    created_at: TimeText
    expires_at: TimeText
    revoked_at: TimeText | None


class GrantPage(msgspec.Struct):
    """Grants, newest first."""

    items: list[GrantOut]
    next_cursor: Cursor


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)


def _shown(client: Client) -> tuple[Any, ...]:
    return (
        str(client.id), str(client.owner_id), client.name, client.confidential, [flow.value for flow in client.flows],
        list(client.scopes), list(client.redirect_uris), wire_time(client.created_at), _time(client.old_secret_until),
        _time(client.revoked_at),
    )  # fmt: skip


def show_client(client: Client) -> ClientOut:
    return ClientOut(*_shown(client))


def show_new_client(made: NewClient | Client) -> NewClientOut:
    """The stored answer is made of the record alone, so it holds no secret."""
    if isinstance(made, NewClient):
        return NewClientOut(*_shown(made.record), client_secret=made.secret)
    return NewClientOut(*_shown(made))


def show_grant(grant: Grant) -> GrantOut:
    return GrantOut(
        str(grant.id), str(grant.client_id), grant.client_name, list(grant.scopes), wire_time(grant.created_at),
        wire_time(grant.expires_at), _time(grant.revoked_at),
    )  # fmt: skip


_CLIENT = {
    "id": words.KEY, "owner_id": words.OPERATOR, "name": "Remesas Ya", "confidential": True,
    "flows": ["authorization_code", "refresh_token"], "scopes": ["quotes:write", "trades:write"],
    "redirect_uris": ["https://partner.example/back"], "created_at": words.MOMENT, "old_secret_until": None,
    "revoked_at": None,
}  # fmt: skip
_GRANT = {
    "id": words.QUOTE, "client_id": words.KEY, "client_name": "Remesas Ya", "scopes": ["quotes:write"],
    "created_at": words.MOMENT, "expires_at": words.LATER, "revoked_at": None,
}  # fmt: skip
_ASKED = {name: _CLIENT[name] for name in ("owner_id", "name", "flows", "scopes", "redirect_uris", "confidential")}
_MADE = Settling(show_new_client, 201, required=False)
_TURNED = Settling(show_new_client, required=False)
_ENDED = Settling(show_client, required=False)
_TAKEN_BACK = Settling(show_grant, required=False)


@router.post(
    "/clients",
    **speaks(
        NewClientOut,
        {**_CLIENT, "client_secret": "cmo_…"},
        status=201,
        body=ClientBody,
        says={"a web service": _ASKED},
        key=False,
        refuses=(
            ClientMalformed, ClientsLimit, OwnerNotPartner, PrincipalUnknown, RedirectInvalid, ScopeNotGrantable,
            StepUpRequired, TextInvalid, IdInvalid,
        ),
    ),
)  # fmt: skip
async def register(passage: Entered, body: Annotated[ClientBody, Depends(body_of(ClientBody))]) -> Response:
    """Register a client of a partner. Its secret is shown once."""
    request = ClientRequest(
        passage.caller, parse_id(body.owner_id), body.name, body.confidential, body.redirect_uris, body.flows,
        body.scopes,
    )  # fmt: skip
    return await _MADE.settle(passage, passage.doors.identity.oauth.clients.register, request, body)


@router.get("/clients", **speaks(ClientPage, {"items": [_CLIENT], "next_cursor": None}, refuses=(CursorInvalid,)))
async def list_clients(passage: Entered, limit: Limit = 50, cursor: CursorIn = None) -> Response:
    """Clients, newest first."""
    before = text_from("clients", cursor)
    page = await passage.doors.identity.oauth.clients.list_clients(passage.caller, limit=limit, cursor=before)
    return reply(ClientPage([show_client(each) for each in page.items], cursor_to("clients", page.next_cursor)))


@router.post(
    "/clients/{id}/secret",
    **speaks(
        NewClientOut,
        {**_CLIENT, "client_secret": "cmo_…"},
        body=SecretBody,
        says={"a day": {"overlap_s": 86400}},
        optional=True,
        key=False,
        refuses=(ClientUnknown, ClientEnded, ClientMalformed, OverlapInvalid, StepUpRequired, IdInvalid),
    ),
)
async def rotate_secret(
    id: IdPath, passage: Entered, body: Annotated[SecretBody, Depends(body_of(SecretBody, optional=True))]
) -> Response:
    """Give a client a new secret; the old one counts for the overlap."""
    request = SecretRotation(passage.caller, parse_id(id), body.overlap_s)
    return await _TURNED.settle(passage, passage.doors.identity.oauth.clients.rotate_secrets, request, id, body)


@router.delete(
    "/clients/{id}",
    **speaks(ClientOut, {**_CLIENT, "revoked_at": words.LATER}, key=False, refuses=(ClientUnknown, IdInvalid)),
)
async def revoke_client(id: IdPath, passage: Entered) -> Response:
    """End a client and all that was granted to it, for good."""
    request = ClientRevocation(passage.caller, parse_id(id))
    return await _ENDED.settle(passage, passage.doors.identity.oauth.clients.revoke, request, id)


@router.get("/grants", **speaks(GrantPage, {"items": [_GRANT], "next_cursor": None}, refuses=(CursorInvalid,)))
async def list_grants(passage: Entered, limit: Limit = 50, cursor: CursorIn = None) -> Response:
    """Which clients may act for the customer, newest first."""
    before = text_from("grants", cursor)
    page = await passage.doors.identity.oauth.consents.list_grants(passage.caller, limit=limit, cursor=before)
    return reply(GrantPage([show_grant(each) for each in page.items], cursor_to("grants", page.next_cursor)))


@router.delete(
    "/grants/{id}",
    **speaks(GrantOut, {**_GRANT, "revoked_at": words.LATER}, key=False, refuses=(GrantUnknown, IdInvalid)),
)
async def take_back(id: IdPath, passage: Entered) -> Response:
    """Take back what was granted; the client's tokens open nothing from now on."""
    request = GrantRevocation(passage.caller, parse_id(id))
    return await _TAKEN_BACK.settle(passage, passage.doors.identity.oauth.consents.take_back, request, id)
