"""Access tokens: one form is read, and every other way to dress one up is refused."""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from cambista.identity.rules import access_tokens as rules
from cambista.identity.rules import token_keys
from cambista.identity.rules.access_tokens import Issuer
from cambista.identity.types.oauth import Claims
from cambista.kernel.errors import Unauthenticated

NOW = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
HOUSE = Issuer("https://house.example", "https://house.example/api/v1")
SEED = bytes(range(32))
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KID = "k" * 43
CLAIMS = Claims(
    UUID(int=3), UUID(int=1), UUID(int=2), frozenset({"quotes:write", "accounts:read"}), SECONDS, SECONDS + 600, "t1"
)
BODY: dict[str, Any] = {
    "iss": HOUSE.issuer, "aud": HOUSE.audience, "sub": str(CLAIMS.owner_id), "client_id": str(CLAIMS.client_id),
    "scope": "accounts:read quotes:write", "iat": SECONDS, "exp": SECONDS + 600, "jti": "t1",
    "grant_id": str(CLAIMS.grant_id),
}  # fmt: skip
HEADER: dict[str, Any] = {"alg": "Ed25519", "typ": "at+jwt", "kid": KID}


def key() -> OKPKey:
    return OKPKey.import_key(token_keys.public_jwk(PUBLIC))


def text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signed(header: Any, body: Any, sign: Callable[[bytes], bytes] = PRIVATE.sign) -> str:
    """A token made by hand, as a forger would."""
    parts = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, body)]
    signing = ".".join(text(each) for each in parts)
    return f"{signing}.{text(sign(signing.encode()))}"


def is_read(token: str, now: datetime = NOW, issuer: Issuer = HOUSE) -> bool:
    try:
        rules.kid_of(token)
        rules.read(token, issuer, key(), now)
    except Unauthenticated:
        return False
    return True


def test_what_is_written_is_read() -> None:
    private = OKPKey.import_key(token_keys.private_jwk(PUBLIC, SEED))
    token = rules.written(CLAIMS, HOUSE, private, KID)
    assert rules.kid_of(token) == KID
    assert rules.read(token, HOUSE, key(), NOW) == CLAIMS
    assert is_read(signed(HEADER, BODY))


def test_a_token_counts_from_its_issue_to_its_end() -> None:
    token = signed(HEADER, BODY)
    for seconds, expected in ((-6, False), (-5, True), (0, True), (599, True), (600, False), (10_000, False)):
        assert is_read(token, NOW + timedelta(seconds=seconds)) is expected, seconds


def test_a_token_of_another_house_or_for_another_is_refused() -> None:
    token = signed(HEADER, BODY)
    assert not is_read(token, issuer=Issuer("https://evil.example", HOUSE.audience))
    assert not is_read(token, issuer=Issuer(HOUSE.issuer, "https://other.example/api/v1"))
    assert not is_read(signed(HEADER, {**BODY, "aud": [HOUSE.audience]}))
    assert not is_read(signed(HEADER, {**BODY, "aud": [HOUSE.audience, "https://evil.example"]}))


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "None"},
        {**HEADER, "alg": "EdDSA"},
        {**HEADER, "alg": "ed25519"},
        {**HEADER, "alg": ["Ed25519"]},
        {**HEADER, "typ": "JWT"},
        {**HEADER, "typ": "id_token"},
        {**HEADER, "typ": "logout+jwt"},
        {"alg": "Ed25519", "kid": KID},
        {"alg": "Ed25519", "typ": "at+jwt"},
        {**HEADER, "kid": None},
        {**HEADER, "kid": 7},
        {**HEADER, "kid": ["k"]},
        {**HEADER, "jwk": dict(token_keys.public_jwk(PUBLIC))},
        {**HEADER, "jku": "https://evil.example/jwks.json"},
        {**HEADER, "x5u": "https://evil.example/x"},
        {**HEADER, "x5c": ["MII"]},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "b64": False, "crit": ["b64"]},
        {**HEADER, "zip": "DEF"},
        {**HEADER, "cty": "JWT"},
        [],
        b"{",
        b"\xff\xfe",
        b'"text"',
        b"null",
    ],
    ids=str,
)
def test_a_header_with_a_say_of_its_own_is_refused(header: Any) -> None:
    assert not is_read(signed(header, BODY))


@pytest.mark.parametrize(
    "body",
    [
        {name: value for name, value in BODY.items() if name != missing}
        for missing in BODY
    ]
    + [
        {**BODY, "extra": 1},
        {**BODY, "exp": str(SECONDS + 600)},
        {**BODY, "exp": SECONDS + 600.5},
        {**BODY, "exp": True},
        {**BODY, "exp": None},
        {**BODY, "iat": float("nan")},
        {**BODY, "sub": "admin"},
        {**BODY, "sub": 7},
        {**BODY, "scope": ""},
        {**BODY, "scope": "   "},
        {**BODY, "scope": ["accounts:read"]},
        {**BODY, "grant_id": "../../x"},
        [],
        b"{",
        b"[" * 5000,
        json.dumps(BODY).encode().replace(b'"jti"', b'"sub": "x", "jti"'),
    ],
    ids=lambda body: hashlib.sha256(str(body).encode()).hexdigest()[:8],
)  # fmt: skip
def test_a_body_of_another_shape_is_refused(body: Any) -> None:
    assert not is_read(signed(HEADER, body))


def test_a_signature_under_something_else_is_refused() -> None:
    pem = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    secrets = (PUBLIC, pem, text(PUBLIC).encode(), json.dumps(dict(token_keys.public_jwk(PUBLIC))).encode(), b"")
    for secret in secrets:

        def hs256(signing: bytes, secret: bytes = secret) -> bytes:
            return hmac.new(secret, signing, hashlib.sha256).digest()

        for algorithm in ("HS256", "Ed25519"):
            token = signed({**HEADER, "alg": algorithm}, BODY, hs256)
            assert not is_read(token)
            assert not is_read(token + "A" * (86 - len(token.rsplit(".", 1)[1])))
    rsa = generate_private_key(65537, 2048)
    for algorithm in ("RS256", "Ed25519"):
        token = signed({**HEADER, "alg": algorithm}, BODY, lambda signing: rsa.sign(signing, PKCS1v15(), SHA256()))
        assert not is_read(token)
    other = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    assert not is_read(signed(HEADER, BODY, other.sign))
    assert not is_read(signed(HEADER, BODY, lambda _: b"\x00" * 64))


def test_parts_left_out_or_added_are_refused() -> None:
    head, body, signature = signed(HEADER, BODY).split(".")
    for token in (
        f"{head}.{body}.", f"{head}.{body}", f"{head}..{signature}", f".{body}.{signature}", "..", "",
        f"{head}.{body}.{signature}.", f"{head}.{body}.{signature}.x.y", f"{head}.{body}.{signature}=",
        f" {head}.{body}.{signature}", f"{head}.{body}.{signature}\n", f"{head}\n.{body}.{signature}",
        f"{head}=.{body}.{signature}", f"{head}.{body}.{signature}{'A' * 5000}",
        json.dumps({"payload": body, "protected": head, "signature": signature}),
    ):  # fmt: skip
        assert not is_read(token), token[:50]


@given(st.integers(min_value=0), st.sampled_from("ABCabc019_-."))
def test_no_sign_of_a_token_can_be_changed(place: int, sign: str) -> None:
    token = signed(HEADER, BODY)
    place %= len(token)
    changed = token[:place] + sign + token[place + 1 :]
    assert is_read(changed) is (changed == token)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_nonsense_is_refused_and_breaks_nothing(nonsense: str) -> None:
    assert not is_read(nonsense)
    assert not is_read(f"eyJ{nonsense}.{nonsense}.{nonsense}")


def test_none_of_the_published_signatures_is_taken_for_ours(shared_data: Path) -> None:
    """Wycheproof's and RFC 7520's JWS, good and bad ones: all are strangers here, and none breaks anything."""
    vectors = shared_data / "vectors"
    cookbook = json.loads((vectors / "jws_rfc7520_cookbook.json").read_text(encoding="utf-8"))
    tokens = [each["output"]["compact"] for each in cookbook.values() if "compact" in each["output"]]
    with gzip.open(vectors / "wycheproof" / "json_web_signature_test.json.gz") as file:
        groups = json.load(file)["testGroups"]
    tokens += [
        test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
        for group in groups
        for test in group["tests"]
    ]
    assert len(tokens) > 400
    assert not any(is_read(token) for token in tokens)


def test_signatures_are_checked_as_wycheproof_says(shared_data: Path) -> None:
    """Ed25519 as the tokens use it, against 151 vectors of good and bad signatures."""
    with gzip.open(shared_data / "vectors" / "wycheproof" / "ed25519_test.json.gz") as file:
        groups = json.load(file)["testGroups"]
    algorithm = jws.default_registry.algorithms[rules.ALGORITHM]
    seen = set()
    for group in groups:
        public = OKPKey.import_key(token_keys.public_jwk(bytes.fromhex(group["publicKey"]["pk"])))
        for test in group["tests"]:
            found = algorithm.verify(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]), public)
            assert found is (test["result"] == "valid"), test
            seen.add(test["result"])
    assert seen == {"valid", "invalid"}


# ----------------------------------------------------------------------------------------------------------- key turns
TURNS = token_keys.Turns(timedelta(days=30), timedelta(days=1), timedelta(minutes=10))


def test_a_key_is_published_before_it_signs_and_kept_until_its_last_token_has_ended() -> None:
    keys: list[Any] = []
    now, number = NOW, 0
    for _ in range(24 * 100):
        signs = token_keys.due(keys, now, TURNS)
        if signs is not None:
            keys.append(token_keys.drawn(number.to_bytes(32, "big"), now, signs, TURNS))
            number += 1
        signing = token_keys.signing(keys, now)
        assert signing is not None
        assert NOW in (now, signing.created_at) or now - signing.created_at >= timedelta(hours=23)
        assert signing.verifies_until >= now + TURNS.token
        keys = [each for each in keys if each.verifies_until > now]
        assert len(keys) <= 2
        now += timedelta(hours=1)
    assert number == 4


def test_a_house_that_was_closed_for_long_signs_again_at_once() -> None:
    first = token_keys.drawn(SEED, NOW, (NOW, NOW + TURNS.signs), TURNS)
    later = NOW + timedelta(days=99)
    assert token_keys.due([first], later, TURNS) == (later, later + TURNS.signs)
    assert token_keys.signing([first], later) is None


def test_keys_turned_by_hand_overlap_and_stolen_ones_end() -> None:
    first = token_keys.drawn(SEED, NOW, (NOW, NOW + TURNS.signs), TURNS)
    now = NOW + timedelta(days=3)
    [ending], dropped = token_keys.turned([first], now, TURNS, at_once=False)
    until = now + TURNS.ahead
    assert (ending.signs_until, ending.verifies_until) == (until, until + TURNS.token + token_keys.GRACE)
    assert dropped == []
    assert token_keys.due([ending], now, TURNS) == (until, until + TURNS.signs)
    following = token_keys.drawn(b"\x02" * 32, now, (until, until + TURNS.signs), TURNS)
    # What is to come may have been stolen with the rest.
    [stolen], dropped = token_keys.turned([ending, following], now, TURNS, at_once=True)
    assert (stolen.kid, stolen.signs_until, stolen.verifies_until) == (first.kid, now, now)
    assert dropped == [following]
    assert token_keys.due([stolen], now, TURNS) == (now, now + TURNS.signs)


def test_a_turn_never_lengthens_a_keys_life() -> None:
    first = token_keys.drawn(SEED, NOW, (NOW, NOW + TURNS.signs), TURNS)
    for days in range(31):
        for at_once in (False, True):
            turn = token_keys.turned([first], NOW + timedelta(days=days), TURNS, at_once=at_once)
            for key in turn.ending:
                assert first.signs_from <= key.signs_until <= first.signs_until
                assert key.signs_until <= key.verifies_until <= first.verifies_until


def test_the_name_of_a_key_is_its_thumbprint() -> None:
    """RFC 8037, appendix A.3."""
    public = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    made = token_keys.drawn(seed, NOW, (NOW, NOW + TURNS.signs), TURNS)
    assert (made.public, made.kid) == (public, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
