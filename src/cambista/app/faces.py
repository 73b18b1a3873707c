"""What the world sees of the house: the API, and the operators' console beside it."""

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import partial

from fastapi import FastAPI

from cambista import console
from cambista.app.build import House
from cambista.app.guards import guards_of
from cambista.app.rooms import ROOMS
from cambista.console import ConsoleDoors
from cambista.gateway import Doors, SharedWindows, create_app
from cambista.runtime.migrations import pending


def create_faces(
    house: House,
    *,
    shared_windows: SharedWindows | None = None,
    certificate_ends_at: Callable[[], datetime] | None = None,
) -> FastAPI:
    """The ASGI application of the house."""
    app = create_app(
        Doors(
            runtime=house.runtime,
            identity=house.identity,
            ledger=house.ledger,
            venues=house.venues,
            pricing=house.pricing,
            trading=house.trading,
            funding=house.funding,
            audit=house.audit,
            solvency=house.solvency,
            sagas=house.sagas,
            metrics=house.metrics,
            pending_migrations=partial(_count_pending, house.dsn),
        ),
        house.settings.gateway,
        shared_windows=shared_windows,
        certificate_ends_at=certificate_ends_at,
    )
    if house.settings.console:
        console.mount(app, _console_doors(house, certificate_ends_at), secret=secrets.token_urlsafe(32))
    return app


def _console_doors(house: House, certificate_ends_at: Callable[[], datetime] | None) -> ConsoleDoors:
    return ConsoleDoors(
        runtime=house.runtime,
        identity=house.identity,
        pricing=house.pricing,
        trading=house.trading,
        ledger=house.ledger,
        venues=house.venues,
        analytics=house.analytics,
        audit=house.audit,
        solvency=house.solvency,
        guards=guards_of(house, certificate_ends_at),
        till_targets=house.till_targets,
    )


async def _count_pending(dsn: str) -> int:
    return len(await pending(dsn, ROOMS))
