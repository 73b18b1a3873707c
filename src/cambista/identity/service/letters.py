"""Letters about second factors, and codes by SMS: rows beside the deed they tell of."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from cambista.identity.store.notices import insert_notices
from cambista.identity.types.notices import Channel, Contact, Notice
from cambista.runtime import Reader, Runtime, Tx

FindContacts = Callable[[Reader, Runtime, Sequence[UUID]], Awaitable[dict[UUID, Contact]]]
_LETTER_TTL = timedelta(days=3)
_LANGUAGE = "es"


class Letters:
    """Writes to people where the house knows their address; who has none gets no letter."""

    def __init__(self, runtime: Runtime, find_contacts: FindContacts) -> None:
        self._runtime = runtime
        self._find_contacts = find_contacts

    async def send(self, tx: Tx, person_id: UUID, template: str, **facts: str) -> None:
        """A letter to the person's mailbox, in the person's language."""
        contact = await self._contact(tx, person_id)
        if contact is None:
            return
        expires_at = tx.now + _LETTER_TTL
        notice = Notice(person_id, Channel.EMAIL, contact.email, template, contact.language, facts, expires_at)
        await insert_notices(tx, self._runtime, [notice])

    async def text(self, tx: Tx, person_id: UUID, number: str, code: str, ttl: timedelta) -> None:
        """A code to the person's phone, which is not sent once it has expired."""
        contact = await self._contact(tx, person_id)
        language = _LANGUAGE if contact is None else contact.language
        facts = {"code": code, "minutes": str(int(ttl.total_seconds() // 60))}
        notice = Notice(person_id, Channel.SMS, number, "sms_code", language, facts, tx.now + ttl)
        await insert_notices(tx, self._runtime, [notice])

    async def label(self, reader: Reader, person_id: UUID) -> str:
        """By what an authenticator shows the account: the mailbox, or the id of who has none."""
        contact = await self._contact(reader, person_id)
        return str(person_id) if contact is None else contact.email

    async def _contact(self, reader: Reader, person_id: UUID) -> Contact | None:
        return (await self._find_contacts(reader, self._runtime, [person_id])).get(person_id)
