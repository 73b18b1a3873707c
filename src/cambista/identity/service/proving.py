"""Whether a second factor is right: looked at in turn, ever more slowly after wrong ones, and spent when it was."""

from dataclasses import dataclass
from uuid import UUID

from cambista.identity.errors.factors import SecondFactorDelayed, SecondFactorWrong
from cambista.identity.rules import factors as rules
from cambista.identity.rules.roles import STAFF
from cambista.identity.service.letters import Letters
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import factors as store
from cambista.identity.store import passkeys as passkey_store
from cambista.identity.types.factors import FactorKind, Proof, Site
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
from cambista.runtime import Runtime, Tx


@dataclass(frozen=True, slots=True)
class Prover:
    """Who shows a factor, and from where."""

    owner_id: UUID
    role: Role
    address: str


class Proving:
    """Judges second factors inside a transaction that must commit whatever the verdict is: wrong ones are counted.

    The counters are of the account and of the address. Only who has the password (a login's ticket) or a session
    gets here, so nobody else can make an account wait.
    """

    def __init__(self, runtime: Runtime, settings: IdentitySettings, letters: Letters) -> None:
        self._runtime = runtime
        self._settings = settings
        self._letters = letters

    async def prove(self, tx: Tx, prover: Prover, proof: Proof) -> Refusal | None:
        """None when the proof is right, which spends it; `second_factor_wrong`, `second_factor_delayed`."""
        account, address = f"account:{prover.owner_id}", rules.address_counter(prover.address)
        counters = await store.lock_failures(tx, [account, address])
        wait_s = rules.wait_s(list(counters.values()), tx.now)
        if wait_s:
            return SecondFactorDelayed(retry_after_s=wait_s)
        if await self._is_right(tx, prover, proof):
            await store.set_failures(tx, {account: rules.Failures(0, tx.now, tx.now)})
            return None
        failed = {
            account: rules.after_failure(counters[account], rules.ACCOUNT_GUARD, tx.now),
            address: rules.after_failure(counters[address], rules.ADDRESS_GUARD, tx.now),
        }
        await store.set_failures(tx, failed)
        if failed[account].failures == rules.ACCOUNT_GUARD.free:
            await self._letters.send(tx, prover.owner_id, "second_factor_guessed")
        return SecondFactorWrong()

    async def _is_right(self, tx: Tx, prover: Prover, proof: Proof) -> bool:
        match proof.kind:
            case FactorKind.TOTP:
                return await self.use_totp(tx, prover.owner_id, proof.code)
            case FactorKind.SMS:
                return prover.role not in STAFF and await self._use_sms(tx, prover.owner_id, proof.code)
            case FactorKind.RECOVERY:
                return await self._use_recovery(tx, prover.owner_id, proof.code)
            case FactorKind.PASSKEY:
                return await self._use_passkey(tx, prover.owner_id, proof)

    async def use_totp(self, tx: Tx, owner_id: UUID, code: str, *, pending: bool = False) -> bool:
        """Spend a code of the authenticator, or of the one being set up."""
        pending_since = tx.now - rules.ENROLMENT_TTL if pending else None
        totp = await store.find_totp(tx, self._runtime, owner_id, pending_since=pending_since)
        if totp is None:
            return False
        step = rules.shown_step(totp.secret, code, tx.now)
        return step is not None and await store.use_step(tx, totp.id, step)

    async def use_sms(self, tx: Tx, phone_id: UUID, code: str) -> bool:
        """Spend the code last sent to that phone."""
        stored = await store.try_sms_code(tx, phone_id, rules.SMS_TRIES_MAX)
        return stored is not None and await store.use_sms_code(tx, self._runtime, stored, rules.read_code(code))

    async def _use_sms(self, tx: Tx, owner_id: UUID, code: str) -> bool:
        phone = await store.find_phone(tx, self._runtime, owner_id, pending=False)
        return phone is not None and await self.use_sms(tx, phone.id, code)

    async def _use_recovery(self, tx: Tx, owner_id: UUID, code: str) -> bool:
        if not await store.use_recovery_code(tx, owner_id, rules.recovery_hash(code)):
            return False
        left = await store.count_recovery_codes(tx, owner_id)
        await self._letters.send(tx, owner_id, "recovery_code_used", left=str(left))
        return True

    async def _use_passkey(self, tx: Tx, owner_id: UUID, proof: Proof) -> bool:
        from cambista.identity.service import passkeys

        challenge = await passkey_store.take_challenge(tx, owner_id, "prove")
        credential_id = passkeys.credential_id(proof.assertion)
        if challenge is None or credential_id is None:
            return False
        known = await passkey_store.find_passkey(tx, owner_id, credential_id)
        if known is None:
            return False
        site = Site(self._settings.origin, self._settings.house_name)
        count = passkeys.new_sign_count(site, challenge, proof.assertion, known)
        if count is None:
            return False
        await passkey_store.set_used(tx, known.id, count)
        return True
