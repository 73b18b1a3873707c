"""The composition root: every dependency between rooms is visible here, and nowhere else."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from secrets import randbits

from prometheus_client import CollectorRegistry

from cambista import analytics
from cambista.analytics import Analytics
from cambista.app.capital import fund_on_paper, paper_targets
from cambista.app.metrics import HouseMetrics
from cambista.app.settings import Settings
from cambista.audit import Audit, AuditKey, Export, PublicKey, Solvency, open_sinks, subjects_about
from cambista.funding import RAILS, Funding, Payouts
from cambista.identity import Identity
from cambista.ledger import Ledger
from cambista.notifications import Notifications, open_channels
from cambista.pricing import Pricing, Signer
from cambista.risk import Risk
from cambista.runtime import Clock, Database, GroupCommit, Relay, Runtime, SystemClock, Tasks, idempotency
from cambista.runtime.resilience import OutsideMetrics, Resilience, SharedBreakers
from cambista.runtime.sagas import Sagas
from cambista.runtime.sealing.build import Surroundings, open_sealing
from cambista.runtime.secrets import Secret, Secrets
from cambista.trading import Trading
from cambista.venues import (
    PaperExchange,
    VenueAccounts,
    Venues,
    open_paper,
    price_venues,
    rate_sources,
    trading_venues,
)

FIRST_PRICE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class House:
    """Every room of one process."""

    settings: Settings
    dsn: str
    runtime: Runtime
    ledger: Ledger
    identity: Identity
    venues: Venues
    exchanges: Mapping[str, VenueAccounts]
    pricing: Pricing
    risk: Risk
    trading: Trading
    funding: Funding
    analytics: Analytics
    audit: Audit
    solvency: Solvency
    notifications: Notifications
    sagas: Sagas
    resilience: Resilience
    relay: Relay
    metrics: CollectorRegistry
    till_targets: Mapping[str, Decimal]


def build(runtime: Runtime, settings: Settings, signer: Signer, audit_key: AuditKey) -> House:
    """Put the rooms together, floor by floor. Starts nothing and touches nothing outside."""
    metrics = CollectorRegistry()
    resilience = _resilience(runtime, settings, metrics)
    sagas = Sagas(runtime)
    ledger = Ledger(runtime)
    identity = Identity(runtime, settings.identity)
    venues = Venues(
        runtime,
        price_venues(settings.venues, runtime.clock, runtime.rng),
        rate_sources(settings.venues, runtime.clock),
        silent_after_s=settings.venues.silent_after_s,
    )
    pricing = Pricing(runtime, settings.pricing, signer)
    risk = Risk(runtime, settings.risk, step_up=identity.step_up)
    targets = settings.trading.till_targets or (paper_targets() if settings.on_paper else {})
    trading_settings = settings.trading.model_copy(update={"till_targets": targets})
    trading = Trading(runtime, trading_settings, identity=identity, ledger=ledger, pricing=pricing, risk=risk)
    funding = Funding(runtime, settings.funding, identity=identity, ledger=ledger)
    funding.pay_by(Payouts(runtime, RAILS, ledger=ledger, sagas=sagas).start)
    export = Export(
        runtime, audit_key, (ledger, trading), PublicKey("receipt", "receipt", signer.public_key),
        partial(subjects_about, funding, identity),
    )  # fmt: skip
    sinks = open_sinks(settings.audit, settings.home_folder, runtime.branch, runtime.now)
    channels = open_channels(settings.notifications, settings.home_folder)
    notifications = Notifications(runtime, identity, channels, batch=settings.notifications.batch)
    runtime.db.on_commit(HouseMetrics(metrics).count)
    return House(
        settings=settings,
        dsn=runtime.db.dsn,
        runtime=runtime,
        ledger=ledger,
        identity=identity,
        venues=venues,
        exchanges=_exchanges(runtime, settings),
        pricing=pricing,
        risk=risk,
        trading=trading,
        funding=funding,
        analytics=Analytics(runtime),
        audit=Audit(runtime, settings.audit, audit_key, sinks, export),
        solvency=Solvency(runtime, settings.audit, audit_key, ledger=ledger),
        notifications=notifications,
        sagas=sagas,
        resilience=resilience,
        relay=Relay(runtime.db, runtime.clock, {"analytics": analytics.SUBSCRIPTIONS}),
        metrics=metrics,
        till_targets=targets,
    )


def _exchanges(runtime: Runtime, settings: Settings) -> Mapping[str, VenueAccounts]:
    """The venues that take the house's orders, by name, each behind the books we keep of it."""
    every = timedelta(seconds=settings.venues.reconcile_every_s)
    found = trading_venues(settings.venues, runtime.clock, runtime.rng)
    return {venue.name: VenueAccounts(runtime, venue, every=every) for venue in found}


def _resilience(runtime: Runtime, settings: Settings, metrics: CollectorRegistry) -> Resilience:
    """Breakers are shared by those processes that share a Redis."""
    shared = None if settings.redis_url is None else SharedBreakers(settings.redis_url.get_secret_value())
    return Resilience(runtime.clock, runtime.rng, metrics=OutsideMetrics(metrics), shared=shared)


@asynccontextmanager
async def open_runtime(dsn: str, settings: Settings, secrets: Secrets | None = None) -> AsyncIterator[Runtime]:
    """A runtime on the machine's clock and chance. A changed database URL among the secrets is taken up."""
    clock: Clock = SystemClock()
    rng = random.Random(randbits(128))  # ids only; secrets are drawn with `secrets`  # nosec B311
    db = Database(dsn, clock, rng, branch=settings.branch)
    await db.open()
    if isinstance(url := settings.database_url, Secret):
        url.on_change(lambda: db.use(url.reveal()))
    try:
        around = Surroundings(settings.home_folder, settings.vault, settings.aws)
        sealing = await open_sealing(settings.sealing, around, db, clock)
        writer = GroupCommit(db, sealing, batch_max=settings.commit_batch_max)
        runtime = Runtime(clock, rng, db, writer, Tasks(clock), sealing, settings.branch, secrets or Secrets())
    except BaseException:
        await db.close()
        raise
    try:
        yield runtime
    finally:
        await runtime.tasks.stop()
        await runtime.writer.stop()
        await sealing.close()
        await db.close()


async def start(house: House) -> None:
    """Open for business: opening capital on paper, the work that goes on all the time, and the first prices."""
    runtime, tasks = house.runtime, house.runtime.tasks
    await house.relay.check_order()
    await house.identity.seal_clear_rows()
    await house.funding.seal_clear_rows()
    await house.audit.open()
    if house.settings.on_paper:
        await fund_on_paper(runtime, house.ledger)
    await house.pricing.load()
    await house.venues.start()
    for exchange in house.exchanges.values():
        await _trade_on(house, exchange)
    tasks.keep("pricing", partial(house.pricing.run, house.venues))
    tasks.every("tills", 1, house.trading.watch_tills)
    tasks.every("orders", 1, house.trading.orders.tend)
    tasks.every("holds", 1, house.ledger.expire_holds)
    tasks.every("self-audit", 5, house.ledger.check_recent)
    tasks.keep("breakers", house.resilience.keep_shared)
    tasks.keep("sagas", house.sagas.run)
    tasks.every("sagas-swept", 3600, house.sagas.sweep)
    tasks.every("withdrawals", 30, house.funding.expire)
    tasks.every("notices", 1, house.notifications.send_due)
    tasks.every("notices-swept", 600, house.notifications.sweep)
    tasks.every("factors-swept", 3600, house.identity.factors.sweep)
    tasks.every("letters", 1, house.identity.people.write_letters)
    tasks.every("people", 3600, house.identity.people.sweep)
    tasks.every("key-uses", 60, house.identity.note_uses)
    tasks.every("nonces", 60, house.identity.forget_nonces)
    tasks.every("token-keys", 300, house.identity.oauth.keys.turn_in_time)
    tasks.every("grants", 3600, house.identity.oauth.sweep)
    tasks.every("secrets", house.settings.secrets.look_every_s, runtime.secrets.refresh)
    tasks.every("sealing-spares", 1, runtime.sealing.refill)
    tasks.every("sealing-rotation", 60, partial(runtime.sealing.rotate, runtime.db))
    tasks.every("idempotency", 3600, partial(_forget_answers, runtime))
    tasks.every("audit", 1, house.audit.sealer.run_once)
    for sink in house.audit.delivery.names:
        tasks.keep(f"checkpoints-{sink}", partial(house.audit.delivery.run, sink))
    tasks.every("solvency", 60, house.solvency.certify_due)
    for listener in house.relay.listeners:
        tasks.keep(f"relay-{listener}", partial(house.relay.run, listener))
    await _await_first_price(house)


async def _trade_on(house: House, exchange: VenueAccounts) -> None:
    tasks = house.runtime.tasks
    if isinstance(exchange.behind, PaperExchange):
        await open_paper(house.runtime, exchange, exchange.behind)
        tasks.every("paper-exchange", 1, exchange.behind.look)
    tasks.keep(f"venue-books-{exchange.name}", exchange.run)


async def _await_first_price(house: House) -> None:
    """Give the venues a moment to speak, so that who reads "open" also gets a price."""
    clock = house.runtime.clock
    latest = clock.monotonic() + FIRST_PRICE_WITHIN_S
    while clock.monotonic() < latest and not any((await house.pricing.rungs()).values()):
        await clock.sleep(0.02)


async def _forget_answers(runtime: Runtime) -> None:
    async with runtime.db.transaction() as tx:
        await idempotency.forget_before(tx, tx.now - timedelta(hours=idempotency.KEPT_HOURS))
