"""One demo from opening to summary: the house on paper, its customers, and the end when told or when time is up."""

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

from cambista.app.demo.books import Books, open_books, total
from cambista.app.demo.client import Api, DemoFailed, open_client
from cambista.app.demo.customers import Crowd
from cambista.app.demo.display import Display
from cambista.app.demo.people import people
from cambista.app.demo.plan import steps
from cambista.app.demo.staff import Customer, hire_staff
from cambista.app.demo.summary import Summary, progress_line
from cambista.app.serve import Serving, serving
from cambista.app.settings import Settings
from cambista.gateway.settings import Tier

REGISTERING_AT_ONCE = 8
LINE_S = 1.0
BUSY = Tier(units=1_000_000, trades=100_000)
PRICE_TRIES = 40
PRICE_AGAIN_S = 0.25
DAY_MAX_USD = 1_000_000_000
WITHDRAWALS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Options:
    """`rate` in trades a second; without `duration_s` it runs until it is told to stop."""

    seed: int = 1
    customers: int = 8
    rate: float = 5.0
    duration_s: float | None = None


def demo_settings(settings: Settings, home: Path | None, seed: int) -> Settings:
    """The same house on paper in a home of its own. A few customers trade all day long, so limits are far."""
    venues = settings.venues
    return settings.model_copy(
        update={
            "home": home or settings.home_folder / "demo",
            "database_url": None,
            "database_port": None,
            "paper_capital": True,
            "venues": venues.model_copy(
                update={
                    "paper": venues.paper.model_copy(update={"enabled": True, "seed": seed}),
                    "replay": venues.replay.model_copy(update={"folder": None}),
                    "reference": venues.reference.model_copy(update={"folder": None, "urls": {}}),
                    "ccxt": (),
                }
            ),
            "risk": settings.risk.model_copy(update={"day_max": DAY_MAX_USD}),
            "trading": settings.trading.model_copy(update={"till_targets": {}}),
            "funding": settings.funding.model_copy(update={"daily_count": WITHDRAWALS_MAX}),
            "gateway": settings.gateway.model_copy(update={"tiers": dict.fromkeys(settings.gateway.tiers, BUSY)}),
        }
    )


async def run_demo(settings: Settings, options: Options, display: Display) -> Summary:
    """Serve, let the customers live, and add up. Refuses what `serving` refuses, and `demo_failed` (`DemoFailed`)."""
    told = _told_by_signals()
    async with serving(settings) as running, open_client(running.url) as http:
        display.announce(running.url, settings.home_folder, console=settings.console)
        house = running.house
        api = Api(http, house.runtime.clock.monotonic, house.runtime.new_id().hex[-8:])
        books = await open_books(house)
        crowd = await _open_doors(api, settings, options)
        with display:
            await _live(crowd, _Run(api, books, options, running, told), display)
        seconds = api.elapsed_s
        pairs = await books.caught_up(api.tally.trades)
        return Summary(options.seed, seconds, api.tally, pairs, await books.tills(), await books.verdict())


@dataclass(frozen=True, slots=True)
class _Run:
    api: Api
    books: Books
    options: Options
    running: Serving
    told: asyncio.Event


def _told_by_signals() -> asyncio.Event:
    told = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, told.set)
    return told


async def _open_doors(api: Api, settings: Settings, options: Options) -> Crowd:
    who = people(options.seed, options.customers)
    await _first_prices(api, {pair for person in who for pair in person.pairs})
    staff = await hire_staff(api, _admin_key(settings))
    customers: list[Customer] = []
    for start in range(0, len(who), REGISTERING_AT_ONCE):
        some = enumerate(who[start : start + REGISTERING_AT_ONCE], start)
        customers += await asyncio.gather(*(staff.register(number, person) for number, person in some))
    return Crowd(api, staff, customers)


def _admin_key(settings: Settings) -> str:
    path = settings.home_folder / "admin.key"
    try:
        return path.read_text().strip()
    except OSError as error:
        raise DemoFailed(f"Cannot read {path}: {error.strerror}. Give the demo another --home.") from error


async def _first_prices(api: Api, pairs: set[str]) -> None:
    for _ in range(PRICE_TRIES):
        answer = await api.get("", "/prices/current")
        if answer.good and pairs <= {each["pair"] for each in answer.body["items"]}:
            return
        await asyncio.sleep(PRICE_AGAIN_S)
    raise DemoFailed("The paper market gives no prices.")


async def _live(crowd: Crowd, run: _Run, display: Display) -> None:
    options = run.options
    plan = steps(options.seed, people(options.seed, options.customers), options.rate)
    following = asyncio.create_task(crowd.follow(plan))
    reporting = asyncio.create_task(_report(run, display))
    telling = asyncio.create_task(run.told.wait())
    try:
        ends = {following, reporting, telling, run.running.ended}
        await asyncio.wait(ends, timeout=options.duration_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        reporting.cancel()
        telling.cancel()
        crowd.close()
        results = await asyncio.gather(following, reporting, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
    if run.running.ended.done():
        raise DemoFailed("The server ended by itself.")


async def _report(run: _Run, display: Display) -> None:
    while True:
        elapsed_s = run.api.elapsed_s
        display.show(elapsed_s, progress_line(elapsed_s, run.api.tally, total(await run.books.pairs())))
        await asyncio.sleep(LINE_S)
