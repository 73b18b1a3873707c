"""The house's TLS certificate: checked before it is used, loaded anew when its files change, its end told."""

import ssl
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

import structlog
from cryptography import x509

from cambista.app.settings import TlsSettings

_log = structlog.get_logger(__name__)
# Forward secrecy and authenticated encryption only, where 1.2 is allowed at all (RFC 9325).
_CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"


class TlsRefused(Exception):
    """The certificate cannot be used; the message says why."""


class Certificate:
    """A certificate chain and its key, from PEM files; each handshake is done with the pair loaded last.

    Established connections keep what they began with. A new pair that does not fit, or has expired, is left alone, and
    the old one goes on.
    """

    def __init__(self, settings: TlsSettings, now: Callable[[], datetime]) -> None:
        """Load the pair; refuses (`TlsRefused`) one that is missing, does not fit, or is not valid now."""
        if settings.certificate is None or settings.key is None:
            raise TlsRefused("CAMBISTA_TLS__CERTIFICATE and CAMBISTA_TLS__KEY are given together or not at all.")
        self._settings = settings
        self._certificate, self._key = settings.certificate, settings.key
        self._now = now
        self._seen: tuple[tuple[int, int, int], ...] = ()
        self._fresh, self.ends_at = self._load()
        self.context = self._load()[0]
        self.context.sni_callback = self._hand_over

    def told_end(self) -> datetime:
        """When the pair in use stops being valid."""
        return self.ends_at

    async def look(self) -> None:
        """Load the pair again if a file has changed."""
        try:
            if self._seen == self._marks():
                return
            self._fresh, self.ends_at = self._load()
        except (TlsRefused, OSError) as refused:
            _log.error("certificate_not_reloaded", reason=str(refused))
            return
        _log.info("certificate_reloaded", ends_at=self.ends_at.isoformat())

    def _hand_over(self, handshake: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Called in each handshake, with or without a server name: the context of the pair loaded last takes over."""
        handshake.context = self._fresh

    def _load(self) -> tuple[ssl.SSLContext, datetime]:
        marks = self._marks()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2 if self._settings.minimum == "1.2" else ssl.TLSVersion.TLSv1_3
        context.set_ciphers(_CIPHERS_1_2)
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
            leaf = x509.load_pem_x509_certificates(self._certificate.read_bytes())[0]
        except (ssl.SSLError, ValueError) as error:
            raise TlsRefused(f"{self._certificate} and {self._key} are no usable pair: {_said(error)}") from error
        now = self._now()
        if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
            raise TlsRefused(
                f"{self._certificate} is valid from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} "
                f"to {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and not now."
            )
        self._seen = marks
        return context, leaf.not_valid_after_utc

    def _marks(self) -> tuple[tuple[int, int, int], ...]:
        try:
            found = [path.stat() for path in (self._certificate, self._key)]
        except OSError as error:
            raise TlsRefused(f"{error.filename} cannot be read: {error.strerror}.") from error
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)


def _no_password() -> NoReturn:
    raise TlsRefused("The key is encrypted; the house has nobody to ask for its password.")


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate."
    return f"{error}."


def lifetime(ends_at: datetime, now: datetime) -> str:
    """How long a certificate is good for, in words."""
    return f"ends on {ends_at:%Y-%m-%d}, in {(ends_at - now).days} days"
