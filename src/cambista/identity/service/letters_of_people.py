"""Letters written apart from the requests that ask for them, whose time would tell whether an address is known."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from cambista.identity.rules import tokens as token_rules
from cambista.identity.service.desk import AtDesk, Desk, Letter, write
from cambista.identity.store import notices as notice_store
from cambista.identity.store import people as store
from cambista.identity.store import principals as principal_store
from cambista.identity.store import registrations as registration_store
from cambista.identity.store.registrations import PendingRegistration
from cambista.identity.types.notices import Contact
from cambista.identity.types.people import TokenPurpose
from cambista.identity.types.principals import Status
from cambista.runtime import Tx

AT_ONCE = 50
# Letters one mailbox is sent through what strangers ask for: links that still work, and tellings-off a day.
LINKS_MAX = 5
CONFIRMATIONS_MAX = 10
TELLINGS_MAX = 3
PAGES = {TokenPurpose.RESET: "reset-password", TokenPurpose.INVITATION: "welcome"}


class LettersOfPeople(AtDesk):
    """The part of people's door that works apart from requests."""

    async def write_letters(self) -> None:
        """Answer what was asked since: confirm a registration or tell the owner of the address; send reset links."""
        runtime = self._desk.runtime
        while True:
            async with runtime.db.transaction() as tx:
                taken = await registration_store.take_new(tx, runtime, AT_ONCE)
                await self._answer_registrations(tx, taken)
            if len(taken) < AT_ONCE:
                break
        while True:
            async with runtime.db.transaction() as tx:
                blinds = await registration_store.take_reset_requests(tx, AT_ONCE)
                await self._answer_resets(tx, blinds)
            if len(blinds) < AT_ONCE:
                break

    async def _answer_registrations(self, tx: Tx, taken: Sequence[PendingRegistration]) -> None:
        if not taken:
            return
        owners = await self._owners(tx, taken)
        confirmable = await registration_store.count_confirmable(tx, [each.email_blind for each in taken], tx.now)
        dropped: list[UUID] = []
        tokens: dict[UUID, bytes] = {}
        letters: list[Letter] = []
        for each in taken:
            if each.email_blind in owners or confirmable.get(each.email_blind, 0) >= CONFIRMATIONS_MAX:
                dropped.append(each.id)
            else:
                text, tokens[each.id] = self._desk.token(token_rules.LETTER_MARK)
                confirmable[each.email_blind] = confirmable.get(each.email_blind, 0) + 1
                link = self._desk.link("confirm", text)
                letters.append((each.id, Contact(each.email, each.language), "registration", {"link": link}))
        await registration_store.set_tokens(tx, tokens)
        await write(tx, self._desk.runtime, letters)
        await self._tell_owners(tx, {owners[each.email_blind]: each for each in taken if each.email_blind in owners})
        await registration_store.delete_registrations(tx, dropped)
        await self._desk.runtime.sealing.shred(tx, dropped)

    async def _owners(self, tx: Tx, taken: Sequence[PendingRegistration]) -> dict[bytes, UUID]:
        """Whose the addresses are already: somebody who can log in, or a customer the desk has registered."""
        found = await store.find_by_email(tx, [each.email_blind for each in taken])
        owners = {blind: at.login.principal_id for blind, at in found.items() if at.login is not None}
        rest = {each.email: each.email_blind for each in taken if each.email_blind not in owners}
        customers = await principal_store.find_customers_by_email(tx, self._desk.runtime, list(rest))
        return owners | {rest[email]: id for email, id in customers.items()}

    async def _tell_owners(self, tx: Tx, tried: dict[UUID, PendingRegistration]) -> None:
        """A letter to each whose address was used, though not again and again."""
        if not tried:
            return
        told = await notice_store.count_since(tx, list(tried), "already_registered", tx.now - timedelta(days=1))
        contacts = await store.find_contacts(tx, self._desk.runtime, list(tried))
        letters: list[Letter] = []
        for id, each in tried.items():
            if told.get(id, 0) < TELLINGS_MAX:
                contact = contacts.get(id) or Contact(each.email, each.language)
                letters.append((id, contact, "already_registered", {}))
        await write(tx, self._desk.runtime, letters)

    async def _answer_resets(self, tx: Tx, blinds: Sequence[bytes]) -> None:
        found = await store.find_by_email(tx, blinds) if blinds else {}
        owners = [
            at.login.principal_id for at in found.values() if at.login is not None and at.login.status is Status.ACTIVE
        ]
        await send_links(tx, self._desk, owners, TokenPurpose.RESET, "password_reset")


async def send_links(tx: Tx, desk: Desk, owner_ids: Sequence[UUID], purpose: TokenPurpose, template: str) -> None:
    """A letter to each with a link by which a password is set, once; nobody has more than a few that still work."""
    if not owner_ids:
        return
    live = await store.count_letter_tokens(tx, owner_ids, tx.now)
    contacts = await store.find_contacts(tx, desk.runtime, owner_ids)
    tokens: dict[bytes, UUID] = {}
    letters: list[Letter] = []
    for id, contact in contacts.items():
        if live.get(id, 0) < LINKS_MAX:
            text, hash = desk.token(token_rules.LETTER_MARK)
            tokens[hash] = id
            letters.append((id, contact, template, {"link": desk.link(PAGES[purpose], text)}))
    ttl_s = desk.settings.reset_ttl_s if purpose is TokenPurpose.RESET else desk.settings.invitation_ttl_s
    await store.insert_letter_tokens(tx, tokens, purpose, tx.now + timedelta(seconds=ttl_s))
    await write(tx, desk.runtime, letters)
