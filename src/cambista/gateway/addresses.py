"""Where a request comes from: the client's own address past trusted proxies, and the network it counts as."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
ProxyHeader = Literal["x-forwarded-for", "forwarded"]
HOPS_MAX = 32


@lru_cache(maxsize=8192)
def network(address: str) -> str:
    """The address, or for IPv6 its /64: one subscriber has as many addresses there as it likes."""
    parsed = _parsed(address)
    if parsed is None:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)


class TrustedProxies:
    """Believes what proxies in `networks` say in the one `header` they set; anybody else's word is ignored.

    The chain is read from the right, past hops that are trusted themselves: what stands left of the first stranger was
    written by strangers (RFC 7239, section 8.1). An entry that is no address ends the reading: the hop that passed it
    on is then the client.
    """

    def __init__(self, networks: Sequence[Network], header: ProxyHeader) -> None:
        self._networks = tuple(networks)
        self._header = header.encode()
        self._read = _forwarded if header == "forwarded" else _x_forwarded

    def trusts(self, address: str) -> bool:
        parsed = _parsed(address) if self._networks else None
        return parsed is not None and self._includes(parsed)

    def see_through(self, scope: Scope) -> None:
        """Put the true client and scheme into the scope of a request that a trusted proxy brought."""
        peer = scope.get("client")
        if not self._networks or not peer or not self.trusts(peer[0]):
            return
        hops, scheme = self._read([value for name, value in scope["headers"] if name == self._header], scope["headers"])
        scope["client"] = (self._client(peer[0], hops), 0)
        if scheme in ("http", "https"):
            secure = scheme == "https"
            scope["scheme"] = ("wss" if secure else "ws") if scope["type"] == "websocket" else scheme

    def _client(self, peer: str, hops: Sequence[str]) -> str:
        client = peer
        for hop in reversed(hops[-HOPS_MAX:]):
            parsed = _parsed(hop)
            if parsed is None:
                return client
            client = str(parsed)
            if not self._includes(parsed):
                return client
        return client

    def _includes(self, address: Address) -> bool:
        return any(address in each for each in self._networks)


def _parsed(text: str) -> Address | None:
    """An address as proxies write it: with or without a port, brackets or a zone; IPv4 inside IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _x_forwarded(values: Sequence[bytes], headers: Sequence[tuple[bytes, bytes]]) -> tuple[list[str], str]:
    hops = [hop for value in values for hop in value.decode("latin-1").split(",")]
    schemes = [value for name, value in headers if name == b"x-forwarded-proto"]
    scheme = schemes[-1].decode("latin-1").rpartition(",")[2].strip().lower() if schemes else ""
    return hops, scheme


def _forwarded(values: Sequence[bytes], headers: Sequence[tuple[bytes, bytes]]) -> tuple[list[str], str]:
    """RFC 7239. A quoted comma or semicolon cannot stand in an address, so splitting at them is enough."""
    hops, scheme = [], ""
    for element in (each for value in values for each in value.decode("latin-1").split(",")):
        parts = dict(_pair(part) for part in element.split(";"))
        hops.append(parts.get("for", ""))
        scheme = parts.get("proto", "").lower()
    return hops, scheme


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip().strip('"')
