"""People's use cases: register, log in, keep sessions, change passwords; and the work behind them."""

from datetime import timedelta

from cambista.identity.errors.factors import SessionRequired
from cambista.identity.rules.sessions import require_session
from cambista.identity.service.desk import Desk
from cambista.identity.service.invitations import Invitations
from cambista.identity.service.keyring import Keyring
from cambista.identity.service.letters_of_people import LettersOfPeople
from cambista.identity.service.logins import Logins
from cambista.identity.service.passwords import Passwords
from cambista.identity.service.registering import Registering
from cambista.identity.service.sessions import Sessions
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import attempts as attempt_store
from cambista.identity.store import people as store
from cambista.identity.store import registrations as registration_store
from cambista.identity.store import sessions as session_store
from cambista.identity.store import tickets as ticket_store
from cambista.identity.types.people import Person
from cambista.kernel.callers import Caller
from cambista.runtime import Runtime

KEPT = timedelta(days=30)
AT_REST = timedelta(days=1)
SWEPT_AT_ONCE = 500


class People(Registering, Logins, Sessions, Passwords, Invitations, LettersOfPeople):
    """People and their logins.

    They have a queue of their own: batches like the house's, on one connection, beside the one of the trades. `desk`
    is what the parts share.
    """

    def __init__(self, runtime: Runtime, settings: IdentitySettings, keyring: Keyring) -> None:
        super().__init__(Desk(runtime, settings, keyring))

    @property
    def desk(self) -> Desk:
        return self._desk

    async def find_me(self, caller: Caller) -> Person:
        """The person who speaks. Refuses `session_required`."""
        require_session(caller)
        async with self._desk.runtime.db.read_own(caller.id) as reader:
            found = await store.find_person(reader, self._desk.runtime, caller.id)
        if found is None:
            raise SessionRequired
        return found

    async def sweep(self) -> None:
        """Forget what has ended: registrations nobody confirmed (their keys too), tickets, tokens, counters, devices
        not seen for long, sessions of a month ago."""
        runtime = self._desk.runtime
        async with runtime.db.transaction() as tx:
            gone = await registration_store.delete_expired(tx, SWEPT_AT_ONCE)
            await runtime.sealing.shred(tx, gone)
            await ticket_store.sweep_tickets(tx, tx.now - AT_REST)
            await store.sweep_letter_tokens(tx, tx.now - AT_REST)
            await attempt_store.sweep_failures(tx, tx.now - AT_REST)
            await session_store.sweep_devices(tx, tx.now - timedelta(days=self._desk.settings.device_days))
            await session_store.sweep_sessions(tx, tx.now - KEPT)
