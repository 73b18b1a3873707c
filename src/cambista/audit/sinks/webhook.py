"""Sends checkpoints to a URL, signed after Standard Webhooks (HMAC-SHA256 over id, time and body)."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

import httpx2
from pydantic import SecretStr

from cambista.audit.sinks.port import SEND_WITHIN_S, Parcel, SinkFailed

_PREFIX = "whsec_"


class WebhookSink:
    """One POST a checkpoint, in order. `id` is the same for the same checkpoint, so a receiver tells a repeat."""

    name = "webhook"

    def __init__(self, url: str, secret: SecretStr, now: Callable[[], datetime]) -> None:
        self._url, self._secret, self._now = url, secret, now

    async def send(self, parcels: Sequence[Parcel]) -> None:
        async with httpx2.AsyncClient(timeout=SEND_WITHIN_S, follow_redirects=False) as client:
            for parcel in parcels:
                await self._post(client, parcel)

    async def _post(self, client: httpx2.AsyncClient, parcel: Parcel) -> None:
        # The secret is read at each use: it may be a reference whose source has changed.
        body, id = parcel.to_json(), f"checkpoint-{parcel.branch}-{parcel.number}"
        time = str(int(self._now().timestamp()))
        headers = {
            "content-type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": time,
            "webhook-signature": sign(secret_bytes(self._secret.get_secret_value()), id, time, body),
        }
        try:
            answer = await client.post(self._url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise SinkFailed(f"webhook: {type(error).__name__}") from error
        if not answer.is_success:
            raise SinkFailed(f"webhook: answered {answer.status_code}")


def secret_bytes(text: str) -> bytes:
    """The key: base64 after `whsec_`, or the text itself."""
    return base64.b64decode(text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else text.encode()


def sign(secret: bytes, id: str, time: str, body: bytes) -> str:
    """The signature header of Standard Webhooks."""
    made = hmac.new(secret, b"%b.%b.%b" % (id.encode(), time.encode(), body), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"
