"""TLS in the house itself: 1.3, with a certificate that may be renewed while it runs; and what browsers are told."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from cambista.app.certificate import Certificate, TlsRefused
from cambista.app.settings import TlsSettings
from cambista.gateway import GatewaySettings, create_app
from cambista.gateway.settings import SocketSettings
from tests.e2e.authorities import Authority
from tests.e2e.clients import good
from tests.e2e.sockets import Port, listening
from tests.unit.gateway.stand_ins import stand_in_doors

LIVE = b"GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"
SETTINGS = GatewaySettings(sockets=SocketSettings(handshake_s=0.3))


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


def tls(folder: Path, **given: Any) -> TlsSettings:
    return TlsSettings(certificate=folder / "house.pem", key=folder / "house.key", **given)


@asynccontextmanager
async def serving(certificate: Certificate) -> AsyncIterator[Port]:
    app = create_app(stand_in_doors(), SETTINGS, certificate_ends_at=certificate.told_end)
    async with listening(app, SETTINGS, certificate.context) as port:
        yield port


def limited(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.maximum_version = version
    return context


async def test_a_client_of_the_authority_is_served_by_tls_1_3_and_told_to_keep_to_it(
    authority: Authority, tmp_path: Path
) -> None:
    authority.issue(tmp_path)
    async with serving(Certificate(tls(tmp_path), now)) as port:
        async with httpx2.AsyncClient(verify=authority.trusting()) as client:
            response = await client.get(f"https://localhost:{port.number}/health/liveness")
            good(response)
            assert response.headers["strict-transport-security"] == "max-age=31536000"
        raw = await port.connect(authority.trusting())
        assert raw.writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        with pytest.raises(ssl.SSLCertVerificationError):
            await port.connect(Authority.make().trusting())


async def test_an_older_tls_is_refused_unless_it_is_allowed(authority: Authority, tmp_path: Path) -> None:
    authority.issue(tmp_path)
    old = limited(authority.trusting(), ssl.TLSVersion.TLSv1_2)
    async with serving(Certificate(tls(tmp_path), now)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await port.connect(old)
    async with serving(Certificate(tls(tmp_path, minimum="1.2"), now)) as port:
        cipher, version, _ = (await port.connect(old)).writer.get_extra_info("cipher")
        assert version == "TLSv1.2"
        assert cipher.startswith("ECDHE-")


@pytest.mark.parametrize("as_rsa", (False, True))
async def test_a_renewed_certificate_is_taken_up_and_open_connections_stay(
    authority: Authority, tmp_path: Path, as_rsa: bool
) -> None:
    first = authority.issue(tmp_path)
    certificate = Certificate(tls(tmp_path), now)
    async with serving(certificate) as port:
        before = await port.connect(authority.trusting())
        assert (await before.ask(LIVE)).status == 200
        second = authority.issue(tmp_path, days=60, as_rsa=as_rsa)
        await certificate.look()
        after = await port.connect(authority.trusting())
        serials = [each.writer.get_extra_info("peercert")["serialNumber"] for each in (before, after)]
        assert [int(each, 16) for each in serials] == [first.serial_number, second.serial_number]
        assert (await before.ask(LIVE)).status == 200
        assert (await after.ask(LIVE)).status == 200
        assert certificate.ends_at == second.not_valid_after_utc


async def test_half_a_renewal_and_a_bad_one_are_left_alone_until_they_fit(authority: Authority, tmp_path: Path) -> None:
    authority.issue(tmp_path)
    certificate = Certificate(tls(tmp_path), now)
    old_key = (tmp_path / "house.key").read_bytes()
    renewed = authority.issue(tmp_path, days=60)
    new_key = (tmp_path / "house.key").read_bytes()
    for broken in (old_key, b"", None):
        (tmp_path / "house.key").unlink(missing_ok=True)
        if broken is not None:
            (tmp_path / "house.key").write_bytes(broken)
        with capture_logs() as logs:
            await certificate.look()
        assert [line["event"] for line in logs] == ["certificate_not_reloaded"]
        assert "PRIVATE" not in repr(logs)
        async with serving(certificate) as port:
            assert (await (await port.connect(authority.trusting())).ask(LIVE)).status == 200
    (tmp_path / "house.key").write_bytes(new_key)
    with capture_logs() as logs:
        await certificate.look()
        await certificate.look()
    assert [line["event"] for line in logs] == ["certificate_reloaded"]
    assert certificate.ends_at == renewed.not_valid_after_utc


def test_what_cannot_be_served_with_is_refused_at_the_start_and_says_why(authority: Authority, tmp_path: Path) -> None:
    def why(settings: TlsSettings) -> str:
        with pytest.raises(TlsRefused) as refused:
            Certificate(settings, now)
        return str(refused.value)

    assert "cannot be read" in why(tls(tmp_path))
    authority.issue(tmp_path)
    assert "together" in why(TlsSettings(certificate=tmp_path / "house.pem"))
    key = (tmp_path / "house.key").read_bytes()
    authority.issue(tmp_path)
    (tmp_path / "house.key").write_bytes(key)
    assert "belongs to another certificate" in why(tls(tmp_path))
    authority.issue(tmp_path, days=1)
    assert "not now" in why(tls(tmp_path))
    authority.issue(tmp_path, password=b"locked")
    assert "encrypted" in why(tls(tmp_path))
    (tmp_path / "house.pem").write_text("no certificate")
    assert "no usable pair" in why(tls(tmp_path))


def test_the_command_says_why_it_does_not_serve(authority: Authority, tmp_path: Path) -> None:
    authority.issue(tmp_path, days=1)
    env = {"CAMBISTA_HOME": str(tmp_path), "CAMBISTA_PORT": "0", "COLUMNS": "200"} | {
        f"CAMBISTA_TLS__{name}": str(tmp_path / file)
        for name, file in (("CERTIFICATE", "house.pem"), ("KEY", "house.key"))
    }
    command = (sys.executable, "-m", "cambista.app.cli", "serve")
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "No TLS" in done.stderr
    assert "not now" in done.stderr


async def test_a_handshake_that_does_not_come_is_not_waited_for(authority: Authority, tmp_path: Path) -> None:
    authority.issue(tmp_path)
    async with serving(Certificate(tls(tmp_path), now)) as port:
        silent = await port.connect()
        async with asyncio.timeout(5):
            assert await silent.is_closed()
        plain = await port.connect()
        await plain.say(LIVE)
        assert await plain.is_closed()


def _same(moment: datetime) -> datetime:
    return moment


async def test_health_says_when_the_certificate_ends_and_fails_when_it_has() -> None:
    for days, status in ((20, "ok"), (-1, "failing")):
        doors = stand_in_doors()
        ends_at = doors.runtime.now() + timedelta(days=days)
        transport = httpx2.ASGITransport(create_app(doors, SETTINGS, certificate_ends_at=partial(_same, ends_at)))
        async with httpx2.AsyncClient(transport=transport, base_url="https://house") as client:
            checks = (await client.get("/health/readiness")).json()["checks"]
        assert checks["certificate"]["status"] == status
        assert f"{ends_at:%Y-%m-%d}" in checks["certificate"]["detail"]


# ---------------------------------------------------------------------------------------------- what browsers are told
async def ask(settings: GatewaySettings, method: str, path: str, **what: Any) -> httpx2.Response:
    base = what.pop("base", "http://house")
    transport = httpx2.ASGITransport(create_app(stand_in_doors(), settings), client=("10.0.0.9", 1))
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        return await client.request(method, path, **what)


async def test_only_who_came_by_tls_is_told_to_keep_to_it() -> None:
    name, proxied = "strict-transport-security", {"x-forwarded-proto": "https"}
    trusting = GatewaySettings.model_validate({"trusted_proxies": ["10.0.0.0/8"]})
    for path in ("/api/v1/assets", "/nowhere"):
        assert name not in (await ask(GatewaySettings(), "GET", path)).headers
        assert name not in (await ask(GatewaySettings(), "GET", path, headers=proxied)).headers
        assert name in (await ask(trusting, "GET", path, headers=proxied)).headers
        assert name in (await ask(GatewaySettings(), "GET", path, base="https://house")).headers
    assert name not in (await ask(GatewaySettings(hsts_s=0), "GET", "/docs", base="https://house")).headers


async def test_every_answer_of_the_house_carries_what_keeps_browsers_out_of_trouble() -> None:
    for path in ("/api/v1/assets", "/api/v1/accounts", "/api/v1/nowhere", "/health/liveness", "/docs"):
        headers = (await ask(GatewaySettings(), "GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


PAGE = {"origin": "https://app.example.com"}
PREFLIGHT = {**PAGE, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
OPEN_TO_PAGE = GatewaySettings(cors_origins=("https://app.example.com",))


async def test_by_default_no_page_of_another_origin_may_read_anything() -> None:
    for method, path, headers in (
        ("OPTIONS", "/api/v1/trades", PREFLIGHT),
        ("GET", "/api/v1/assets", PAGE),
        ("GET", "/api/v1/assets", {"origin": "null"}),
    ):
        response = await ask(GatewaySettings(), method, path, headers=headers)
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert response.status_code == (405 if method == "OPTIONS" else 200)


async def test_a_listed_origin_may_ask_before_and_read_after() -> None:
    before = await ask(OPEN_TO_PAGE, "OPTIONS", "/api/v1/trades", headers=PREFLIGHT)
    assert (before.status_code, before.content) == (204, b"")
    assert before.headers["access-control-allow-origin"] == PAGE["origin"]
    assert before.headers["access-control-allow-methods"] == "GET, POST"
    assert "x-api-key" in before.headers["access-control-allow-headers"]
    for path, status in (("/api/v1/assets", 200), ("/api/v1/accounts", 401)):
        after = await ask(OPEN_TO_PAGE, "GET", path, headers=PAGE)
        assert after.status_code == status
        assert after.headers["access-control-allow-origin"] == PAGE["origin"]
        assert after.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in after.headers


@pytest.mark.parametrize(
    "origin",
    ("https://app.example.com.evil.example", "http://app.example.com", "https://app.example.com:444", "null", "*",
     "https://APP.example.com", ""),
)  # fmt: skip
async def test_an_origin_that_only_looks_like_a_listed_one_may_not(origin: str) -> None:
    for method, path in (("OPTIONS", "/api/v1/trades"), ("GET", "/api/v1/assets")):
        response = await ask(OPEN_TO_PAGE, method, path, headers={**PREFLIGHT, "origin": origin})
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert response.headers["vary"] == "Origin"


async def test_nothing_is_allowed_where_there_is_nothing_or_where_guests_live() -> None:
    for path in ("/api/v1/nowhere", "/console", "/"):
        response = await ask(OPEN_TO_PAGE, "OPTIONS", path, headers=PREFLIGHT)
        assert "access-control-allow-methods" not in response.headers


@pytest.mark.parametrize(
    "origin", ("*", "app.example.com", "https://app.example.com/", "https://*.example.com/x", "null")
)
def test_a_list_of_origins_holds_origins_and_no_star(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        GatewaySettings(cors_origins=(origin,))


async def test_the_house_answers_to_its_own_names_only_where_it_has_a_list() -> None:
    named = GatewaySettings(hosts=("api.example.com", "[::1]"))
    for host, status in (
        ("api.example.com", 200), ("API.example.com:8443", 200), ("[::1]:8000", 200), ("evil.example", 421), ("", 421),
    ):  # fmt: skip
        assert (await ask(named, "GET", "/api/v1/assets", headers={"host": host})).status_code == status
    assert (await ask(GatewaySettings(), "GET", "/api/v1/assets", headers={"host": "any"})).status_code == 200


async def test_a_body_in_another_coding_is_refused_before_it_is_unpacked() -> None:
    for coding in ("gzip", "deflate", "br", "gzip, identity", "zstd"):
        headers = {"content-encoding": coding, "x-api-key": "k", "content-type": "application/json"}
        response = await ask(
            GatewaySettings(), "POST", "/api/v1/trades", headers=headers, content=b"\x1f\x8b" + b"0" * 99
        )
        assert (response.status_code, response.json()["code"]) == (415, "encoding_unsupported")
