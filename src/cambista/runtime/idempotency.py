"""Idempotency: the record of an answer commits with the work, and a repeat of the request gets that answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cambista.kernel.errors import Invalid
from cambista.runtime.database import Tx
from cambista.runtime.sealing import Sealing
from cambista.runtime.sealing.envelope import ANSWERS_SUBJECT

KEPT_HOURS = 24
KEY_LENGTH_MAX = 128


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    sentence = "This Idempotency-Key was used with another request body."


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's promise that requests with this key and fingerprint are one request.

    `render` turns the use case's answer into the status and body that are stored and replayed. An answer that is
    `personal` is stored sealed.
    """

    caller: UUID
    endpoint: str
    key: str
    fingerprint: bytes
    render: Callable[[Any], tuple[int, bytes]]
    personal: bool = False

    @property
    def identity(self) -> tuple[UUID, str, str]:
        return self.caller, self.endpoint, self.key


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored answer to an earlier, identical request; `first` is True for the request that made it."""

    status: int
    body: bytes
    first: bool = False


async def find(
    tx: Tx, onces: Sequence[Once], sealing: Sealing | None = None
) -> dict[tuple[UUID, str, str], tuple[bytes, Replay]]:
    """The stored fingerprints and answers of those keys that have one; they are kept for 24 hours at least."""
    rows = await tx.all(
        """
        SELECT i.caller, i.endpoint, i.key, i.fingerprint, i.status, i.body, i.sealed
        FROM unnest($1::uuid[], $2::text[], $3::text[]) AS asked (caller, endpoint, key)
        JOIN runtime.idempotency i USING (caller, endpoint, key)
        """,
        [once.caller for once in onces],
        [once.endpoint for once in onces],
        [once.key for once in onces],
    )
    found = {
        (row["caller"], row["endpoint"], row["key"]): (row["fingerprint"], Replay(row["status"], row["body"]))
        for row in rows
        if not row["sealed"]
    }
    if len(found) < len(rows):
        found |= await _unsealed(tx, _needed(sealing), [row for row in rows if row["sealed"]])
    return found


async def remember(tx: Tx, answers: Sequence[tuple[Once, Replay]], now: object, sealing: Sealing | None = None) -> None:
    """Store answers beside the work they answer. A key stored meanwhile by another process fails the transaction."""
    personal = [(once, replay) for once, replay in answers if once.personal]
    bodies = iter(await _sealed(tx, _needed(sealing), personal) if personal else ())
    await tx.copy(
        "runtime",
        "idempotency",
        ("caller", "endpoint", "key", "fingerprint", "status", "body", "sealed", "created_at"),
        [
            (*once.identity, once.fingerprint, replay.status, replay.body, False, now)
            if not once.personal
            # A fingerprint of few possible bodies would tell which one it was: it lies inside.
            else (*once.identity, b"", replay.status, next(bodies), True, now)
            for once, replay in answers
        ],
    )


def _needed(sealing: Sealing | None) -> Sealing:
    assert sealing is not None, "personal answers need a GroupCommit with sealing"
    return sealing


async def _sealed(tx: Tx, sealing: Sealing, answers: Sequence[tuple[Once, Replay]]) -> list[bytes]:
    texts = [(once.identity, once.fingerprint.hex() + ":" + replay.body.decode()) for once, replay in answers]
    return await sealing.seal(tx, [(ANSWERS_SUBJECT, _bound_to(identity), text) for identity, text in texts])


async def _unsealed(tx: Tx, sealing: Sealing, rows: Sequence[Any]) -> dict[tuple[UUID, str, str], tuple[bytes, Replay]]:
    identities = [(row["caller"], row["endpoint"], row["key"]) for row in rows]
    asked = [
        (ANSWERS_SUBJECT, _bound_to(identity), row["body"]) for identity, row in zip(identities, rows, strict=True)
    ]
    texts = [text.partition(":") for text in await sealing.unseal(tx, asked)]
    return {
        identity: (bytes.fromhex(fingerprint), Replay(row["status"], body.encode()))
        for identity, row, (fingerprint, _, body) in zip(identities, rows, texts, strict=True)
    }


def _bound_to(identity: tuple[UUID, str, str]) -> str:
    return "runtime.idempotency:" + " ".join(str(part) for part in identity)


async def forget_before(tx: Tx, moment: object) -> None:
    """Drop records older than `moment`."""
    await tx.execute("DELETE FROM runtime.idempotency WHERE created_at < $1", moment)
