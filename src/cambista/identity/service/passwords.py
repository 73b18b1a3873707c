"""Passwords changed by who knows the present one, or set by who reads the person's letters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cambista.identity.errors.people import LetterInvalid, PasswordUnfit, PasswordWrong, TooManyAttempts
from cambista.identity.rules import lockout, passwords, sessions
from cambista.identity.rules.tokens import token_hash
from cambista.identity.service.desk import AtDesk, charge, known, one, refund, write
from cambista.identity.service.sessions import new_device
from cambista.identity.store import keys as key_store
from cambista.identity.store import people as store
from cambista.identity.store import sessions as session_store
from cambista.identity.store import tickets as ticket_store
from cambista.identity.store.people import Login
from cambista.identity.types.people import (
    DeviceTrust,
    PasswordChange,
    PasswordReset,
    SessionEnd,
    SessionsEnded,
)
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Action, Tx


@dataclass(frozen=True, slots=True)
class _Changed:
    """A change that was found good: the hash it was compared with, and the new one."""

    change: PasswordChange
    session_id: UUID
    before: str = field(repr=False)
    after: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Reset:
    """A reset that was found good."""

    reset: PasswordReset
    owner_id: UUID
    after: str = field(repr=False)


class Passwords(AtDesk):
    """The part of people's door that is about passwords."""

    async def change_password(self, change: PasswordChange) -> SessionsEnded:
        """Set another password; the person's other sessions end. Refuses `password_wrong`, `password_unfit`,
        `too_many_attempts`, `session_required`, `house_busy`."""
        desk, caller = self._desk, change.caller
        session_id = sessions.require_session(caller)
        async with desk.hashing.place():
            login = one(await desk.writer.submit(self._begin_change, [caller]))
            assert isinstance(login, Login)
            assert login.password_hash is not None
            right, _ = await desk.hashing.verify(passwords.typed(change.old), login.password_hash)
            one(await desk.writer.submit(self._note_old, [(caller, right)]))
            after = await self._new_hash(caller.id, change.new, login.password_hash)
        changed = _Changed(change, session_id, login.password_hash, after)
        answer = one(await desk.writer.submit(self._change, [changed]))
        desk.keyring.forget()
        assert isinstance(answer, SessionsEnded)
        return answer

    async def reset_password(self, reset: PasswordReset) -> DeviceTrust:
        """Set a password with a letter's token, once. All sessions end and all devices are strangers but this one.

        Refuses `letter_invalid`, `password_unfit`, `house_busy`.
        """
        desk = self._desk
        async with desk.hashing.place():
            async with desk.runtime.db.read() as reader:
                owner_id = await store.find_letter_token(reader, token_hash(reset.token), desk.runtime.now())
                logins = await store.find_logins(reader, [owner_id]) if owner_id else {}
            if owner_id is None:
                raise LetterInvalid
            after = await self._new_hash(owner_id, reset.password, logins[owner_id].password_hash)
        answer = one(await desk.writer.submit(self._reset, [_Reset(reset, owner_id, after)]))
        desk.keyring.forget()
        assert isinstance(answer, DeviceTrust)
        return answer

    async def _new_hash(self, owner_id: UUID, text: str, present: str | None) -> str:
        """The hash of a new password that is fit, in no list, and none of the last ones."""
        desk = self._desk
        async with desk.runtime.db.read() as reader:
            person = await store.find_person(reader, desk.runtime, owner_id)
            former = await store.list_former_hashes(reader, owner_id, desk.settings.password_history - 1)
        own_words = () if person is None else (person.email, person.name)
        password = passwords.new_password(text, (*own_words, desk.settings.house_name))
        if await desk.hashing.run(lambda: desk.breached.holds(password)):
            raise PasswordUnfit(reason="breached")
        if await desk.hashing.matches_any(password, [*([present] if present else []), *former]):
            raise PasswordUnfit(reason="used_before")
        return await desk.hashing.hash(password)

    async def _begin_change(self, tx: Tx, callers: Sequence[Caller]) -> list[Login | Refusal]:
        """Charge the attempts, and find what to compare with."""
        logins = await store.find_logins(tx, [each.id for each in callers])
        waits = await charge(tx, [lockout.change_counters(each.id) for each in callers])
        answers: list[Login | Refusal] = []
        for caller, wait in zip(callers, waits, strict=True):
            login = logins.get(caller.id)
            if wait:
                answers.append(TooManyAttempts(retry_after_s=lockout.wait_s([wait])))
            else:
                answers.append(Unauthenticated() if login is None or login.password_hash is None else login)
        return answers

    async def _note_old(self, tx: Tx, tried: Sequence[tuple[Caller, bool]]) -> list[bool | Refusal]:
        """Whether the present password was right."""
        await refund(tx, [lockout.change_counters(caller.id) for caller, right in tried if right])
        for caller, right in tried:
            if not right:
                tx.record(Action(caller, "password.change", f"principal:{caller.id}", PasswordWrong.code))
        return [True if right else PasswordWrong() for _, right in tried]

    async def _change(self, tx: Tx, changes: Sequence[_Changed]) -> list[SessionsEnded | Refusal]:
        callers = [each.change.caller for each in changes]
        logins = await store.lock_logins(tx, [caller.id for caller in callers])
        refused = await key_store.find_refused_keys(tx, [each.session_id for each in changes], tx.now)
        answers: list[SessionsEnded | Refusal] = []
        for each, caller in zip(changes, callers, strict=True):
            if each.session_id in refused:
                answers.append(Unauthenticated())
                continue
            if logins[caller.id].password_hash != each.before:
                answers.append(PasswordWrong())
                continue
            # So that a twin in the same batch finds its password changed.
            logins |= await self._set(tx, caller.id, each.after)
            ended = await session_store.end_sessions_of(tx, [caller.id], SessionEnd.PASSWORD, but=[each.session_id])
            tx.record(Action(caller, "password.change", f"principal:{caller.id}", facts={"sessions_ended": ended}))
            answers.append(SessionsEnded(ended))
        return answers

    async def _reset(self, tx: Tx, resets: Sequence[_Reset]) -> list[DeviceTrust | Refusal]:
        logins = await store.lock_logins(tx, [each.owner_id for each in resets])
        answers: list[DeviceTrust | Refusal] = []
        for each in resets:
            if not await store.use_letter_token(tx, token_hash(each.reset.token)):
                answers.append(LetterInvalid())
                continue
            owner_id = each.owner_id
            await self._set(tx, owner_id, each.after)
            await store.confirm_logins(tx, [owner_id])
            ended = await session_store.end_sessions_of(tx, [owner_id], SessionEnd.PASSWORD)
            await session_store.delete_devices_of(tx, [owner_id])
            device, text = new_device(self._desk, owner_id)
            await session_store.insert_devices(tx, [device])
            caller = known(each.reset.visitor, owner_id, logins[owner_id].role)
            tx.record(Action(caller, "password.reset", f"principal:{owner_id}", facts={"sessions_ended": ended}))
            answers.append(DeviceTrust(owner_id, text))
        return answers

    async def _set(self, tx: Tx, owner_id: UUID, after: str) -> dict[UUID, Login]:
        """The new password in its place; logins half done with the old one are over, and the person is told."""
        desk = self._desk
        await store.set_passwords(tx, desk.runtime, {owner_id: after}, desk.settings.password_history - 1)
        await ticket_store.end_tickets_of(tx, [owner_id])
        contacts = await store.find_contacts(tx, desk.runtime, [owner_id])
        await write(tx, desk.runtime, [(owner_id, each, "password_changed", {}) for each in contacts.values()])
        return await store.find_logins(tx, [owner_id])
