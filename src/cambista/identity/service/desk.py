"""What the use cases of people share: a queue of their own, the hashing, the tokens, the letters."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from cambista.identity.rules import lockout
from cambista.identity.rules import tokens as token_rules
from cambista.identity.rules.lockout import Guard
from cambista.identity.service.breaches import BreachedPasswords
from cambista.identity.service.hashing import Hashing
from cambista.identity.service.keyring import Keyring
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import attempts as attempt_store
from cambista.identity.store import people as store
from cambista.identity.store.notices import insert_notices
from cambista.identity.types.notices import Channel, Contact, Notice
from cambista.identity.types.people import Visitor
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal
from cambista.runtime import GroupCommit, Runtime, Tx

# People wait for each other, not for trades, and no trade waits for them.
BATCH_MAX, WAITING_MAX = 64, 512
NOBODY = UUID(int=0)
LETTER_TTL = timedelta(days=3)
# To whom, where, after which template, filled with what.
Letter = tuple[UUID, Contact, str, Mapping[str, str]]


class Desk:
    """Shared by the parts of `People`."""

    def __init__(self, runtime: Runtime, settings: IdentitySettings, keyring: Keyring) -> None:
        self.runtime = runtime
        self.settings = settings
        self.keyring = keyring
        self.writer = GroupCommit(runtime.db, runtime.sealing, batch_max=BATCH_MAX, waiting_max=WAITING_MAX)
        self.hashing = Hashing(settings)
        self.breached = BreachedPasswords(settings.breached_passwords)

    def blind(self, email: str) -> bytes:
        """What the house looks an address up by."""
        return self.runtime.sealing.blind(store.EMAIL_INDEX, email)

    def token(self, mark: str) -> tuple[str, bytes]:
        """A new token, and what the house keeps of it."""
        text = token_rules.token_text(mark, secrets.token_bytes(token_rules.TOKEN_BYTES))
        return text, token_rules.token_hash(text)

    def link(self, page: str, token: str) -> str:
        # Behind the sign #, where no server and no log sees it.
        return f"{self.settings.origin}/{page}#token={token}"


class AtDesk:
    """A part of `People`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk


def stranger(visitor: Visitor) -> Caller:
    """On record, whoever has not said who it is."""
    return Caller(
        NOBODY, Role.CUSTOMER, address=visitor.address, trace_id=visitor.trace_id, credential=Credential.NONE,
        agent=visitor.agent,
    )  # fmt: skip


def known(visitor: Visitor, id: UUID, role: Role) -> Caller:
    """On record, somebody who has just shown who it is."""
    return Caller(
        id, role, address=visitor.address, trace_id=visitor.trace_id, credential=Credential.NONE, agent=visitor.agent
    )


def one(answers: Sequence[object]) -> object:
    """The only answer of a batch of one; raises it when it is a refusal."""
    [answer] = answers
    if isinstance(answer, Refusal):
        raise answer
    return answer


async def charge(tx: Tx, asked: Sequence[Mapping[str, Guard]]) -> list[timedelta]:
    """Charge attempts to their counters, in order; how long each must wait instead (zero: it is charged)."""
    seen = dict(await attempt_store.lock_failures(tx, [name for each in asked for name in each]))
    waits: list[timedelta] = []
    for counters in asked:
        longest = max(
            (lockout.wait(seen[name], guard, tx.now) for name, guard in counters.items()), default=timedelta(0)
        )
        waits.append(longest)
        if not longest:
            seen |= {name: lockout.charged(seen[name], guard, tx.now) for name, guard in counters.items()}
    await attempt_store.set_failures(tx, seen)
    return waits


async def refund(tx: Tx, asked: Sequence[Mapping[str, Guard]]) -> None:
    """Take attempts back that turned out right."""
    names = [name for each in asked for name in each]
    seen = dict(await attempt_store.lock_failures(tx, names))
    for name in names:
        seen[name] = lockout.refunded(seen[name])
    await attempt_store.set_failures(tx, seen)


async def write(tx: Tx, runtime: Runtime, letters: Sequence[Letter]) -> None:
    """Letters on their way when this transaction commits."""
    expires_at = tx.now + LETTER_TTL
    notices = [
        Notice(id, Channel.EMAIL, contact.email, template, contact.language, facts, expires_at)
        for id, contact, template, facts in letters
    ]
    await insert_notices(tx, runtime, notices)
