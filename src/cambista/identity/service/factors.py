"""Second factors of people: set up, shown, taken away."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, TypeVar
from uuid import UUID

import segno

from cambista.identity.errors.factors import (
    EnrolmentUnknown,
    FactorUnknown,
    LastFactor,
    PasskeyInvalid,
    PasskeysLimit,
    SecondFactorWrong,
    SessionRequired,
    SmsNotForStaff,
)
from cambista.identity.events.factors import SecondFactorChanged
from cambista.identity.rules import factors as rules
from cambista.identity.rules import step_up
from cambista.identity.rules.principals import read_text
from cambista.identity.rules.roles import OVERSEERS, STAFF
from cambista.identity.service.keyring import Keyring
from cambista.identity.service.letters import FindContacts, Letters
from cambista.identity.service.proving import Prover, Proving
from cambista.identity.service.texting import Texting
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import factors as store
from cambista.identity.store import keys as key_store
from cambista.identity.store import passkeys as passkey_store
from cambista.identity.store.principals import lock_principals
from cambista.identity.types.factors import (
    Enrolled,
    FactorKind,
    Factors,
    Passkey,
    Site,
    StepUpRequest,
    TotpEnrolment,
)
from cambista.identity.types.keys import Scope
from cambista.kernel.callers import Caller, Credential, StepUpRequired
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Action, Reader, Runtime, Tx

T = TypeVar("T")
PASSKEY_NAME_MAX = 100
_QR_SCALE = 4


class SecondFactors:
    """What a person shows beside the password. Each use case is one transaction of its own and for one person.

    They stay out of the shared writer: no trade waits for somebody's phone. Changes need a factor shown lately in
    the session (`step_up_required`); the first factor needs a login as fresh.
    """

    def __init__(
        self, runtime: Runtime, settings: IdentitySettings, keyring: Keyring, find_contacts: FindContacts
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._keyring = keyring
        self._letters = Letters(runtime, find_contacts)
        self._texting = Texting(runtime, settings, self._letters)
        self.proving = Proving(runtime, settings, self._letters)

    # ----------------------------------------------------------------------------------------------------- showing one
    async def step_up(self, request: StepUpRequest) -> None:
        """Show a factor anew: the session counts as proved from now. `second_factor_wrong`, `second_factor_delayed`."""
        caller = _person(request.caller)

        async def prove(tx: Tx) -> Refusal | None:
            await self._check_alive(tx, caller)
            prover = Prover(caller.id, caller.role, caller.address)
            refusal = await self.proving.prove(tx, prover, request.proof)
            _journal(tx, caller, "factor.step_up", refusal, factor=request.proof.kind)
            if refusal is None:
                await self._note_proof(tx, caller)
            return refusal

        await self._settle(prove)
        self._keyring.forget()

    async def send_code(self, caller: Caller) -> None:
        """Send a code to the session's person. Refuses `factor_not_found`, `sms_limit`, `sms_not_for_staff`."""
        person = _person(caller)
        async with self._runtime.db.transaction() as tx:
            await self._check_alive(tx, person)
            await self.send_code_to(tx, Prover(person.id, person.role, person.address))

    async def send_code_to(self, tx: Tx, prover: Prover) -> None:
        """Send a code to a person's confirmed phone."""
        if prover.role in STAFF:
            raise SmsNotForStaff
        await self._texting.send_to_confirmed(tx, prover.owner_id)

    async def ask_passkey(self, caller: Caller) -> dict[str, Any]:
        """What the session's person lets a passkey sign, to step up. Refuses `factor_not_found`."""
        person = _person(caller)
        async with self._runtime.db.transaction() as tx:
            await self._check_alive(tx, person)
            return await self.ask_passkey_of(tx, person.id)

    async def ask_passkey_of(self, tx: Tx, owner_id: UUID) -> dict[str, Any]:
        """A challenge for a person's passkeys, good once and for five minutes."""
        from cambista.identity.service import passkeys

        known = await passkey_store.list_credential_ids(tx, owner_id)
        if not known:
            raise FactorUnknown(kind=FactorKind.PASSKEY)
        challenge = await self._challenge(tx, owner_id, "prove")
        return passkeys.proof_options(self._site(), challenge, known)

    async def find(self, caller: Caller) -> Factors:
        """The caller's own factors."""
        person = _person(caller)
        async with self._runtime.db.read_own(person.id) as reader:
            return await self._factors(reader, person.id)

    async def find_of(self, caller: Caller, owner_id: UUID) -> Factors:
        """Anybody's factors, for admin and auditor."""
        caller.require(Scope.KEYS_READ, *OVERSEERS)
        async with self._runtime.db.read() as reader:
            return await self._factors(reader, owner_id)

    # -------------------------------------------------------------------------------------------------- authenticators
    async def begin_totp(self, caller: Caller) -> TotpEnrolment:
        """Draw a secret for an authenticator app; it counts once `confirm_totp` has seen a code of it."""
        person = _person(caller)
        secret = rules.totp_secret(secrets.token_bytes(rules.TOTP_SECRET_BYTES))
        async with self._runtime.db.transaction() as tx:
            await self._check_change(tx, person)
            await store.insert_pending_totp(tx, self._runtime, person.id, secret)
            label = await self._letters.label(tx, person.id)
            _journal(tx, person, "factor.begin", None, factor=FactorKind.TOTP)
            expires_at = tx.now + rules.ENROLMENT_TTL
        uri = rules.totp_uri(secret, label=label, issuer=self._settings.house_name)
        return TotpEnrolment(secret, uri, _qr_svg(uri), expires_at)

    async def confirm_totp(self, caller: Caller, code: str) -> Enrolled:
        """Let the new authenticator count, in the place of an earlier one. `enrolment_not_found`, wrong, delayed."""
        person = _person(caller)

        async def confirm(tx: Tx) -> Enrolled | Refusal:
            await self._check_alive(tx, person)
            pending_since = tx.now - rules.ENROLMENT_TTL
            pending = await store.find_totp(tx, self._runtime, person.id, pending_since=pending_since)
            if pending is None:
                return EnrolmentUnknown()
            if not await self.proving.use_totp(tx, person.id, code, pending=True):
                return SecondFactorWrong()
            await store.confirm_totp(tx, person.id, pending.id)
            return await self._enrolled(tx, person, FactorKind.TOTP)

        return await self._settle(confirm, forget=True)

    async def remove_totp(self, caller: Caller) -> None:
        """Take the authenticator away. Refuses `factor_not_found`, `last_factor`."""
        await self._remove(caller, FactorKind.TOTP, lambda tx, person: store.delete_totp(tx, person.id))

    # ---------------------------------------------------------------------------------------------------------- phones
    async def begin_sms(self, caller: Caller, number: str) -> None:
        """Send a code to a new phone. Refuses `phone_invalid`, `sms_limit`, `sms_not_for_staff`."""
        person = _person(caller)
        if person.role in STAFF:
            raise SmsNotForStaff
        phone = rules.read_phone(number)
        async with self._runtime.db.transaction() as tx:
            await self._check_change(tx, person)
            await self._texting.send_to_new(tx, person.id, phone)
            _journal(tx, person, "factor.begin", None, factor=FactorKind.SMS)

    async def confirm_sms(self, caller: Caller, code: str) -> Enrolled:
        """Let the new phone count, in the place of an earlier one. `enrolment_not_found`, `second_factor_wrong`."""
        person = _person(caller)

        async def confirm(tx: Tx) -> Enrolled | Refusal:
            await self._check_alive(tx, person)
            pending = await store.find_phone(tx, self._runtime, person.id, pending=True)
            if pending is None:
                return EnrolmentUnknown()
            if not await self.proving.use_sms(tx, pending.id, code):
                return SecondFactorWrong()
            await store.confirm_phone(tx, person.id, pending.id)
            return await self._enrolled(tx, person, FactorKind.SMS)

        return await self._settle(confirm, forget=True)

    async def remove_sms(self, caller: Caller) -> None:
        """Take the phone away. Refuses `factor_not_found`."""
        await self._remove(caller, FactorKind.SMS, lambda tx, person: store.delete_phone(tx, person.id))

    # -------------------------------------------------------------------------------------------------------- passkeys
    async def begin_passkey(self, caller: Caller) -> dict[str, Any]:
        """What a browser needs to make a passkey. Refuses `passkeys_limit`."""
        from cambista.identity.service import passkeys

        person = _person(caller)
        async with self._runtime.db.transaction() as tx:
            await self._check_change(tx, person)
            known = await passkey_store.list_credential_ids(tx, person.id)
            if len(known) >= self._settings.passkeys_max:
                raise PasskeysLimit(passkeys_max=self._settings.passkeys_max)
            challenge = await self._challenge(tx, person.id, "enrol")
            label = await self._letters.label(tx, person.id)
        return passkeys.registration_options(self._site(), (person.id, label), challenge, known)

    async def confirm_passkey(
        self, caller: Caller, name: str, answer: Mapping[str, object]
    ) -> tuple[Passkey, Sequence[str]]:
        """Keep the passkey the browser made, and the recovery codes if it is the first factor.

        Refuses `passkey_invalid`, `passkeys_limit`, `text_invalid`.
        """
        from cambista.identity.service import passkeys

        person = _person(caller)
        shown = read_text(name, field="name", length_max=PASSKEY_NAME_MAX)

        async def confirm(tx: Tx) -> tuple[Passkey, Sequence[str]] | Refusal:
            await self._check_alive(tx, person)
            challenge = await passkey_store.take_challenge(tx, person.id, "enrol")
            id = self._runtime.new_id()
            proof = None if challenge is None else passkeys.registered(self._site(), challenge, answer, id)
            if proof is None:
                return PasskeyInvalid()
            if len(await passkey_store.list_credential_ids(tx, person.id)) >= self._settings.passkeys_max:
                return PasskeysLimit(passkeys_max=self._settings.passkeys_max)
            passkey = Passkey(id, shown, tx.now, None)
            if not await passkey_store.insert_passkey(tx, person.id, passkey, proof):
                return PasskeyInvalid()
            enrolled = await self._enrolled(tx, person, FactorKind.PASSKEY)
            return passkey, enrolled.recovery_codes

        return await self._settle(confirm, forget=True)

    async def rename_passkey(self, caller: Caller, passkey_id: UUID, name: str) -> Passkey:
        """Call a passkey something else. Refuses `factor_not_found`, `text_invalid`."""
        person = _person(caller)
        shown = read_text(name, field="name", length_max=PASSKEY_NAME_MAX)
        async with self._runtime.db.transaction() as tx:
            await self._check_change(tx, person)
            renamed = await passkey_store.rename(tx, person.id, passkey_id, shown)
        if renamed is None:
            raise FactorUnknown(passkey=str(passkey_id))
        return renamed

    async def remove_passkey(self, caller: Caller, passkey_id: UUID) -> None:
        """Take a passkey away. Refuses `factor_not_found`, `last_factor`."""
        await self._remove(
            caller, FactorKind.PASSKEY, lambda tx, person: passkey_store.delete(tx, person.id, passkey_id)
        )

    # -------------------------------------------------------------------------------------------------- recovery codes
    async def renew_recovery_codes(self, caller: Caller) -> Sequence[str]:
        """Ten new codes in the place of all earlier ones, shown once. Refuses `factor_not_found` without a factor."""
        person = _person(caller)
        async with self._runtime.db.transaction() as tx:
            await self._check_change(tx, person)
            if not await store.find_kinds(tx, [person.id]):
                raise FactorUnknown
            codes = await self._draw_recovery_codes(tx, person.id)
            await self._tell(tx, person, FactorKind.RECOVERY, "renewed")
        return codes

    async def sweep(self) -> None:
        """Forget old codes, idle counters and enrolments nobody finished."""
        async with self._runtime.db.transaction() as tx:
            await store.sweep_factors(tx, tx.now - 2 * rules.ACCOUNT_GUARD.forget)

    # --------------------------------------------------------------------------------------------------------- private
    async def _settle(self, work: Callable[[Tx], Awaitable[T | Refusal]], *, forget: bool = False) -> T:
        """Commit what `work` did, then say its no: what was counted and spent stays so."""
        async with self._runtime.db.transaction() as tx:
            verdict = await work(tx)
        if forget:
            self._keyring.forget()
        if isinstance(verdict, Refusal):
            raise verdict
        return verdict

    async def _check_alive(self, tx: Tx, person: Caller) -> None:
        """One change of a person at a time, and none on a session that was revoked meanwhile."""
        assert person.key_id is not None
        if await key_store.find_refused_keys(tx, [person.key_id], tx.now):
            raise Unauthenticated
        await lock_principals(tx, [person.id])

    async def _check_change(self, tx: Tx, person: Caller) -> None:
        """A change needs a factor shown lately; where there is none yet, the login is what must be fresh."""
        await self._check_alive(tx, person)
        if await store.find_kinds(tx, [person.id]):
            step_up.require_step_up(person, tx.now, self._settings.step_up)
            return
        assert person.key_id is not None
        opened_at = await store.find_session_start(tx, person.key_id)
        if opened_at is None or tx.now - opened_at > self._settings.step_up:
            raise StepUpRequired("Log in again to set up a second factor.")

    async def _enrolled(self, tx: Tx, person: Caller, kind: FactorKind) -> Enrolled:
        """A factor counts from now, and was shown just now; with the first one come recovery codes."""
        await self._note_proof(tx, person)
        codes: Sequence[str] = ()
        if await store.count_recovery_codes(tx, person.id) == 0:
            codes = await self._draw_recovery_codes(tx, person.id)
        await self._tell(tx, person, kind, "added")
        return Enrolled(kind, codes)

    async def _note_proof(self, tx: Tx, person: Caller) -> None:
        assert person.key_id is not None
        if not await store.set_proved(tx, person.key_id, person.id):
            raise Unauthenticated

    async def _remove(self, caller: Caller, kind: FactorKind, delete: Callable[[Tx, Caller], Awaitable[bool]]) -> None:
        person = _person(caller)
        async with self._runtime.db.transaction() as tx:
            await self._check_change(tx, person)
            if not await delete(tx, person):
                raise FactorUnknown(kind=kind)
            if not await store.find_kinds(tx, [person.id]):
                if person.role in STAFF and self._settings.staff_second_factor:
                    raise LastFactor
                await store.delete_recovery_codes(tx, person.id)
            await self._tell(tx, person, kind, "removed")

    async def _tell(self, tx: Tx, person: Caller, kind: FactorKind, change: str) -> None:
        _journal(tx, person, f"factor.{change}", None, factor=kind)
        tx.emit(SecondFactorChanged(person.id, kind.value, change, tx.now), trace_id=person.trace_id)
        await self._letters.send(tx, person.id, "second_factor_changed", factor=kind.value, change=change)

    async def _draw_recovery_codes(self, tx: Tx, owner_id: UUID) -> Sequence[str]:
        codes = [rules.recovery_code(secrets.token_bytes(rules.RECOVERY_BYTES)) for _ in range(rules.RECOVERY_CODES)]
        await store.replace_recovery_codes(tx, owner_id, [rules.recovery_hash(code) for code in codes])
        return codes

    async def _challenge(self, tx: Tx, owner_id: UUID, purpose: str) -> bytes:
        challenge = secrets.token_bytes(rules.CHALLENGE_BYTES)
        await passkey_store.put_challenge(tx, owner_id, purpose, challenge, tx.now + rules.CHALLENGE_TTL)
        return challenge

    def _site(self) -> Site:
        return Site(self._settings.origin, self._settings.house_name)

    async def _factors(self, reader: Reader, owner_id: UUID) -> Factors:
        totp_since = await store.find_totp_start(reader, owner_id)
        phone = await store.find_phone(reader, self._runtime, owner_id, pending=False)
        return Factors(
            totp_since,
            None if phone is None else rules.masked_phone(phone.number),
            None if phone is None else phone.confirmed_at,
            await passkey_store.list_passkeys(reader, owner_id),
            await store.count_recovery_codes(reader, owner_id),
        )


def _person(caller: Caller) -> Caller:
    if caller.credential is not Credential.SESSION:
        raise SessionRequired
    return caller


def _journal(tx: Tx, caller: Caller, name: str, refusal: Refusal | None, *, factor: FactorKind) -> None:
    outcome = "done" if refusal is None else refusal.code
    tx.record(Action(caller, name, f"principal:{caller.id}", outcome, {"factor": factor.value}))


def _qr_svg(uri: str) -> str:
    drawn = BytesIO()
    segno.make(uri, error="m", micro=False).save(drawn, kind="svg", scale=_QR_SCALE, xmldecl=False, svgclass=None)
    return drawn.getvalue().decode("utf-8")
