"""Servers of others, one of each for the test process."""

from collections.abc import Iterator

import pytest

from cambista.runtime.outside import AwsSettings, VaultSettings
from tests.outside import aws_server, openbao_server


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultSettings]:
    with openbao_server(tmp_path_factory.mktemp("openbao")) as settings:
        yield settings


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsSettings]:
    with aws_server(tmp_path_factory.mktemp("aws")) as settings:
        yield settings
