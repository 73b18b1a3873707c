"""A sealed record for tests: deeds at moments of a clock moved by hand, and the owner's hand in the database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from cambista.audit import Audit, AuditKey, AuditSettings, Finding, open_sinks
from cambista.kernel.callers import Caller, Credential, Role
from cambista.runtime import Action, Runtime
from tests.databases import ManualClock

KEY = AuditKey.from_seed(b"\x0a" * 32)
EVA = Caller(UUID(int=0xE7A), Role.COMPLIANCE, key_id=UUID(int=5), address="10.0.0.9", trace_id="0a", agent="curl/8")
NO_EXPORT: Any = None


@dataclass(slots=True)
class Record:
    """The audit of one house, and its home."""

    runtime: Runtime
    audit: Audit
    home: Path
    dsn: str

    @property
    def clock(self) -> ManualClock:
        clock = self.runtime.clock
        assert isinstance(clock, ManualClock)
        return clock

    async def act(self, *subjects: str, name: str = "thing.do", caller: Caller = EVA) -> None:
        """One deed each, each in a transaction of its own, a second apart."""
        for subject in subjects:
            self.clock.advance(1)
            async with self.runtime.db.transaction() as tx:
                tx.record(Action(caller, name, subject, facts={"n": subject, "ñ": "☃", "whole": True, "count": 3}))

    async def checkpoint(self) -> None:
        """Seal, sign and export what there is."""
        await self.audit.sealer.seal()
        assert await self.audit.sealer.checkpoint(now=True) is not None
        while await self.audit.delivery.deliver("file"):
            pass

    async def found(self) -> Finding:
        """What a check finds; it must find something."""
        finding = (await self.audit.verify()).finding
        assert finding is not None, "nothing was found"
        return finding

    async def by_hand(self, *statements: str) -> None:
        """What the database's owner can do: triggers out of the way."""
        async with owner(self.dsn) as connection:
            for statement in statements:
                await connection.execute(statement)

    async def rows(self, sql: str) -> Sequence[Any]:
        async with self.runtime.db.read() as reader:
            return await reader.all(sql)


def audit_of(runtime: Runtime, home: Path, key: AuditKey = KEY, **knobs: Any) -> Audit:
    settings = AuditSettings(**knobs)
    sinks = open_sinks(settings, home, runtime.branch, runtime.now)
    return Audit(runtime, settings, key, sinks, NO_EXPORT)


@asynccontextmanager
async def owner(dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET session_replication_role = replica")
        yield connection
    finally:
        await connection.close()


HOUSE = Caller(UUID(int=0), Role.AUDITOR, credential=Credential.HOUSE)
