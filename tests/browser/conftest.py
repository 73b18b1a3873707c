"""A real house (`cambista serve`) and a real Chromium: one of each for the session, a fresh page a test."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.e2e.clients import Caller, good

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SERVE = (sys.executable, "-c", "from cambista.app.cli import main; main()", "serve", "--port", "0")
PATIENCE_MS = 15_000
_OPEN = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(frozen=True, slots=True)
class LiveHouse:
    """Where a running house listens, its first key, and its folder."""

    url: str
    admin_key: str
    home: Path


@dataclass
class Visitor:
    """A page, and what it did that a page of ours must not do."""

    page: Page
    house: LiveHouse
    errors: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note errors in the browser's console and requests to anywhere but the house."""
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._note_address(request.url))
        self.page.on("websocket", lambda socket: self._note_address(socket.url))

    async def sign_in(self, key: str | None = None) -> Page:
        """Open the console and show a key at its door."""
        await self.page.goto(f"{self.house.url}/console/sign-in?with=key")
        await self.page.fill("#key", key if key is not None else self.house.admin_key)
        await self.page.click("form button")
        return self.page

    async def open_desk(self, key: str | None = None) -> Page:
        """Sign in and wait until the desk is filled."""
        page = await self.sign_in(key)
        await page.wait_for_selector(".desk .card:not(.bare)")
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _note_address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.strays.append(url)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. Absent: the test is skipped, or fails under CI, where nothing is skipped."""
    found = os.environ.get("CAMBISTA_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = "there is no Chromium: apt-get install chromium, or set CAMBISTA_CHROMIUM"
        if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def live_house(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHouse]:
    """The whole house on the paper market, as anybody starts it."""
    home = tmp_path_factory.mktemp("house")
    home.parent.chmod(0o711)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CAMBISTA_")}
    env |= {"CAMBISTA_HOME": str(home), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", "CAMBISTA_AUDIT__CHECKPOINT_S": "1"}
    log = home / "serve.log"
    with log.open("wb") as errors:
        server = subprocess.Popen(SERVE, env=env, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert server.stdout is not None
        url = next((found[0] for line in server.stdout if (found := _OPEN.search(line))), None)
        assert url is not None, log.read_text()
        yield LiveHouse(url, (home / "admin.key").read_text().strip(), home)
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()
            raise
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=FLAGS, headless=True)
        yield running
        await running.close()


@pytest.fixture
async def visitor(browser: Browser, live_house: LiveHouse) -> AsyncIterator[Visitor]:
    """Somebody from Colombia at a fresh browser. At the end: no errors in its console, no request to elsewhere."""
    context = await browser.new_context(locale="es-CO", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    made = Visitor(await context.new_page(), live_house)
    made.watch()
    yield made
    await context.close()
    assert made.errors == []
    assert made.strays == []


@pytest.fixture
async def admin(live_house: LiveHouse) -> AsyncIterator[Caller]:
    """The house's first admin at the API."""
    async with httpx2.AsyncClient(base_url=live_house.url, timeout=30) as http:
        yield Caller(http, live_house.admin_key)


async def staff_key(admin: Caller, role: str) -> tuple[str, str]:
    """A new principal's key: its id and the key itself."""
    made = good(await admin.post("/principals", {"role": role, "name": f"The {role}"}), 201)
    key = good(await admin.post("/api-keys", {"owner_id": made["id"], "name": "Browser"}), 201)
    return str(key["id"]), str(key["key"])


async def rich_customer(admin: Caller, name: str) -> Caller:
    """A customer with COP 10,000,000."""
    body = {"email": f"{name}@example.com", "full_name": "Ana Prueba", "country": "CO"}
    customer = good(await admin.post("/customers", body), 201)
    key = good(await admin.post("/api-keys", {"owner_id": customer["id"], "name": "Browser"}), 201)
    deposit = {
        "customer_id": customer["id"], "asset": "COP", "amount": "10000000", "reference": name, "rail": "pse",
        "payer": {"name": "Ana Prueba"},
    }  # fmt: skip
    _, operator = await staff_key(admin, "operator")
    made = good(await Caller(admin.http, operator).post("/deposits", deposit), 201)
    assert made["status"] == "credited", made
    return Caller(admin.http, key["key"], customer["id"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
