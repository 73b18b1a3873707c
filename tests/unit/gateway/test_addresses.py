"""Who the client is, past proxies that are trusted and no others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.gateway import GatewaySettings
from cambista.gateway.addresses import ProxyHeader, TrustedProxies, network

PROXY, CDN, CLIENT = "10.0.0.9", "192.0.2.7", "203.0.113.5"


def seen(peer: str, *headers: tuple[str, str], trusted: tuple[str, ...] = (), header: ProxyHeader = "x-forwarded-for"):  # type: ignore[no-untyped-def]
    settings = GatewaySettings.model_validate({"trusted_proxies": trusted, "proxy_header": header})
    scope: dict[str, Any] = {
        "type": "http", "client": (peer, 1234), "scheme": "http",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }  # fmt: skip
    TrustedProxies(settings.trusted_proxies, settings.proxy_header).see_through(scope)
    return scope["client"][0], scope["scheme"]


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert seen(CLIENT, ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "https")) == (CLIENT, "http")
    assert seen(CLIENT, ("x-forwarded-for", "127.0.0.1"), trusted=("10.0.0.0/8",)) == (CLIENT, "http")


@pytest.mark.parametrize(
    ("said", "client"),
    (
        (CLIENT, CLIENT),
        (f"127.0.0.1, 10.0.0.1, {CLIENT}", CLIENT),  # what stands left of the client was said by the client
        (f"6.6.6.6, {CLIENT}, 10.1.1.1", CLIENT),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),  # the client is in a trusted network itself
        (f"{CLIENT}:4711", CLIENT),
        ("[2001:db8::5]:443", "2001:db8::5"),
        ("::ffff:203.0.113.5", CLIENT),
        ("unknown", PROXY),
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, ", PROXY),
        ("", PROXY),
        ("' OR 1=1 --", PROXY),
    ),
)
def test_the_chain_is_read_from_the_right_up_to_the_first_stranger(said: str, client: str) -> None:
    assert seen(PROXY, ("x-forwarded-for", said), trusted=("10.0.0.0/8",))[0] == client


def test_several_lines_of_the_header_are_one_chain() -> None:
    lines = (("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", f"{CLIENT}, {CDN}"))
    assert seen(PROXY, *lines, trusted=("10.0.0.0/8", CDN))[0] == CLIENT


@pytest.mark.parametrize(
    ("said", "client", "scheme"),
    (
        (f"for={CLIENT};proto=https", CLIENT, "https"),
        (f'for=6.6.6.6;proto=http, For="{CLIENT}:80" ; Proto=HTTPS', CLIENT, "https"),
        ('for="[2001:db8::5]:443";proto=https', "2001:db8::5", "https"),
        ("for=_hidden;proto=https", PROXY, "https"),
        ("nonsense", PROXY, "http"),
    ),
)
def test_the_standard_header_is_read_the_same_way(said: str, client: str, scheme: str) -> None:
    assert seen(PROXY, ("forwarded", said), trusted=(PROXY,), header="forwarded") == (client, scheme)


def test_only_the_header_that_the_proxy_sets_is_read() -> None:
    spoofed = ("forwarded", "for=6.6.6.6;proto=https")
    assert seen(PROXY, spoofed, ("x-forwarded-for", CLIENT), trusted=(PROXY,)) == (CLIENT, "http")


def test_the_scheme_is_what_the_nearest_proxy_says() -> None:
    for said, scheme in (("https", "https"), ("http, https", "https"), ("https, http", "http"), ("gopher", "http")):
        assert seen(PROXY, ("x-forwarded-proto", said), trusted=(PROXY,))[1] == scheme


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=40), max_size=40))
def test_whatever_a_stranger_writes_the_client_is_never_left_of_the_last_stranger(spoofed: list[str]) -> None:
    chain = ", ".join([*spoofed, CLIENT])
    assert seen(PROXY, ("x-forwarded-for", chain), trusted=(PROXY,))[0] == CLIENT


def test_an_ipv6_subscriber_is_one_caller() -> None:
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::2") != network("2001:db8:1:3::1")
    assert network("10.0.0.1") != network("10.0.0.2")
    assert network("::ffff:10.0.0.1") == "10.0.0.1"
    assert network("not an address") == "not an address"
