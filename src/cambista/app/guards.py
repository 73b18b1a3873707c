"""How the house is guarded just now, out of its settings and its keepers, for the console to show."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from cambista.app.build import House
from cambista.app.settings import Settings, TlsSettings
from cambista.console import Guards, Keeping, Limits, Policy, Tier, Ways
from cambista.identity import PASSWORD_LENGTH_MIN, IdentitySettings
from cambista.runtime import KeysUnavailable


def guards_of(house: House, certificate_ends_at: Callable[[], datetime] | None) -> Callable[[], Awaitable[Guards]]:
    """What asks for it anew each time."""

    async def look() -> Guards:
        ends_at = None if certificate_ends_at is None else certificate_ends_at()
        settings = house.settings
        return Guards(_limits(settings), _ways(settings, ends_at), await _keeping(house), _policy(settings.identity))

    return look


def _limits(settings: Settings) -> Limits:
    given = settings.gateway
    tiers = [
        Tier(name, tier.units, tier.trades, sorted(role for role, of in given.tier_of_role.items() if of == name))
        for name, tier in given.tiers.items()
    ]
    return Limits(tiers, given.price_calls_per_minute, given.open_units_per_minute, given.failures_per_minute)


def _ways(settings: Settings, ends_at: datetime | None) -> Ways:
    given = settings.gateway
    tls = settings.tls.minimum if settings.tls != TlsSettings() else None
    return Ways(
        tls, ends_at, given.hsts_s, [str(each) for each in given.trusted_proxies], given.hosts, given.cors_origins
    )


async def _keeping(house: House) -> Keeping:
    try:
        newest = await house.runtime.sealing.provider.newest()
    except KeysUnavailable:
        newest = None
    given = house.settings.sealing
    return Keeping(given.provider, given.former, newest)


def _policy(given: IdentitySettings) -> Policy:
    argon2 = f"{given.password_memory_kib} KiB, {given.password_passes}, {given.password_lanes}"
    return Policy(
        PASSWORD_LENGTH_MIN, given.password_days_max, given.password_history, argon2,
        given.breached_passwords is not None, given.staff_second_factor, given.step_up_s, given.session_idle_staff_s,
        given.session_max_s,
    )  # fmt: skip
