"""Secrets as rooms hold them: hidden wherever shown, filled into settings, changed while the house runs."""

import io
import json
from pathlib import Path

import pytest
import structlog
from pydantic import BaseModel, ConfigDict, SecretStr

from cambista.runtime.logs import configure_logs
from cambista.runtime.secrets import Secret, Secrets, SecretUnreadable


class Mail(BaseModel):
    model_config = ConfigDict(frozen=True)

    host: str = "localhost"
    password: SecretStr = SecretStr("")
    other: SecretStr | None = None


class House(BaseModel):
    model_config = ConfigDict(frozen=True)

    mail: Mail = Mail()
    database_url: SecretStr | None = None


async def test_references_in_settings_are_filled_at_any_depth_and_plain_values_stay(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text("geheim\n")
    settings = House(mail=Mail(password=SecretStr(f"file:{tmp_path}/smtp")), database_url=SecretStr("postgresql://x"))
    filled = await Secrets().fill(settings)
    assert filled.mail.password.get_secret_value() == "geheim"
    assert filled.database_url is not None
    assert filled.database_url.get_secret_value() == "postgresql://x"
    assert filled.mail.other is None
    assert filled.mail.host == "localhost"


async def test_a_room_that_asks_at_each_use_has_the_new_value(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text("old")
    secrets = Secrets()
    filled = await secrets.fill(Mail(password=SecretStr(f"file:{tmp_path}/smtp")))
    (tmp_path / "smtp").write_text("new")
    await secrets.refresh()
    assert filled.password.get_secret_value() == "new"


async def test_a_file_that_is_gone_leaves_the_last_value_and_a_warning_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "smtp").write_text("geheim")
    secrets = Secrets()
    secret = await secrets.get(f"file:{tmp_path}/smtp")
    (tmp_path / "smtp").unlink()
    await secrets.refresh()
    assert secret.reveal() == "geheim"
    told = "".join(capsys.readouterr())
    assert "secret_not_refreshed" in told
    assert "geheim" not in told


async def test_a_listener_that_fails_stops_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    secrets = Secrets()
    first, second = [await secrets.get(f"file:{tmp_path}/{name}") for name in ("a", "b")]

    def fail() -> None:
        raise ZeroDivisionError

    first.on_change(fail)
    for name in ("a", "b"):
        (tmp_path / name).write_text("new")
    await secrets.refresh()
    assert (first.reveal(), second.reveal()) == ("new", "new")


@pytest.mark.parametrize("text", ["postgresql://u:p@h/d", "S3cret:with:colons", "plain:S3cret:with:colons"])
async def test_what_is_no_reference_is_the_secret_itself(text: str) -> None:
    assert (await Secrets().get(text)).reveal() == text.removeprefix("plain:")


async def test_a_value_that_looks_like_a_reference_is_marked_plain() -> None:
    assert (await Secrets().get("plain:file:/etc/passwd")).reveal() == "file:/etc/passwd"


@pytest.mark.parametrize("reference", ["file:relative", "file:/nowhere/at/all", "env:CAMBISTA_NO_SUCH_NAME", "file:/"])
async def test_what_cannot_be_read_is_said_by_its_reference(reference: str) -> None:
    with pytest.raises(SecretUnreadable, match=reference.partition("#")[0]):
        await Secrets().get(reference)


async def test_a_file_of_bytes_or_too_long_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_text("x" * 70_000)
    for name in ("bytes", "long"):
        with pytest.raises(SecretUnreadable):
            await Secrets().get(f"file:{tmp_path}/{name}")


def test_a_secret_is_hidden_however_it_is_shown_or_logged() -> None:
    secret = Secret("geheim", "file:/x")
    shown = [repr(secret), str(secret), f"{secret}", repr([secret]), repr({"a": secret})]
    assert "geheim" not in "".join(shown)
    stream = io.StringIO()
    try:
        configure_logs(stream=stream)
        structlog.get_logger("test").info("said", value=secret, many=[secret], deep={"a": {"b": secret}})
    finally:
        structlog.reset_defaults()
    line = json.loads(stream.getvalue())
    assert line["value"] == "***"
    assert "geheim" not in stream.getvalue()


def test_secrets_compare_by_value_and_survive_a_settings_copy() -> None:
    mail = Mail(password=SecretStr("x")).model_copy(update={"password": Secret("geheim")})
    assert mail.model_copy(update={"host": "h"}).password.get_secret_value() == "geheim"
    assert "geheim" not in repr(mail)
    assert "geheim" not in mail.model_dump_json()
