"""Letters by a mail server (RFC 5321), one connection each."""

import asyncio

import aiosmtplib

from cambista.notifications.channels.mail import message_of
from cambista.notifications.channels.port import Undeliverable
from cambista.notifications.settings import SmtpSettings
from cambista.notifications.types import Letter


class SmtpChannel:
    """A mail server with STARTTLS, TLS, or in plain text where it is said to; every step has a deadline."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    async def send(self, letter: Letter) -> None:
        try:
            mail = message_of(letter, self._settings.sender)
        except ValueError:
            raise Undeliverable("address_invalid", again=False) from None
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._client() as client:
                await client.send_message(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise Undeliverable(
                "recipient_refused", again=all(_passing(each.code) for each in error.recipients)
            ) from None
        except aiosmtplib.SMTPAuthenticationError:
            raise Undeliverable("login_refused", again=True) from None
        except aiosmtplib.SMTPResponseException as error:
            raise Undeliverable(f"smtp_{error.code}", again=_passing(error.code)) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise Undeliverable(_word(error), again=True) from None

    async def close(self) -> None:
        """Nothing is kept open between letters."""

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            # Read at each use: it may be a reference whose source has changed.
            password=settings.password.get_secret_value() if settings.password is not None else None,
            timeout=settings.timeout_s,
            cert_bundle=None if settings.ca_file is None else str(settings.ca_file),
            use_tls=settings.security == "tls",
            # True: refused where the server does not offer it, so that nobody between can strip it.
            start_tls=settings.security == "starttls",
        )


def _passing(code: int) -> bool:
    """Whether an answer is of the kind that passes (4yz); the server's own disconnection counts as such."""
    return not 500 <= code < 600


def _word(error: Exception) -> str:
    return "timeout" if isinstance(error, TimeoutError) else "unreachable"
