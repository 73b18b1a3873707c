"""`cambista doctor`: is everything here that the house needs, and is what runs well?"""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cambista.app.commands.running import AsJson, out, read_settings, run
from cambista.app.settings import Settings

DISK_FREE_MIN = 1_000_000_000
CERTIFICATE_DAYS_MIN = 7


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `hint` says what to try when it is not `fine`."""

    name: str
    fine: bool
    said: str
    hint: str = ""


def doctor(as_json: AsJson = False) -> None:
    """Look at Python, the home, the disk, the port and the database; status 1 when something is wrong."""
    run(_examine(read_settings(), as_json))


async def _examine(settings: Settings, as_json: bool) -> int:
    looks: Sequence[Callable[[Settings], Finding]] = (_python, _home, _disk, _port, _certificate)
    findings = [look(settings) for look in looks] + [await _database(settings)]
    if as_json:
        out.print_json(data=[{"name": f.name, "fine": f.fine, "said": f.said, "hint": f.hint} for f in findings])
    else:
        for each in findings:
            out.print(f"{'[green]✓[/]' if each.fine else '[red]✗[/]'} {each.name}: {each.said} {each.hint}")
    return 0 if all(each.fine for each in findings) else 1


def _python(settings: Settings) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", sys.version_info >= (3, 11), version, "" if sys.version_info >= (3, 11) else "Use 3.11.")


def _home(settings: Settings) -> Finding:
    home = settings.home_folder
    above = next(each for each in (home, *home.parents) if each.exists())
    fine = os.access(above, os.W_OK)
    return Finding("home", fine, str(home), "" if fine else "Set CAMBISTA_HOME to a folder you may write to.")


def _disk(settings: Settings) -> Finding:
    home = settings.home_folder
    above = next(each for each in (home, *home.parents) if each.exists())
    free = shutil.disk_usage(above).free
    fine = free >= DISK_FREE_MIN
    return Finding("disk", fine, f"{free / 1e9:.1f} GB free", "" if fine else "Make room: the ledger only grows.")


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return Finding("port", True, f"{settings.host}:{settings.port} is in use (by this house, if it runs)")
    return Finding("port", True, f"{settings.host}:{settings.port} is free")


def _certificate(settings: Settings) -> Finding:
    from cambista.app.certificate import Certificate, TlsRefused, lifetime
    from cambista.app.settings import TlsSettings
    from cambista.runtime import SystemClock

    now = SystemClock().now
    if settings.tls == TlsSettings():
        return Finding("certificate", True, "none: the house speaks HTTP")
    try:
        ends_at = Certificate(settings.tls, now).ends_at
    except TlsRefused as refused:
        return Finding("certificate", False, str(refused), "Mend CAMBISTA_TLS__CERTIFICATE and CAMBISTA_TLS__KEY.")
    soon = (ends_at - now()).days < CERTIFICATE_DAYS_MIN
    return Finding("certificate", not soon, lifetime(ends_at, now()), "Renew it." if soon else "")


async def _database(settings: Settings) -> Finding:
    from cambista.app.databases import reach_database
    from cambista.app.rooms import ROOMS
    from cambista.runtime.migrations import MigrationRefused, pending
    from cambista.runtime.postgres import PostgresStartFailed

    try:
        async with reach_database(settings) as dsn:
            missing = await pending(dsn, ROOMS)
    except (PostgresStartFailed, MigrationRefused) as failure:
        return Finding("database", False, failure.code, failure.hint)
    said = f"{len(missing)} migrations pending" if missing else "reachable, all migrations applied"
    return Finding("database", not missing, said, "Run `cambista migrate`." if missing else "")
