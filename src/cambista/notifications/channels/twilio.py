"""Short messages by a service with Twilio's interface (Messages resource of API 2010-04-01)."""

import asyncio

import httpx2
import msgspec
import stamina

from cambista.notifications.channels.port import Undeliverable
from cambista.notifications.settings import TwilioSettings
from cambista.notifications.types import Letter

_TRIES = 3
_PAUSE_S = 0.05
_AGAIN_S = 60.0
_AFTER_MAX_S = 3600.0
_LISTED = 50
_ANSWER_BYTES_MAX = 1 << 20


class _Message(msgspec.Struct):
    body: str = ""
    to: str = ""


class _Listed(msgspec.Struct):
    messages: list[_Message] = []


class TwilioChannel:
    """Posts a message and, where no answer came, asks the service whether it has it before sending it again.

    The interface has no idempotency key, so a message whose answer was lost may be on its way: it is looked for, and
    given up as `unknown_fate` where even that cannot be asked. Nobody gets the same code twice for a lost answer.
    """

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        self._client = httpx2.AsyncClient(
            base_url=settings.url,
            # All tries to connect fit into the deadline, so that a service out of reach is told from a lost answer.
            timeout=httpx2.Timeout(settings.timeout_s, connect=settings.timeout_s / (_TRIES + 1)),
            follow_redirects=False,
            trust_env=False,
        )
        self._path = f"/2010-04-01/Accounts/{settings.account}/Messages.json"

    async def send(self, letter: Letter) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                answer = await self._post(letter)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            raise Undeliverable("unreachable", again=True) from None
        except (httpx2.HTTPError, httpx2.StreamError, TimeoutError, OSError):
            await self._look_for(letter)
            return
        await self._judge(letter, answer)

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, letter: Letter) -> httpx2.Response:
        """Only what cannot have reached the service is sent again at once."""
        form = {"To": letter.to, "Body": letter.text, **self._sender()}
        async for attempt in stamina.retry_context(
            on=(httpx2.ConnectError, httpx2.ConnectTimeout),
            attempts=_TRIES,
            timeout=None,
            wait_initial=_PAUSE_S,
            wait_max=_PAUSE_S,
            wait_jitter=_PAUSE_S,
        ):
            with attempt:
                return await self._client.post(self._path, data=form, auth=self._auth())
        raise AssertionError("the last attempt raises")

    def _auth(self) -> tuple[str, str]:
        # Read at each use: it may be a reference whose source has changed.
        token = self._settings.token
        return self._settings.account, token.get_secret_value() if token is not None else ""

    def _sender(self) -> dict[str, str]:
        sender = self._settings.sender
        return {"MessagingServiceSid": sender} if sender.startswith("MG") else {"From": sender}

    async def _judge(self, letter: Letter, answer: httpx2.Response) -> None:
        status = answer.status_code
        if status == httpx2.codes.CREATED:
            return
        if status in {httpx2.codes.TOO_MANY_REQUESTS, httpx2.codes.SERVICE_UNAVAILABLE}:
            raise Undeliverable(f"sms_{status}", again=True, after_s=_retry_after(answer))
        if status >= httpx2.codes.INTERNAL_SERVER_ERROR:
            await self._look_for(letter)
            return
        # A wrong password may be set right meanwhile; a refused number stays refused.
        raise Undeliverable(f"sms_{status}", again=status in {401, 403})

    async def _look_for(self, letter: Letter) -> None:
        """Return when the service has the message; else raise whether it may be sent again."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                answer = await self._client.get(
                    self._path, params={"To": letter.to, "PageSize": str(_LISTED)}, auth=self._auth()
                )
            answer.raise_for_status()
            listed = msgspec.json.decode(answer.content[:_ANSWER_BYTES_MAX], type=_Listed)
        except (httpx2.HTTPError, httpx2.StreamError, TimeoutError, OSError, msgspec.DecodeError):
            raise Undeliverable("unknown_fate", again=False) from None
        if not any(each.to == letter.to and each.body == letter.text for each in listed.messages):
            raise Undeliverable("not_taken", again=True)


def _retry_after(answer: httpx2.Response) -> float:
    told = answer.headers.get("retry-after", "")
    return min(float(told), _AFTER_MAX_S) if told.isdecimal() and len(told) < 8 else _AGAIN_S
