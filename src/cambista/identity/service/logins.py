"""Logging in: an attempt is counted, one password is looked at, then a session opens or a factor is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from cambista.identity.errors.people import LoginFailed, PasswordExpired, TooManyAttempts
from cambista.identity.rules import lockout, passwords, sessions
from cambista.identity.rules import tokens as token_rules
from cambista.identity.rules.lockout import Guard
from cambista.identity.rules.principals import read_email
from cambista.identity.service.desk import AtDesk, charge, known, one, refund, stranger
from cambista.identity.service.letters_of_people import send_links
from cambista.identity.service.sessions import open_sessions
from cambista.identity.store import people as store
from cambista.identity.store import sessions as session_store
from cambista.identity.store import tickets as ticket_store
from cambista.identity.store.factors import find_kinds
from cambista.identity.store.people import Login
from cambista.identity.types.factors import FactorKind
from cambista.identity.types.people import Attempt, NewSession, PendingLogin, Ticket, TokenPurpose
from cambista.identity.types.principals import Status
from cambista.kernel.errors import Refusal
from cambista.runtime import Action, Tx


@dataclass(frozen=True, slots=True)
class _Asked:
    """An attempt, and what its address and its device's token are looked up by."""

    attempt: Attempt
    blind: bytes
    device_hash: bytes


@dataclass(frozen=True, slots=True)
class _Begun:
    """An attempt that is counted: the account it names, if any, and the hash to compare with, which there always is."""

    asked: _Asked
    login: Login | None
    hash: str = field(repr=False)
    device_id: UUID | None
    counters: Mapping[str, Guard]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What came of the comparison: whether the password is right, and its new hash where the parameters changed."""

    begun: _Begun
    right: bool
    better_hash: str | None = field(repr=False)


class Logins(AtDesk):
    """The part of people's door where one comes in."""

    async def log_in(self, attempt: Attempt) -> NewSession | Ticket:
        """Open a session, or give a ticket for showing a second factor (for those who have one).

        Refuses `email_invalid`, `login_failed` (whatever the reason), `too_many_attempts`, `password_expired`,
        `house_busy`. An account that does not exist is answered like one that does: the same statements, one
        verification of the same cost, the same words.
        """
        desk = self._desk
        asked = _Asked(attempt, desk.blind(read_email(attempt.email)), token_rules.token_hash(attempt.device))
        async with desk.hashing.place():
            begun = one(await desk.writer.submit(self._begin, [asked]))
            assert isinstance(begun, _Begun)
            right, better = await desk.hashing.verify(passwords.typed(attempt.password), begun.hash)
            seen = _Seen(begun, right, better)
            answer = one(await desk.writer.submit(self._finish, [seen]))
        assert isinstance(answer, NewSession | Ticket)
        return answer

    async def _begin(self, tx: Tx, asked: Sequence[_Asked]) -> list[_Begun | Refusal]:
        """Find the accounts and charge the attempts."""
        found = await store.find_by_email(tx, [each.blind for each in asked])
        since = tx.now - timedelta(days=self._desk.settings.device_days)
        devices = await session_store.find_devices(tx, [each.device_hash for each in asked], since)
        begun: list[_Begun] = []
        for each in asked:
            at = found[each.blind]
            device = devices.get(each.device_hash)
            own = device is not None and at.login is not None and device.principal_id == at.login.principal_id
            device_id = device.id if device is not None and own else None
            counters = lockout.counters_of(each.blind, each.attempt.visitor.address, device_id)
            hash = at.login.password_hash if at.login is not None else None
            begun.append(_Begun(each, at.login, hash or self._desk.hashing.dummy(at.like), device_id, counters))
        waits = await charge(tx, [each.counters for each in begun])
        return [
            TooManyAttempts(retry_after_s=lockout.wait_s([wait])) if wait else each
            for each, wait in zip(begun, waits, strict=True)
        ]

    async def _finish(self, tx: Tx, seen: Sequence[_Seen]) -> list[NewSession | Ticket | Refusal]:
        """Judge with the accounts as they are now, locked: a password changed meanwhile lets nobody in.

        Those with a wrong password are not looked at again, so that they cost what an unknown address costs.
        """
        matched = [each.begun.login.principal_id for each in seen if each.right and each.begun.login]
        logins = await store.lock_logins(tx, matched)
        right = [each for each in seen if _is_right(each, logins)]
        await refund(tx, [each.begun.counters for each in right])
        await store.upgrade_hashes(
            tx,
            {
                each.begun.login.principal_id: (each.begun.hash, each.better_hash)
                for each in right
                if each.begun.login is not None and each.better_hash is not None
            },
        )
        owners = [each.begun.login.principal_id for each in right if each.begun.login]
        kinds = await find_kinds(tx, owners)
        return [await self._enter(tx, each, kinds) if each in right else _turn_away(tx, each) for each in seen]

    async def _enter(
        self, tx: Tx, seen: _Seen, kinds: Mapping[UUID, frozenset[FactorKind]]
    ) -> NewSession | Ticket | Refusal:
        login, visitor = seen.begun.login, seen.begun.asked.attempt.visitor
        assert login is not None
        caller = known(visitor, login.principal_id, login.role)
        subject = f"principal:{login.principal_id}"
        if passwords.is_old(login.password_set_at, self._desk.settings.password_days_max, tx.now):
            await send_links(tx, self._desk, [login.principal_id], TokenPurpose.RESET, "password_expired")
            tx.record(Action(caller, "login", subject, PasswordExpired.code))
            return PasswordExpired()
        tx.record(Action(caller, "login", subject, facts={"known_device": seen.begun.device_id is not None}))
        pending = self._pending(tx, seen, login)
        methods = kinds.get(login.principal_id)
        if not methods:
            [opened] = await open_sessions(tx, self._desk, [(pending, None)])
            return opened
        ticket, hash = self._desk.token(token_rules.TICKET_MARK)
        await ticket_store.insert_tickets(tx, [(pending, hash)])
        return Ticket(pending, ticket, tuple(sorted(each.value for each in methods)))

    def _pending(self, tx: Tx, seen: _Seen, login: Login) -> PendingLogin:
        visitor = seen.begun.asked.attempt.visitor
        expires_at = tx.now + timedelta(seconds=self._desk.settings.ticket_ttl_s)
        return PendingLogin(
            self._desk.runtime.new_id(), login.principal_id, login.role, visitor.address[:64],
            visitor.agent[: sessions.AGENT_MAX], seen.begun.device_id, tx.now, expires_at,
        )  # fmt: skip


def _is_right(seen: _Seen, logins: Mapping[UUID, Login]) -> bool:
    login = seen.begun.login
    if login is None or not seen.right:
        return False
    current = logins.get(login.principal_id)
    return (
        current is not None
        and current.status is Status.ACTIVE
        # Set, and not changed since it was compared: a dummy has never let anybody in.
        and current.password_hash is not None
        and current.password_hash == seen.begun.hash
    )


def _turn_away(tx: Tx, seen: _Seen) -> Refusal:
    """One answer, whatever was wrong. On record an unknown account has a digest, never the address that was typed."""
    login = seen.begun.login
    subject = f"login:{seen.begun.asked.blind.hex()[:16]}" if login is None else f"principal:{login.principal_id}"
    caller = stranger(seen.begun.asked.attempt.visitor)
    facts = {"known_device": seen.begun.device_id is not None}
    tx.record(Action(caller, "login", subject, LoginFailed.code, facts))
    return LoginFailed()
