"""WebAuthn (Level 3): what authenticators are asked to sign, and whether they did. Imported when first needed."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from cambista.identity.store.passkeys import StoredPasskey
from cambista.identity.types.factors import Site

_VERIFIED = UserVerificationRequirement.REQUIRED
_CREDENTIAL_ID_MAX = 1023


def registration_options(
    site: Site, owner: tuple[UUID, str], challenge: bytes, known: Sequence[bytes]
) -> dict[str, Any]:
    """What a browser gives to `navigator.credentials.create`; `owner` is id and name. Known ones are left out."""
    options = webauthn.generate_registration_options(
        rp_id=_rp_id(site),
        rp_name=site.name,
        user_id=owner[0].bytes,
        user_name=owner[1],
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_VERIFIED
        ),
        exclude_credentials=_described(known),
    )
    return _json(webauthn.options_to_json(options))


def proof_options(site: Site, challenge: bytes, known: Sequence[bytes]) -> dict[str, Any]:
    """What a browser gives to `navigator.credentials.get`."""
    options = webauthn.generate_authentication_options(
        rp_id=_rp_id(site), challenge=challenge, allow_credentials=_described(known), user_verification=_VERIFIED
    )
    return _json(webauthn.options_to_json(options))


def registered(site: Site, challenge: bytes, answer: Mapping[str, object], id: UUID) -> StoredPasskey | None:
    """The new passkey, when the answer is the challenge signed for this site by a verified person."""
    try:
        verified = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=_rp_id(site),
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except Exception:
        # Whatever a stranger's bytes trip in the parsers below, the answer is wrong.
        return None
    if len(verified.credential_id) > _CREDENTIAL_ID_MAX:
        return None
    return StoredPasskey(id, verified.credential_id, verified.credential_public_key, verified.sign_count)


def credential_id(answer: Mapping[str, object]) -> bytes | None:
    """Which passkey the answer says it is from."""
    raw = answer.get("rawId")
    if not isinstance(raw, str) or len(raw) > 2 * _CREDENTIAL_ID_MAX:
        return None
    try:
        return base64url_to_bytes(raw)
    except ValueError:
        return None


def new_sign_count(site: Site, challenge: bytes, answer: Mapping[str, object], known: StoredPasskey) -> int | None:
    """The counter after a right answer; None for a wrong one, or where the counter did not grow (a copied key)."""
    try:
        verified = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=_rp_id(site),
            expected_origin=site.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=known.sign_count,
            require_user_verification=True,
        )
    except Exception:
        return None
    return verified.new_sign_count


def _rp_id(site: Site) -> str:
    """The origin's host, to which passkeys are bound."""
    return urlsplit(site.origin).hostname or "localhost"


def _described(ids: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=id) for id in ids]


def _json(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])
