"""The contract of every source of secrets: environment, files, a real OpenBao's KV 2, moto's Secrets Manager."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from cambista.runtime.outside import AwsConnection, AwsSettings, VaultConnection, VaultSettings
from cambista.runtime.secrets import Secrets, SecretSource, SecretUnreadable
from cambista.runtime.secrets.aws import AwsSecrets
from cambista.runtime.secrets.machine import EnvironmentSecrets, FileSecrets
from cambista.runtime.secrets.vault import VaultSecrets
from tests.outside import free_port

_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """A source, a reference into it, and how its value is put there."""

    source: SecretSource
    reference: str
    put: Callable[[str], Awaitable[None]]


@pytest.fixture(params=["env", "file", "vault", "aws", "aws-json"])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    if request.param == "env":
        found = _in_environment(monkeypatch)
    elif request.param == "file":
        found = _in_file(tmp_path / "secret")
    elif request.param == "vault":
        found = _in_vault(request.getfixturevalue("vault"))
    else:
        found = _in_aws(request.getfixturevalue("aws"), as_json=request.param == "aws-json")
    yield found
    await found.source.close()


def _in_environment(monkeypatch: pytest.MonkeyPatch) -> Place:
    async def put(value: str) -> None:
        monkeypatch.setenv("CAMBISTA_TEST_SECRET", value)

    return Place(EnvironmentSecrets(), "env:CAMBISTA_TEST_SECRET", put)


def _in_file(path: Path) -> Place:
    async def put(value: str) -> None:
        path.write_text(f"{value}\n", encoding="utf-8")

    return Place(FileSecrets(), f"file:{path}", put)


def _in_vault(settings: VaultSettings) -> Place:
    connection, path = VaultConnection(settings, timeout_s=10), f"house/smtp-{next(_NUMBERS)}"

    async def put(value: str) -> None:
        secret = {"user": "house", "password": value}
        await connection.call(
            lambda client: client.secrets.kv.v2.create_or_update_secret(path=path, secret=secret, mount_point="secret")
        )

    return Place(VaultSecrets(connection), f"vault:secret/{path}#password", put)


def _in_aws(settings: AwsSettings, *, as_json: bool) -> Place:
    connection, name = AwsConnection(settings, "secretsmanager", timeout_s=10), f"house/smtp-{next(_NUMBERS)}"
    made = False

    async def put(value: str) -> None:
        nonlocal made
        text = json.dumps({"user": "house", "password": value}) if as_json else value
        if made:
            await connection.call(lambda client: client.put_secret_value(SecretId=name, SecretString=text))
        else:
            await connection.call(lambda client: client.create_secret(Name=name, SecretString=text))
        made = True

    return Place(AwsSecrets(connection), f"aws:{name}" + ("#password" if as_json else ""), put)


async def test_a_reference_gives_what_stands_there(place: Place) -> None:
    await place.put("pässword #1: x=y")
    secret = await Secrets([place.source]).get(place.reference)
    assert secret.reveal() == secret.get_secret_value() == "pässword #1: x=y"


async def test_a_change_is_seen_at_the_next_look_and_told_once(place: Place) -> None:
    await place.put("first")
    secrets = Secrets([place.source])
    secret = await secrets.get(SecretStr(place.reference))
    heard: list[str] = []
    secret.on_change(lambda: heard.append(secret.reveal()))
    await secrets.refresh()
    assert heard == []
    await place.put("second")
    await secrets.refresh()
    await secrets.refresh()
    assert heard == ["second"]
    assert await secrets.get(place.reference) is secret


async def test_what_is_not_there_is_unreadable_and_names_no_value(place: Place) -> None:
    await place.put("hidden value")
    stray = place.reference.replace("smtp", "nowhere").replace("SECRET", "NOTHING").replace("/secret", "/nothing")
    with pytest.raises(SecretUnreadable) as failure:
        await Secrets([place.source]).get(stray)
    assert "hidden" not in str(failure.value)


@pytest.mark.parametrize("place", ["vault", "aws-json"], indirect=True)
async def test_an_unknown_field_is_unreadable_and_names_no_value(place: Place) -> None:
    await place.put("hidden value")
    with pytest.raises(SecretUnreadable, match="has no text") as failure:
        await Secrets([place.source]).get(place.reference.replace("#password", "#token"))
    assert "hidden" not in str(failure.value)


@pytest.mark.parametrize("place", ["env", "file", "vault", "aws-json"], indirect=True)
async def test_an_empty_secret_is_none(place: Place) -> None:
    await place.put("")
    with pytest.raises(SecretUnreadable):
        await Secrets([place.source]).get(place.reference)


@pytest.mark.parametrize("scheme", ["vault", "aws"])
async def test_a_source_that_goes_away_leaves_the_last_value(scheme: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    source: SecretSource
    if scheme == "vault":
        source = VaultSecrets(VaultConnection(VaultSettings(url=url, token=SecretStr("t")), timeout_s=1))
    else:
        settings = AwsSettings(region="us-east-1", endpoint=url, access_key="a", secret_key=SecretStr("s"))
        source = AwsSecrets(AwsConnection(settings, "secretsmanager", timeout_s=1))
    with pytest.raises(SecretUnreadable):
        await Secrets([source]).get(f"{scheme}:secret/x#y")
    await source.close()
