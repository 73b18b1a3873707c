"""What tests of the chain begin with: twelve deeds under three checkpoints, and two not yet under any."""

from pathlib import Path

import pytest

from cambista.runtime import Runtime
from tests.integration.audit.records import Record, audit_of


@pytest.fixture
def fresh(runtime: Runtime, dsn: str, tmp_path: Path) -> Record:
    """A record without an entry."""
    return Record(runtime, audit_of(runtime, tmp_path), tmp_path, dsn)


@pytest.fixture
async def record(fresh: Record) -> Record:
    """Entries 1 to 4, 5 to 8 and 9 to 12 under a checkpoint each; 13 and 14 sealed."""
    for start in (1, 5, 9):
        await fresh.act(*(f"thing:{number}" for number in range(start, start + 4)))
        await fresh.checkpoint()
    await fresh.act("thing:13", "thing:14")
    await fresh.audit.sealer.seal()
    assert (await fresh.audit.verify()).good
    return fresh
