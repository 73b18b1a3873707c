"""The watch over logs and errors sees what it is there to see: each way out is tried with a planted secret."""

import io
import logging
from pathlib import Path

import httpx2
import pytest
import structlog
from pydantic import SecretStr

from cambista.identity.rules.keys import SESSION_MARK, key_text
from cambista.runtime.logs import configure_logs
from tests.secrecy import leaks_in_files, watching

KEY = key_text(prefix=b"\x05" * 5, secret=b"\x07" * 32)
SESSION = key_text(prefix=b"\x05" * 5, secret=b"\x08" * 32, mark=SESSION_MARK)
PASSWORD = "correct horse battery"
PERSON = "Ana Gómez Planted"


def test_a_key_or_session_in_a_log_line_is_seen_whoever_wrote_it() -> None:
    for secret in (KEY, SESSION):
        with watching() as watch:
            structlog.get_logger().warning("planted", note=f"came with {secret}")
        assert watch.leaks()
        with watching() as watch:
            logging.getLogger("asyncpg").warning("planted %s", secret)
        assert watch.leaks()


def test_a_secret_in_a_traceback_is_seen() -> None:
    with watching() as watch:
        try:
            raise ValueError(KEY)
        except ValueError:
            logging.getLogger("uvicorn.error").exception("planted")
    assert watch.leaks()


@pytest.fixture
def configured() -> object:
    """structlog as the house configures it, and as it was afterwards."""
    before = structlog.get_config()
    stream = io.StringIO()
    configure_logs(stream=stream)
    yield stream
    structlog.configure(**before)


def test_the_houses_own_configuration_of_logs_is_heard_too(configured: io.StringIO) -> None:
    with watching() as watch:
        structlog.get_logger().info("planted", note=KEY)
        structlog.get_logger().info("hidden", key=KEY, other=SecretStr(SESSION))
    assert KEY in configured.getvalue()
    assert len(watch.leaks()) == 1


async def test_what_a_request_brought_is_known_when_an_error_or_a_log_tells_it() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/good":
            return httpx2.Response(
                201, json={"key": KEY, "recovery_codes": ["abcd-efgh-ijkl"], "id": "not-a-secret-at-all"}
            )
        return httpx2.Response(422, json={"code": "text_invalid", "facts": {"was": "correct horse battery"}})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://house") as client:
        with watching() as watch:
            await client.post("/bad", json={"email": "planted@example.com", "password": PASSWORD})
        assert PASSWORD in watch.leaks()[0]
        with watching() as watch:
            await client.post("/good", json={"payer": {"name": PERSON}, "name": "a key's name"})
            structlog.get_logger().info("fine", id="not-a-secret-at-all", name="a key's name")
            assert watch.leaks() == []
            structlog.get_logger().info("planted", codes="abcd-efgh-ijkl", who=PERSON)
        assert len(watch.leaks()) == 2
        with watching() as watch:
            await client.post("/good", data={"client_secret": "a secret of oauth"})
            logging.getLogger().error("planted: a secret of oauth")
        assert watch.leaks()


def test_what_is_sealed_is_a_secret_each_text_of_it() -> None:
    with watching() as watch:
        watch.learn(['["planted@example.com", "Ana Gómez Planted"]', "JBSWY3DPEHPK3PXP"])
        structlog.get_logger().info("planted", who="Ana Gómez Planted")
    assert len(watch.leaks()) == 1


def test_log_files_are_read_in_the_end(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    file = tmp_path / "log" / "postgres.log"
    file.write_text(f"LOG: fine\nERROR: parameter {KEY}\n")
    assert KEY in leaks_in_files(tmp_path)[0]
    file.unlink()
