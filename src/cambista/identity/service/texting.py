"""Codes by SMS: drawn, bounded in number, and put on their way."""

import secrets
from datetime import timedelta
from uuid import UUID

from cambista.identity.errors.factors import FactorUnknown, SmsLimit
from cambista.identity.rules import factors as rules
from cambista.identity.service.letters import Letters
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import factors as store
from cambista.identity.store.factors import StoredPhone
from cambista.identity.types.factors import FactorKind
from cambista.runtime import Runtime, Tx

_HOUR = timedelta(hours=1)


class Texting:
    """Sends one code at a time to a phone, a bounded number an hour for each account and each number."""

    def __init__(self, runtime: Runtime, settings: IdentitySettings, letters: Letters) -> None:
        self._runtime = runtime
        self._settings = settings
        self._letters = letters

    async def send_to_new(self, tx: Tx, owner_id: UUID, number: str) -> None:
        """A code for a phone that is being set up. Refuses `sms_limit`."""
        phone = await store.insert_pending_phone(tx, self._runtime, owner_id, number)
        await self._send(tx, owner_id, phone)

    async def send_to_confirmed(self, tx: Tx, owner_id: UUID) -> None:
        """A code for the phone that counts. Refuses `factor_not_found`, `sms_limit`."""
        phone = await store.find_phone(tx, self._runtime, owner_id, pending=False)
        if phone is None:
            raise FactorUnknown(kind=FactorKind.SMS)
        await self._send(tx, owner_id, phone)

    async def _send(self, tx: Tx, owner_id: UUID, phone: StoredPhone) -> None:
        sent = await store.count_sendings(tx, owner_id, phone.number_index, tx.now - _HOUR)
        if sent.count >= self._settings.sms_per_hour:
            raise SmsLimit(per_hour=self._settings.sms_per_hour, retry_after_s=int(_HOUR.total_seconds()))
        if sent.last_at is not None and tx.now - sent.last_at < rules.SMS_PAUSE:
            raise SmsLimit(retry_after_s=int(rules.SMS_PAUSE.total_seconds()))
        code = rules.sms_code(secrets.randbelow(10**rules.DIGITS))
        await store.insert_sms_code(tx, self._runtime, owner_id, phone, (code, rules.SMS_CODE_TTL))
        await self._letters.text(tx, owner_id, phone.number, code, rules.SMS_CODE_TTL)
