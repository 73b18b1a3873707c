"""How the tokens of people look: of letters, of logins half done, of devices. Pure."""

import base64
import hashlib
import re

TOKEN_BYTES = 32
LETTER_MARK, TICKET_MARK, DEVICE_MARK = "cml", "cmt", "cmd"
_TOKEN = re.compile(r"cm[ltd]_[A-Za-z0-9_-]{43}", re.ASCII)


def token_text(mark: str, secret: bytes) -> str:
    """`cml_<43 signs>` from 32 random bytes."""
    assert len(secret) == TOKEN_BYTES
    return f"{mark}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def token_hash(text: str) -> bytes:
    """What the house keeps of it. Empty for what is no token, which then is found nowhere."""
    if _TOKEN.fullmatch(text) is None:
        return b""
    # A plain hash is enough: the token is 256 random bits, so there is nothing to guess slowly.
    return hashlib.sha256(text.encode("ascii")).digest()
