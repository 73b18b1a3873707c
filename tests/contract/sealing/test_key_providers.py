"""The contract of every keeper of key-encryption keys: the file, a real OpenBao, moto's KMS."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from cambista.runtime import KeysUnavailable, SystemClock
from cambista.runtime.outside import AwsConnection, AwsSettings, VaultConnection, VaultSettings
from cambista.runtime.sealing import KeyProvider, KeyUnreadable, LocalKeys, WrappedKey
from cambista.runtime.sealing.aws import KmsKeys
from cambista.runtime.sealing.ring import KeyRing
from cambista.runtime.sealing.vault import VaultKeys
from tests.outside import free_port

_NUMBERS = count(1)
Make = Callable[[], Awaitable[KeyProvider]]


@pytest.fixture(params=["local", "vault", "aws"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A function that makes a provider with a key of its own."""
    if request.param == "local":
        return lambda: _local(tmp_path)
    if request.param == "vault":
        settings = request.getfixturevalue("vault")
        return lambda: _vault(settings)
    settings = request.getfixturevalue("aws")
    return lambda: _aws(settings)


@pytest.fixture
async def provider(make: Make) -> AsyncIterator[KeyProvider]:
    made = await make()
    yield made
    await made.close()


async def _local(folder: Path) -> KeyProvider:
    return LocalKeys.open(folder / f"sealing-{next(_NUMBERS)}.keys")


async def _vault(settings: VaultSettings) -> KeyProvider:
    name = f"key-{next(_NUMBERS)}"
    connection = VaultConnection(settings, timeout_s=10)
    await connection.call(lambda client: client.secrets.transit.create_key(name))
    return VaultKeys(connection, mount="transit", key=name)


async def _aws(settings: AwsSettings) -> KeyProvider:
    connection = AwsConnection(settings, "kms", timeout_s=10)
    made = await connection.call(lambda client: client.create_key())
    return KmsKeys(connection, made["KeyMetadata"]["KeyId"])


async def test_wrapped_keys_open_again_in_order(provider: KeyProvider) -> None:
    keys = [secrets.token_bytes(32) for _ in range(20)]
    wrapped = await provider.wrap(keys)
    assert await provider.unwrap(wrapped) == keys
    assert await provider.unwrap(wrapped[::-1]) == keys[::-1]
    assert not any(key in each.blob for key, each in zip(keys, wrapped, strict=True))
    assert {each.kek for each in wrapped} == {await provider.newest()}
    assert all(each.kek.startswith(f"{provider.scheme}:") for each in wrapped)


async def test_a_page_of_cold_keys_opens_within_one_deadline(provider: KeyProvider) -> None:
    ring = KeyRing(provider, [], SystemClock(), deadline_s=10)
    keys = [secrets.token_bytes(32) for _ in range(200)]
    assert await ring.unwrap(await ring.wrap(keys)) == keys


async def test_one_key_wrapped_twice_looks_different(provider: KeyProvider) -> None:
    first, second = await provider.wrap([bytes(32), bytes(32)])
    assert first.blob != second.blob


async def test_nothing_asked_is_nothing_answered(provider: KeyProvider) -> None:
    assert await provider.wrap([]) == []
    assert await provider.unwrap([]) == []


async def test_a_key_that_does_not_open_harms_none_of_the_others(provider: KeyProvider) -> None:
    keys = [secrets.token_bytes(32) for _ in range(3)]
    wrapped = await provider.wrap(keys)
    spoilt = WrappedKey(wrapped[1].kek, _altered(wrapped[1].blob))
    first, broken, last = await provider.unwrap([wrapped[0], spoilt, wrapped[2]])
    assert (first, last) == (keys[0], keys[2])
    assert isinstance(broken, KeyUnreadable)
    [alone] = await provider.unwrap([spoilt])
    assert isinstance(alone, KeyUnreadable)


async def test_a_key_wrapped_by_another_house_does_not_open(provider: KeyProvider, make: Make) -> None:
    other = await make()
    [foreign] = await other.wrap([bytes(32)])
    [answer] = await provider.unwrap([WrappedKey(await provider.newest(), foreign.blob)])
    await other.close()
    # KMS finds the key by the ciphertext itself: there, another house is another account.
    assert isinstance(answer, KeyUnreadable) or provider.scheme == "aws"


async def test_after_a_rotation_old_keys_open_and_new_ones_are_wrapped_by_the_new(provider: KeyProvider) -> None:
    before = await provider.newest()
    [old] = await provider.wrap([b"o" * 32])
    after = await provider.rotate()
    [new] = await provider.wrap([b"n" * 32])
    assert await provider.newest() == after == new.kek
    assert (before != after) == (provider.scheme != "aws"), "KMS does not tell of its own rotation"
    assert await provider.unwrap([old, new]) == [b"o" * 32, b"n" * 32]


async def test_what_was_encrypted_for_another_purpose_is_no_data_key(vault: VaultSettings, aws: AwsSettings) -> None:
    connection = VaultConnection(vault, timeout_s=10)
    await connection.call(lambda client: client.secrets.transit.create_key("purposes"))
    made = await connection.call(lambda client: client.secrets.transit.encrypt_data("purposes", plaintext="AAAA"))
    transit = VaultKeys(connection, mount="transit", key="purposes")
    [answer] = await transit.unwrap([WrappedKey(await transit.newest(), made["data"]["ciphertext"].encode())])
    assert isinstance(answer, KeyUnreadable)
    await transit.close()

    kms_connection = AwsConnection(aws, "kms", timeout_s=10)
    key = (await kms_connection.call(lambda client: client.create_key()))["KeyMetadata"]["KeyId"]
    sealed = await kms_connection.call(lambda client: client.encrypt(KeyId=key, Plaintext=b"x"))
    kms = KmsKeys(kms_connection, key)
    [foreign] = await kms.unwrap([WrappedKey(await kms.newest(), sealed["CiphertextBlob"])])
    assert isinstance(foreign, KeyUnreadable)
    await kms.close()


async def test_keys_move_from_one_provider_to_another(tmp_path: Path, vault: VaultSettings) -> None:
    local, transit = await _local(tmp_path), await _vault(vault)
    [old] = await local.wrap([b"o" * 32])
    ring = KeyRing(transit, [local], SystemClock())
    [new] = await ring.wrap([b"n" * 32])
    assert new.kek.startswith("vault:")
    assert await ring.unwrap([new, old, new]) == [b"n" * 32, b"o" * 32, b"n" * 32]
    [unknown] = await KeyRing(transit, [], SystemClock()).unwrap([old])
    assert isinstance(unknown, KeyUnreadable)
    await ring.close()


@pytest.mark.parametrize("scheme", ["vault", "aws"])
async def test_a_provider_that_is_away_is_said_to_be_and_left_alone_for_a_moment(scheme: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    away: KeyProvider
    if scheme == "vault":
        away = VaultKeys(
            VaultConnection(VaultSettings(url=url, token=SecretStr("t")), timeout_s=1), mount="transit", key="k"
        )
    else:
        settings = AwsSettings(region="us-east-1", endpoint=url, access_key="a", secret_key=SecretStr("s"))
        away = KmsKeys(AwsConnection(settings, "kms", timeout_s=1), "alias/k")
    ring = KeyRing(away, [], SystemClock())
    for call in (ring.newest, ring.rotate, lambda: ring.wrap([bytes(32)])):
        with pytest.raises(KeysUnavailable):
            await call()
    await ring.close()


async def test_vault_is_entered_by_an_approle_and_again_once_the_token_has_run_out(vault: VaultSettings) -> None:
    root = VaultConnection(vault, timeout_s=10)

    def prepare(client: object) -> VaultSettings:
        any_client: object = client
        return _approle(any_client, vault)

    settings = await root.call(prepare)
    connection = VaultConnection(settings, timeout_s=10)
    provider = VaultKeys(connection, mount="transit", key="by-role")
    wrapped = await provider.wrap([bytes(32)])
    await connection.call(lambda client: client.auth.token.revoke_self())
    assert await provider.unwrap(wrapped) == [bytes(32)]
    await provider.close()
    root.close()


def _approle(client: object, vault: VaultSettings) -> VaultSettings:
    from hvac import Client

    assert isinstance(client, Client)
    client.secrets.transit.create_key("by-role")
    client.sys.create_or_update_policy(
        "house", 'path "transit/*" {capabilities = ["read", "update"]}\npath "auth/token/*" {capabilities = ["update"]}'
    )
    client.sys.enable_auth_method("approle")
    client.auth.approle.create_or_update_approle("house", token_policies=["house"])
    role_id = client.auth.approle.read_role_id("house")["data"]["role_id"]
    secret_id = client.auth.approle.generate_secret_id("house")["data"]["secret_id"]
    return VaultSettings(url=vault.url, role_id=role_id, secret_id=SecretStr(secret_id))


async def test_vault_reads_its_token_anew_from_a_file(vault: VaultSettings, tmp_path: Path) -> None:
    assert vault.token is not None
    file = tmp_path / "token"
    file.write_text("run-out\n")
    connection = VaultConnection(VaultSettings(url=vault.url, token=SecretStr(f"file:{file}")), timeout_s=10)
    with pytest.raises(Exception, match="permission denied"):
        await connection.call(lambda client: client.secrets.transit.list_keys())
    file.write_text(vault.token.get_secret_value())
    assert await connection.call(lambda client: client.secrets.transit.list_keys())
    connection.close()


def _altered(blob: bytes) -> bytes:
    """Another ciphertext of the same form: the last letter before any padding differs."""
    position = len(blob.rstrip(b"=")) - 6
    return blob[:position] + (b"A" if blob[position : position + 1] != b"A" else b"B") + blob[position + 1 :]
