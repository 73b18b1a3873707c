"""Registering: written down, answered by letter, and confirmed into a customer who can log in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cambista.identity.errors.people import LetterInvalid, PasswordUnfit, TooManyAttempts
from cambista.identity.events.principals import CustomerRegistered
from cambista.identity.rules import lockout, passwords
from cambista.identity.rules import principals as principal_rules
from cambista.identity.rules.tokens import token_hash
from cambista.identity.service.desk import AtDesk, charge, known, one, stranger
from cambista.identity.service.sessions import new_device
from cambista.identity.store import people as store
from cambista.identity.store import principals as principal_store
from cambista.identity.store import registrations as registration_store
from cambista.identity.store import sessions as session_store
from cambista.identity.store.people import LoginDraft
from cambista.identity.store.registrations import PendingRegistration
from cambista.identity.types.people import Confirmation, DeviceTrust, PasswordForgotten, Registration, Visitor
from cambista.identity.types.principals import Customer, Status
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId
from cambista.runtime import Action, Tx


@dataclass(frozen=True, slots=True)
class _Written:
    """A registration ready to be written down, and who brought it."""

    visitor: Visitor
    draft: PendingRegistration


class Registering(AtDesk):
    """The part of people's door where one becomes somebody."""

    async def register(self, asked: Registration) -> None:
        """Take down who wants to be a customer; whoever reads the address's letters confirms it.

        Nothing here looks whether the address is known: that is looked up apart from the request (`write_letters`), so
        neither answer nor time says so. Refuses `email_invalid`, `text_invalid`, `country_invalid`,
        `language_invalid`, `password_unfit`, `too_many_attempts`, `house_busy`.
        """
        desk = self._desk
        email, name = principal_rules.read_email(asked.email), principal_rules.read_name(asked.full_name)
        country = principal_rules.read_country(asked.country)
        language = principal_rules.read_language(asked.language)
        password = passwords.new_password(asked.password, (email, name, desk.settings.house_name))
        async with desk.hashing.place():
            one(await desk.writer.submit(self._charge_letters, [asked.visitor]))
            if await desk.hashing.run(lambda: desk.breached.holds(password)):
                raise PasswordUnfit(reason="breached")
            hash = await desk.hashing.hash(password)
        await desk.runtime.sealing.ready(desk.runtime.db, new=1)
        expires_at = desk.runtime.now() + timedelta(seconds=desk.settings.registration_ttl_s)
        draft = PendingRegistration(
            desk.runtime.new_id(), desk.blind(email), email, name, country, language, hash, expires_at
        )
        one(await desk.writer.submit(self._write_down, [_Written(asked.visitor, draft)]))

    async def confirm(self, asked: Confirmation) -> DeviceTrust:
        """Make the customer whose letter held this token, once. Refuses `letter_invalid`.

        The device it is done on counts as known. If two registered with one address, whoever's letter is answered
        first is the customer, and the other letter is good for nothing.
        """
        found = one(await self._desk.writer.submit(self._confirm, [asked]))
        assert isinstance(found, DeviceTrust)
        return found

    async def forget_password(self, asked: PasswordForgotten) -> None:
        """Take down that a password was forgotten; a known address gets a letter with a link to set another.

        Looks nothing up, like `register`. Refuses `email_invalid`, `too_many_attempts`.
        """
        email = principal_rules.read_email(asked.email)
        one(await self._desk.writer.submit(self._charge_letters, [asked.visitor]))
        blind = self._desk.blind(email)
        one(await self._desk.writer.submit(self._ask_reset, [(asked.visitor, blind)]))

    async def _charge_letters(self, tx: Tx, visitors: Sequence[Visitor]) -> list[bool | Refusal]:
        waits = await charge(tx, [lockout.letter_counters(each.address) for each in visitors])
        return [TooManyAttempts(retry_after_s=lockout.wait_s([wait])) if wait else True for wait in waits]

    async def _write_down(self, tx: Tx, written: Sequence[_Written]) -> list[bool | Refusal]:
        await registration_store.insert_registrations(tx, self._desk.runtime, [each.draft for each in written])
        for each in written:
            subject = f"login:{each.draft.email_blind.hex()[:16]}"
            tx.record(Action(stranger(each.visitor), "person.register", subject))
        return [True] * len(written)

    async def _ask_reset(self, tx: Tx, asked: Sequence[tuple[Visitor, bytes]]) -> list[bool | Refusal]:
        await registration_store.insert_reset_requests(tx, self._desk.runtime, [blind for _, blind in asked])
        for visitor, blind in asked:
            tx.record(Action(stranger(visitor), "password.forgot", f"login:{blind.hex()[:16]}"))
        return [True] * len(asked)

    async def _confirm(self, tx: Tx, asked: Sequence[Confirmation]) -> list[DeviceTrust | Refusal]:
        pending = await registration_store.lock_by_token(
            tx, self._desk.runtime, [token_hash(each.token) for each in asked]
        )
        answers: list[DeviceTrust | Refusal] = []
        for each in asked:
            # Taken out at once, with all others of its address: neither a twin nor a rival finds it again.
            found = pending.pop(token_hash(each.token), None)
            if found is not None:
                pending = {hash: other for hash, other in pending.items() if other.email_blind != found.email_blind}
            answers.append(LetterInvalid() if found is None else await self._become(tx, each.visitor, found))
        return answers

    async def _become(self, tx: Tx, visitor: Visitor, found: PendingRegistration) -> DeviceTrust | Refusal:
        customer = Customer(CustomerId(found.id), found.email, found.full_name, found.country, Status.ACTIVE, tx.now)
        gone = await registration_store.delete_of_addresses(tx, [found.email_blind])
        at = (await store.find_by_email(tx, [found.email_blind]))[found.email_blind]
        if at.login is not None or not await principal_store.insert_customers(tx, self._desk.runtime, [customer]):
            await self._desk.runtime.sealing.shred(tx, gone)
            return LetterInvalid()
        await self._desk.runtime.sealing.shred(tx, [id for id in gone if id != found.id])
        draft = LoginDraft(found.id, found.email, found.language, found.password_hash, confirmed=True)
        made = await store.insert_logins(tx, self._desk.runtime, [draft])
        # Another process has just given somebody a login with this address: tried again alone, this one is refused.
        assert found.id in made, "the address has a login already"
        device, text = new_device(self._desk, found.id)
        await session_store.insert_devices(tx, [device])
        caller = known(visitor, found.id, Role.CUSTOMER)
        tx.emit(CustomerRegistered(customer.id, customer.country, tx.now), trace_id=visitor.trace_id)
        tx.record(Action(caller, "person.confirm", f"customer:{found.id}"))
        return DeviceTrust(found.id, text)
