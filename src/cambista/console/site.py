"""The desk itself: NiceGUI's side of the console. Imported only when somebody wants to see it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from nicegui import Client, ui
from nicegui.events import GenericEventArguments
from starlette.types import ASGIApp

from cambista.console import chart
from cambista.console.access import menu_of
from cambista.console.board import INTERVALS
from cambista.console.office_texts import words_in
from cambista.console.pages import frame
from cambista.console.panels import house, prices, tables, top
from cambista.console.seat import SCOPE_KEY, Seat
from cambista.console.snapshot import Snapshot
from cambista.console.texts import Language
from cambista.kernel.registry import PAIRS

_FIRST_PAIR = "USDT/COP"
_CLICKED = (
    "(event) => { const at = event.target.closest('[data-act]'); if (at) emit(at.dataset.act, at.dataset.value) }"
)
_PANELS: Mapping[str, Callable[[Snapshot, Language], str]] = {
    "figures": house.figures,
    "trades": tables.trades,
    "quotes": tables.quotes,
    "tills": house.tills,
    "books": house.books,
    "venues": house.venues,
}


class Panel(ui.element, component="assets/panel.js"):
    """Markup that changes in place."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.classes(f"panel {name}")
        self.props["markup"] = ""

    def show(self, markup: str) -> None:
        if markup != self.props["markup"]:
            self.props["markup"] = markup
            self.update()


class Views:
    """The panels' markup of one snapshot, made once however many desks show it."""

    def __init__(self) -> None:
        self._of: Snapshot | None = None
        self._made: dict[tuple[str, ...], str] = {}

    def view(self, snapshot: Snapshot, key: tuple[str, ...], make: Callable[[], str]) -> str:
        if snapshot is not self._of:
            self._of, self._made = snapshot, {}
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


_views = Views()


class Desk:
    """One browser's desk: its chosen pair and interval, and the elements that show them."""

    def __init__(self, client: Client, seat: Seat, root_path: str) -> None:
        self._client, self._seat, self._root_path = client, seat, root_path
        self._board, self._session = seat.board, seat.session
        self._pair, self._interval = _FIRST_PAIR, "1m"
        self._panels: dict[str, Panel] = {}
        self._drawn: dict[str, Any] = {}

    @property
    def chart(self) -> tuple[str, str]:
        return self._pair, self._interval

    def build(self, snapshot: Snapshot) -> None:
        """Lay the page out, filled with what is known."""
        if snapshot.prices and snapshot.line(self._pair) is None:
            self._pair = str(snapshot.prices[0].pair)
        self._root = ui.element("div").classes("desk").on("click", self._act, js_handler=_CLICKED)
        with self._root:
            self._place("top", "figures")
            with ui.element("div").classes("floor"):
                self._place("prices")
                self._build_middle(snapshot)
                with ui.element("div").classes("side"):
                    self._place("tills", "books", "venues")
        self._dress()
        self._fill(snapshot)
        self._client.on_connect(lambda: self._board.watch(self))
        self._client.on_disconnect(lambda: self._board.leave(self))
        self._client.on_delete(lambda: self._board.leave(self))

    def show(self, snapshot: Snapshot) -> None:
        """Send what has changed; a desk whose session has ended is shown the door instead."""
        if self._client.is_deleted or self._session.ended:
            self._board.leave(self)
            if not self._client.is_deleted:
                self._client.open("/sign-in?ended=1")
            return
        self._fill(snapshot)
        self._draw(snapshot)

    def _build_middle(self, snapshot: Snapshot) -> None:
        with ui.element("div").classes("middle"):
            with ui.element("div").classes("chart-box"):
                self._place("focus")
                self._chart = ui.echart(self._options(snapshot)).classes("chart")
            with ui.element("div").classes("tables"):
                self._place("trades", "quotes")

    def _place(self, *names: str) -> None:
        for name in names:
            self._panels[name] = Panel(name)

    def _fill(self, snapshot: Snapshot) -> None:
        language, pair, interval = self._session.language, self._pair, self._interval
        for name, make in _PANELS.items():
            self._panels[name].show(_views.view(snapshot, (name, language), partial(make, snapshot, language)))
        board = _views.view(
            snapshot, ("prices", language, pair), lambda: prices.price_board(snapshot, language, chosen=pair)
        )
        self._panels["prices"].show(board)
        focus = _views.view(
            snapshot,
            ("focus", language, pair, interval),
            lambda: prices.focus(snapshot, language, chosen=pair, interval=interval),
        )
        self._panels["focus"].show(focus)
        caller = self._session.caller
        menu = frame.menu(menu_of(caller), words_in(language), root=self._root_path, here="/")
        self._panels["top"].show(top.bar(snapshot, language, caller.role, house=self._seat.house, menu=menu))

    def _options(self, snapshot: Snapshot) -> dict[str, Any]:
        look = chart.Look(PAIRS[self._pair].pair, self._session.language, self._session.theme)
        ticks = self._board.ticks(self._pair)
        if self._interval == chart.LIVE:
            return chart.live_options(ticks, look=look)
        candles = self._board.candles(self._pair, self._interval)
        last = ticks[-1] if ticks else None
        return chart.candle_options(candles, last, INTERVALS[self._interval], now=snapshot.at, look=look)

    def _draw(self, snapshot: Snapshot) -> None:
        """The new points only; the frame around them stays."""
        options = self._options(snapshot)
        points = {"xAxis": {"data": options["xAxis"]["data"]}, "series": options["series"]}
        if points != self._drawn:
            self._drawn = points
            self._chart.run_chart_method("setOption", points)

    def _redraw(self) -> None:
        options = self._chart.options
        options.clear()
        options.update(self._options(self._board.snapshot))
        self._chart.update()

    def _dress(self) -> None:
        self._root.props(f"lang={self._session.language.value} data-theme={self._session.theme}")

    async def _act(self, event: GenericEventArguments) -> None:
        if self._session.ended or not isinstance(event.args, list) or len(event.args) != 2:
            return
        self._seat.note_use(self._session.caller)
        act, value = str(event.args[0]), str(event.args[1])
        if act == "pair" and value in PAIRS:
            self._pair = value
        elif act == "interval" and (value in INTERVALS or value == chart.LIVE):
            self._interval = value
        elif act == "language" and value in tuple(Language):
            self._session.language = Language(value)
        elif act == "theme":
            self._session.theme = "light" if self._session.theme == "dark" else "dark"
        else:
            return
        await self._board.draw(*self.chart)
        self._dress()
        self._fill(self._board.snapshot)
        self._redraw()


async def desk_page(client: Client, request: Request) -> None:
    """The desk of whoever the gate let in."""
    seat: Seat = request.scope[SCOPE_KEY]
    snapshot = await seat.board.fresh()
    desk = Desk(client, seat, request.scope["root_path"])
    await seat.board.draw(*desk.chart)
    ui.add_head_html(f'<link rel="stylesheet" href="{request.scope["root_path"]}/assets/desk.css">')
    desk.build(snapshot)


class _Site:
    """NiceGUI has one site a process, however many houses stand in it; a page knows its house from its request."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None
        self._running: AsyncExitStack | None = None

    async def open(self) -> ASGIApp:
        if self._app is None:
            self._app = _nicegui()
        if self._running is None:
            self._running = AsyncExitStack()
            await self._running.enter_async_context(self._app.router.lifespan_context(self._app))
        return self._app

    async def close(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.aclose()


def _nicegui() -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    mark = resources.files("cambista.console").joinpath("assets", "mark.svg").read_text(encoding="utf-8")
    ui.page("/", response_timeout=10)(desk_page)
    ui.run_with(
        app,
        title="Cambista",
        favicon=mark,
        dark=None,
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=6,
        message_history_length=0,
        show_welcome_message=False,
    )
    return app


_site = _Site()


async def open_site() -> tuple[ASGIApp, Callable[[], Awaitable[None]]]:
    """NiceGUI, running in this loop, and how to stop it."""
    return await _site.open(), _site.close
