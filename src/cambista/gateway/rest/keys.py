"""API keys: made, listed, revoked."""

from typing import Annotated

import msgspec
from fastapi import Depends, Response

from cambista.gateway.errors import CursorInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, text_from
from cambista.gateway.rest.routing import Entered, Settling, body_of, reply, rest_router, speaks
from cambista.gateway.rest.words import Cursor, IdPath, IdText, OwnerQuery, TimeText
from cambista.identity import (
    ApiKey,
    ExpiryInvalid,
    KeyRequest,
    KeyRevocation,
    KeysLimit,
    KeyUnknown,
    NewApiKey,
    OwnerBlocked,
    PrincipalUnknown,
    ScopeBeyondCaller,
    ScopeNotOfRole,
    ScopeUnknown,
    TextInvalid,
)
from cambista.kernel.ids import ApiKeyId, IdInvalid, parse_id
from cambista.kernel.time import TimeInvalid, parse_time, wire_time

router = rest_router("identity")


class KeyBody(msgspec.Struct, forbid_unknown_fields=True):
    """A key to make. Without `owner_id` it is the caller's own; without scopes it may do all its owner's role may."""

    name: str
    owner_id: IdText | None = None
    scopes: Annotated[list[str], msgspec.Meta(max_length=64)] = []
    expires_at: TimeText | None = None


class KeyOut(msgspec.Struct):
    """A key as the house knows it: the visible prefix, never the key."""

    id: IdText
    owner_id: IdText
    name: str
    prefix: str
    scopes: list[str]
    created_at: TimeText
    expires_at: TimeText | None
    revoked_at: TimeText | None
    last_used_at: TimeText | None


class NewKeyOut(msgspec.Struct, omit_defaults=True):
    """A key just made. `key` is shown now and never again: a replayed answer does not have it."""

    id: IdText
    owner_id: IdText
    name: str
    prefix: str
    scopes: list[str]
    created_at: TimeText
    expires_at: TimeText | None
    key: str = ""


class KeyPage(msgspec.Struct):
    """Keys, newest first."""

    items: list[KeyOut]
    next_cursor: Cursor


def show_key(key: ApiKey) -> KeyOut:
    times = (None if each is None else wire_time(each) for each in (key.expires_at, key.revoked_at, key.last_used_at))
    return KeyOut(
        str(key.id), str(key.owner_id), key.name, key.prefix, list(key.scopes), wire_time(key.created_at), *times
    )


def show_new_key(made: NewApiKey | ApiKey) -> NewKeyOut:
    """The stored answer is made of the record alone, so it holds no key."""
    record, key = (made.record, made.key) if isinstance(made, NewApiKey) else (made, "")
    expires_at = None if record.expires_at is None else wire_time(record.expires_at)
    return NewKeyOut(
        str(record.id),
        str(record.owner_id),
        record.name,
        record.prefix,
        list(record.scopes),
        wire_time(record.created_at),
        expires_at,
        key,
    )


_KEY = {
    "id": words.KEY, "owner_id": words.CUSTOMER, "name": "My bot", "prefix": "k3jx9q2a",
    "scopes": ["quotes:write", "trades:write"], "created_at": words.MOMENT, "expires_at": None,
}  # fmt: skip
_KEY_LISTED = {**_KEY, "revoked_at": None, "last_used_at": words.MOMENT}
_KEY_MADE = Settling(show_new_key, 201, required=False)
_KEY_REVOKED = Settling(show_key, required=False)


@router.post(
    "/api-keys",
    **speaks(
        NewKeyOut,
        {**_KEY, "key": "cmb_k3jx9q2a_…"},
        status=201,
        body=KeyBody,
        says={
            "customer": {
                "owner_id": words.CUSTOMER,
                "name": "My bot",
                "scopes": ["quotes:write", "trades:write"],
            }
        },
        key=False,
        refuses=(
            ExpiryInvalid, KeysLimit, OwnerBlocked, PrincipalUnknown, ScopeBeyondCaller, ScopeNotOfRole, ScopeUnknown,
            TextInvalid, TimeInvalid, IdInvalid,
        ),
    ),
)  # fmt: skip
async def create_key(passage: Entered, body: Annotated[KeyBody, Depends(body_of(KeyBody))]) -> Response:
    """Make a key: an admin for anybody, a customer or partner for itself. The key is shown once."""
    owner_id = passage.caller.id if body.owner_id is None else parse_id(body.owner_id)
    expires_at = None if body.expires_at is None else parse_time(body.expires_at)
    request = KeyRequest(passage.caller, owner_id, body.name, tuple(body.scopes), expires_at)
    return await _KEY_MADE.settle(passage, passage.doors.identity.create_keys, request, body)


@router.get(
    "/api-keys",
    **speaks(
        KeyPage,
        {"items": [_KEY_LISTED], "next_cursor": None},
        refuses=(PrincipalUnknown, IdInvalid, CursorInvalid),
    ),
)
async def list_keys(
    passage: Entered,
    owner_id: OwnerQuery = None,
    limit: Limit = 50,
    cursor: CursorIn = None,
) -> Response:
    """An owner's keys, newest first."""
    owner = passage.caller.id if owner_id is None else parse_id(owner_id)
    before = text_from("keys", cursor)
    page = await passage.doors.identity.list_keys(passage.caller, owner, limit=limit, cursor=before)
    return reply(KeyPage([show_key(each) for each in page.items], cursor_to("keys", page.next_cursor)))


@router.delete(
    "/api-keys/{id}",
    **speaks(KeyOut, {**_KEY_LISTED, "revoked_at": words.LATER}, key=False, refuses=(KeyUnknown, IdInvalid)),
)
async def revoke_key(id: IdPath, passage: Entered) -> Response:
    """Revoke a key, for ever; it stops working at once."""
    request = KeyRevocation(passage.caller, ApiKeyId(parse_id(id)))
    return await _KEY_REVOKED.settle(passage, passage.doors.identity.revoke_keys, request, id)
