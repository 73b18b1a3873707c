"""Sessions: opened after a login, listed, ended by their person, and ended when another agent shows up with one."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from cambista.identity.errors.people import SessionUnknown
from cambista.identity.rules import keys as key_rules
from cambista.identity.rules import sessions as rules
from cambista.identity.rules import tokens as token_rules
from cambista.identity.rules.roles import OVERSEERS, STAFF
from cambista.identity.rules.step_up import require_step_up
from cambista.identity.service.desk import AtDesk, Desk, known, one, write
from cambista.identity.service.keyring import Keyring
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.store import people as people_store
from cambista.identity.store import sessions as store
from cambista.identity.store.sessions import Device, SessionDraft
from cambista.identity.types.keys import Scope
from cambista.identity.types.people import (
    NewSession,
    PendingLogin,
    Session,
    SessionEnd,
    SessionRevocation,
    SessionsEnded,
    Visitor,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Action, Runtime, Tx

ADDRESS_MAX = 64
Opening = tuple[PendingLogin, datetime | None]


class Sessions(AtDesk):
    """The part of people's door that is about sessions."""

    async def list_sessions(self, caller: Caller) -> list[Session]:
        """The caller's living sessions, newest first."""
        rules.require_session(caller)
        async with self._desk.runtime.db.read_own(caller.id) as reader:
            return await store.list_living(reader, [caller.id], self._desk.runtime.now())

    async def list_sessions_of(self, caller: Caller, owner_id: UUID) -> list[Session]:
        """Anybody's living sessions, newest first, for admin and auditor."""
        caller.require(Scope.KEYS_READ, *OVERSEERS)
        async with self._desk.runtime.db.read() as reader:
            return await store.list_living(reader, [owner_id], self._desk.runtime.now())

    async def end_sessions(self, requests: Sequence[SessionRevocation]) -> list[SessionsEnded | Refusal]:
        """End one of the caller's sessions, or all but the present one, at once. Refuses `session_not_found`."""
        answers = await self._desk.writer.submit(self._end_sessions, requests)
        self._desk.keyring.forget()
        return [answer for answer in answers if isinstance(answer, SessionsEnded | Refusal)]

    async def end_sessions_of(self, caller: Caller, owner_id: UUID) -> SessionsEnded:
        """End all of somebody's sessions, without blocking (admin, compliance). Refuses `step_up_required`."""
        caller.require(Scope.PRINCIPALS_WRITE, Role.ADMIN, Role.COMPLIANCE)
        async with self._desk.runtime.db.transaction() as tx:
            if caller.key_id is not None and await key_store.find_refused_keys(tx, [caller.key_id], tx.now):
                raise Unauthenticated
            require_step_up(caller, tx.now, self._desk.settings.step_up)
            count = await store.end_sessions_of(tx, [owner_id], SessionEnd.REVOKED)
            tx.record(Action(caller, "session.end_all", f"principal:{owner_id}", facts={"count": count}))
        self._desk.keyring.forget()
        return SessionsEnded(count)

    async def log_out(self, caller: Caller) -> None:
        """End the session the caller speaks through."""
        one(await self.end_sessions([SessionRevocation(caller, rules.require_session(caller))]))

    async def _end_sessions(self, tx: Tx, requests: Sequence[SessionRevocation]) -> list[SessionsEnded | Refusal]:
        keys = [each.caller.key_id for each in requests if each.caller.key_id is not None]
        refused = await key_store.find_refused_keys(tx, keys, tx.now)
        named = await store.lock_sessions(tx, [each.session_id for each in requests if each.session_id is not None])
        answers: list[SessionsEnded | Refusal] = []
        for request in requests:
            if request.caller.key_id in refused:
                answers.append(Unauthenticated())
                continue
            try:
                own = rules.require_session(request.caller)
                answers.append(await self._end(tx, request, own, named))
            except Refusal as refusal:
                answers.append(refusal)
        return answers

    async def _end(self, tx: Tx, request: SessionRevocation, own: UUID, named: dict[UUID, Session]) -> SessionsEnded:
        caller = request.caller
        if request.session_id is None:
            count = await store.end_sessions_of(tx, [caller.id], SessionEnd.REVOKED, but=[own])
            facts: dict[str, object] = {"count": count}
            tx.record(Action(caller, "session.end_others", f"principal:{caller.id}", facts=facts))
            return SessionsEnded(count)
        found = named.get(request.session_id)
        if found is None or found.owner_id != caller.id or not rules.is_living(found, tx.now):
            raise SessionUnknown(session=str(request.session_id))
        why = SessionEnd.LOGOUT if found.id == own else SessionEnd.REVOKED
        await store.end_sessions(tx, [found.id], why)
        tx.record(Action(caller, "session.end", f"session:{found.id}", facts={"reason": why.value}))
        return SessionsEnded(1)


async def open_sessions(tx: Tx, desk: Desk, openings: Sequence[Opening]) -> list[NewSession]:
    """Open sessions for people who have shown all they have to; `proved_at` is when they showed a second factor.

    Their devices are known from now on. Somebody who has as many sessions as one may have loses the one not seen for
    the longest. A device that is new, to a person who has others, is told of by letter.
    """
    owners = list({pending.owner_id for pending, _ in openings})
    await people_store.lock_logins(tx, owners)
    tokens = await _know_devices(tx, desk, openings)
    living = await store.list_living(tx, owners, tx.now)
    opened: list[NewSession] = []
    for (pending, proved_at), (device_id, device_text) in zip(openings, tokens, strict=True):
        own = [each for each in living if each.owner_id == pending.owner_id]
        crowded = rules.crowded(own, desk.settings.sessions_max)
        await store.end_sessions(tx, crowded, SessionEnd.CROWDED)
        new, draft = _draw(desk, tx, pending, proved_at, device_id)
        await store.insert_sessions(tx, [draft])
        living = [*(each for each in living if each.id not in crowded), draft.record]
        facts = {"session": str(draft.record.id), "second_factor": proved_at is not None}
        caller = known(Visitor(pending.address, agent=pending.agent), pending.owner_id, pending.role)
        tx.record(Action(caller, "session.open", f"principal:{pending.owner_id}", facts=facts))
        opened.append(NewSession(draft.record, new, device_text))
    return opened


def _draw(
    desk: Desk, tx: Tx, pending: PendingLogin, proved_at: datetime | None, device_id: UUID
) -> tuple[str, SessionDraft]:
    token = key_rules.key_text(
        prefix=secrets.token_bytes(key_rules.PREFIX_BYTES),
        secret=secrets.token_bytes(key_rules.SECRET_BYTES),
        mark=key_rules.SESSION_MARK,
    )
    idle_s = idle_seconds(desk.settings, pending)
    expires_at = tx.now + timedelta(seconds=desk.settings.session_max_s)
    record = Session(
        desk.runtime.new_id(), pending.owner_id, rules.device_words(pending.agent), pending.address[:ADDRESS_MAX],
        tx.now, tx.now, tx.now + timedelta(seconds=idle_s), expires_at, proved_at,
    )  # fmt: skip
    return token, SessionDraft(record, key_rules.key_hash(token), idle_s, rules.agent_hash(pending.agent), device_id)


def idle_seconds(settings: IdentitySettings, pending: PendingLogin) -> int:
    return settings.session_idle_staff_s if pending.role in STAFF else settings.session_idle_s


async def _know_devices(tx: Tx, desk: Desk, openings: Sequence[Opening]) -> list[tuple[UUID, str]]:
    """The device of each login: the known one, or a new one with the token it will show next time."""
    owners = list({pending.owner_id for pending, _ in openings})
    before = await store.count_devices(tx, owners)
    found: list[tuple[UUID, str]] = []
    fresh: list[Device] = []
    for pending, _ in openings:
        if pending.device_id is not None:
            found.append((pending.device_id, ""))
            continue
        device, text = new_device(desk, pending.owner_id)
        fresh.append(device)
        found.append((device.id, text))
        if before.get(pending.owner_id):
            await _tell_of_device(tx, desk, pending)
    await store.note_devices(tx, [pending.device_id for pending, _ in openings if pending.device_id is not None])
    await store.insert_devices(tx, fresh)
    await store.trim_devices(tx, owners, desk.settings.devices_max)
    return found


def new_device(desk: Desk, owner_id: UUID) -> tuple[Device, str]:
    """A device to be known from now on, and the token it shows."""
    text, hash = desk.token(token_rules.DEVICE_MARK)
    return Device(desk.runtime.new_id(), owner_id, hash), text


async def _tell_of_device(tx: Tx, desk: Desk, pending: PendingLogin) -> None:
    contacts = await people_store.find_contacts(tx, desk.runtime, [pending.owner_id])
    facts = {"device": rules.device_words(pending.agent) or "?", "address": pending.address}
    letters = [(pending.owner_id, contact, "new_device", facts) for contact in contacts.values()]
    await write(tx, desk.runtime, letters)


async def end_foreign(runtime: Runtime, keyring: Keyring, caller: Caller) -> None:
    """End a session that came with another user agent than the one it was opened with: it may have been stolen."""
    assert caller.key_id is not None
    async with runtime.db.transaction() as tx:
        await store.end_sessions(tx, [caller.key_id], SessionEnd.FOREIGN_AGENT)
        reason = SessionEnd.FOREIGN_AGENT.value
        tx.record(Action(caller, "session.end", f"session:{caller.key_id}", "unauthenticated", {"reason": reason}))
    keyring.forget()
