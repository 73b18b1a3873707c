"""API keys: made, listed, rotated, revoked."""

from datetime import datetime
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
    KeyEnded,
    KeyRequest,
    KeyRevocation,
    KeyRotation,
    KeysLimit,
    KeyUnknown,
    NetworkInvalid,
    NewApiKey,
    OverlapInvalid,
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
    """A key to make. Without `owner_id` it is the caller's own; without scopes it may do all its owner's role may.

    It opens from `networks` only (none: from anywhere). Every request of a `signed` key carries a signature.
    """

    name: str
    owner_id: IdText | None = None
    scopes: Annotated[list[str], msgspec.Meta(max_length=64)] = []
    expires_at: TimeText | None = None
    networks: Annotated[list[str], msgspec.Meta(max_length=32)] = []
    signed: bool = False


class RotationBody(msgspec.Struct, forbid_unknown_fields=True):
    """For how many more seconds the old key works; as long as the house allows when it is not said."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0)] | None = None


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
    networks: list[str]
    signed: bool
    replaced_by: IdText | None


class NewKeyOut(msgspec.Struct, omit_defaults=True):
    """A key just made. `key` and `signing_secret` are shown now and never again: a replayed answer has neither."""

    id: IdText
    owner_id: IdText
    name: str
    prefix: str
    scopes: list[str]
    created_at: TimeText
    expires_at: TimeText | None
    networks: list[str]
    signed: bool
    key: str = ""
    signing_secret: str = ""


class KeyPage(msgspec.Struct):
    """Keys, newest first."""

    items: list[KeyOut]
    next_cursor: Cursor


def show_key(key: ApiKey) -> KeyOut:
    expires, revoked, used = (_time(each) for each in (key.expires_at, key.revoked_at, key.last_used_at))
    replaced_by = None if key.replaced_by is None else str(key.replaced_by)
    return KeyOut(
        str(key.id), str(key.owner_id), key.name, key.prefix, list(key.scopes), wire_time(key.created_at), expires,
        revoked, used, list(map(str, key.networks)), key.signed, replaced_by,
    )  # fmt: skip


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)


def show_new_key(made: NewApiKey | ApiKey) -> NewKeyOut:
    """The stored answer is made of the record alone, so it holds no key."""
    record, *secrets = (made.record, made.key, made.signing_secret) if isinstance(made, NewApiKey) else (made,)
    return NewKeyOut(
        str(record.id),
        str(record.owner_id),
        record.name,
        record.prefix,
        list(record.scopes),
        wire_time(record.created_at),
        _time(record.expires_at),
        list(map(str, record.networks)),
        record.signed,
        *secrets,
    )


_KEY = {
    "id": words.KEY, "owner_id": words.CUSTOMER, "name": "My bot", "prefix": "k3jx9q2a",
    "scopes": ["quotes:write", "trades:write"], "created_at": words.MOMENT, "expires_at": None,
    "networks": ["203.0.113.0/24"], "signed": False,
}  # fmt: skip
_KEY_LISTED = {**_KEY, "revoked_at": None, "last_used_at": words.MOMENT, "replaced_by": None}
_KEY_SHOWN = {**_KEY, "key": "cmb_k3jx9q2a_…"}
_KEY_MADE = Settling(show_new_key, 201, required=False)
_KEY_REVOKED = Settling(show_key, required=False)


@router.post(
    "/api-keys",
    **speaks(
        NewKeyOut,
        _KEY_SHOWN,
        status=201,
        body=KeyBody,
        says={
            "customer": {
                "owner_id": words.CUSTOMER,
                "name": "My bot",
                "scopes": ["quotes:write", "trades:write"],
                "networks": ["203.0.113.0/24"],
            }
        },
        key=False,
        refuses=(
            ExpiryInvalid, KeysLimit, OwnerBlocked, PrincipalUnknown, ScopeBeyondCaller, ScopeNotOfRole, ScopeUnknown,
            NetworkInvalid, TextInvalid, TimeInvalid, IdInvalid,
        ),
    ),
)  # fmt: skip
async def create_key(passage: Entered, body: Annotated[KeyBody, Depends(body_of(KeyBody))]) -> Response:
    """Make a key: an admin for anybody, a customer or partner for itself. The key is shown once."""
    owner_id = passage.caller.id if body.owner_id is None else parse_id(body.owner_id)
    expires_at = None if body.expires_at is None else parse_time(body.expires_at)
    request = KeyRequest(
        passage.caller, owner_id, body.name, tuple(body.scopes), expires_at, tuple(body.networks), body.signed
    )
    return await _KEY_MADE.settle(passage, passage.doors.identity.create_keys, request, body)


@router.post(
    "/api-keys/{id}/rotate",
    **speaks(
        NewKeyOut,
        _KEY_SHOWN,
        status=201,
        body=RotationBody,
        says={"a day": {"overlap_s": 86400}},
        optional=True,
        key=False,
        refuses=(KeyUnknown, KeyEnded, OverlapInvalid, KeysLimit, OwnerBlocked, ScopeBeyondCaller, IdInvalid),
    ),
)
async def rotate_key(
    id: IdPath, passage: Entered, body: Annotated[RotationBody, Depends(body_of(RotationBody, optional=True))]
) -> Response:
    """Put a new key in a key's place, like it in all else; the old one works on for the overlap."""
    request = KeyRotation(passage.caller, ApiKeyId(parse_id(id)), body.overlap_s)
    return await _KEY_MADE.settle(passage, passage.doors.identity.rotate_keys, request, id, body)


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
