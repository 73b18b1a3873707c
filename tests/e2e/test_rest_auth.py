"""People over HTTP: from registering to a device that gets in while an attacker hammers; and what strangers learn."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from cambista.identity import IdentitySettings
from cambista.runtime import Runtime
from tests.e2e.clients import BASE, Caller, good, refused
from tests.houses import PaperHouse, paper_house, settings

PASSWORD = "grapes under a wooden bridge"
NEW = "another set of six long words"
WRONG = "not the password at all"
CHEAP = IdentitySettings(password_memory_kib=8, password_passes=1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
QUOTE = {"pair": "USDT/COP", "side": "buy", "amount": "100", "amount_asset": "USDT"}
# Headers that differ from any answer to the next.
OF_THE_MOMENT = ("x-request-id", "ratelimit", "date")
HOSTILE = (
    "'; DROP TABLE identity.login; --", '" OR "1"="1', "${jndi:ldap://evil}", "%s%s%n", "{{7*7}}", "../../etc/passwd",
    "<script>alert(1)</script>", "admin@example.com\r\nBcc: all@example.com", "ｆｕｌｌｗｉｄｔｈ", "\u202etxt.exe",
)  # fmt: skip


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    """The usual house, whose passwords are hashed fast: what they cost is tested elsewhere."""
    async with paper_house(runtime, settings(identity=CHEAP)) as made:
        yield made


@dataclass(slots=True)
class Browser:
    """Somebody in front of a browser: its name, a session, and what the device is known by."""

    http: httpx2.AsyncClient
    agent: str = FIREFOX
    token: str = ""
    device: str = ""

    async def send(self, method: str, path: str, body: object | None = None) -> httpx2.Response:
        headers = {"user-agent": self.agent} | ({"authorization": f"Bearer {self.token}"} if self.token else {})
        what = {} if body is None else {"json": body}
        return await self.http.request(method, f"{BASE}{path}", headers=headers, **what)  # type: ignore[arg-type]

    async def post(self, path: str, body: object | None = None) -> httpx2.Response:
        return await self.send("POST", path, body)

    async def get(self, path: str) -> httpx2.Response:
        return await self.send("GET", path)

    async def log_in(self, email: str, password: str = PASSWORD) -> Any:
        opened = good(
            await self.post("/auth/login", {"email": email, "password": password, "device": self.device}), 201
        )
        self.token, self.device = opened["token"], opened.get("device", self.device)
        return opened


@dataclass(slots=True)
class Mail:
    """The letters of a house."""

    house: PaperHouse

    async def letters(self) -> list[tuple[str, str, dict[str, str]]]:
        """To whom, which and with what, of all letters written since."""
        identity = self.house.house.identity
        await identity.people.write_letters()
        due = await identity.notices.take(100)
        await identity.notices.report([each.id for each in due], [])
        return [(each.notice.to, each.notice.template, dict(each.notice.facts)) for each in due]

    async def token(self, email: str) -> str:
        """The token in the only letter with a link that waits for that address."""
        [link] = [facts["link"] for to, _, facts in await self.letters() if to == email and "link" in facts]
        return link.partition("#token=")[2]


@pytest.fixture
def mail(paper: PaperHouse) -> Mail:
    return Mail(paper)


@pytest.fixture
def browser(http: httpx2.AsyncClient) -> Browser:
    return Browser(http)


def applicant(email: str, **other: str) -> dict[str, str]:
    return {"email": email, "password": PASSWORD, "full_name": "Ana Prueba", "country": "CO", **other}


async def become(browser: Browser, mail: Mail, email: str = "ana@example.com") -> Browser:
    """Register, confirm and log in."""
    good(await browser.post("/auth/register", applicant(email)), 202)
    confirmed = good(await browser.post("/auth/confirm", {"token": await mail.token(email)}), 201)
    browser.device = confirmed["device"]
    await browser.log_in(email)
    return browser


def bare(response: httpx2.Response) -> tuple[int, dict[str, str], str]:
    """An answer without what no two answers share."""
    headers = {name: value for name, value in response.headers.items() if not name.lower().startswith(OF_THE_MOMENT)}
    body = response.json()
    body.pop("trace_id", None)
    return response.status_code, headers, json.dumps(body)


async def test_the_whole_walk_from_registering_to_getting_in_under_attack(
    browser: Browser, mail: Mail, paper: PaperHouse
) -> None:
    email = "ana@example.com"
    good(await browser.post("/auth/register", applicant(email, language="en")), 202)
    refused(await browser.post("/auth/login", {"email": email, "password": PASSWORD}), 401, "login_failed")
    token = await mail.token(email)
    confirmed = good(await browser.post("/auth/confirm", {"token": token}), 201)
    refused(await browser.post("/auth/confirm", {"token": token}), 422, "letter_invalid")

    opened = await browser.log_in(email)
    assert opened["owner_id"] == confirmed["id"]
    me = good(await browser.get("/auth/me"))
    assert (me["email"], me["name"], me["role"], me["language"]) == (email, "Ana Prueba", "customer", "en")
    good(await browser.post("/quotes", {**QUOTE, "kind": "reference"}), 201)

    phone = Browser(browser.http, agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_5) Safari/604.1")
    await phone.log_in(email)
    listed = {each["device"]: each for each in good(await browser.get("/auth/sessions"))["items"]}
    assert {name: each["current"] for name, each in listed.items()} == {"Safari, iPhone": False, "Firefox, Linux": True}
    good(await browser.send("DELETE", f"/auth/sessions/{listed['Safari, iPhone']['id']}"))
    refused(await phone.get("/auth/me"), 401, "unauthenticated")

    await phone.log_in(email)
    changed = good(await browser.post("/auth/password", {"old": PASSWORD, "new": NEW}))
    assert changed == {"ended": 1}
    refused(await phone.get("/auth/me"), 401, "unauthenticated")
    refused(await phone.post("/auth/login", {"email": email, "password": PASSWORD}), 401, "login_failed")
    assert (email, "password_changed") in [(to, template) for to, template, _ in await mail.letters()]

    good(await phone.post("/auth/password/forgot", {"email": email}), 202)
    reset = {"token": await mail.token(email), "password": "the third set of long words"}
    phone.device = good(await phone.post("/auth/password/reset", reset))["device"]
    refused(await phone.post("/auth/password/reset", reset), 422, "letter_invalid")
    refused(await browser.get("/auth/me"), 401, "unauthenticated")
    await phone.log_in(email, reset["password"])

    for _ in range(40):
        attack = await browser.post("/auth/login", {"email": email, "password": WRONG})
        assert attack.status_code in (401, 429)
    problem = refused(attack, 429, "too_many_attempts")
    assert attack.headers["retry-after"] == str(problem["facts"]["retry_after_s"])
    owner = {"email": email, "password": reset["password"]}
    refused(await browser.post("/auth/login", owner), 429, "too_many_attempts")
    await phone.log_in(email, reset["password"])
    assert good(await phone.post("/auth/logout")) == {"ended": 1}
    refused(await phone.get("/auth/me"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/register", applicant("")),
        ("/auth/login", {"password": WRONG}),
        ("/auth/password/forgot", {}),
    ],
)
async def test_a_stranger_does_not_learn_who_is_known(
    browser: Browser, mail: Mail, paper: PaperHouse, path: str, body: dict[str, str]
) -> None:
    await become(browser, mail)
    stranger = Browser(browser.http)
    answers = []
    for email in ("ana@example.com", "bob@example.com"):
        # Long enough that what was counted of the address they come from is forgotten.
        paper.clock.advance(86_400)
        answers.append([bare(await stranger.post(path, {**body, "email": email})) for _ in range(12)])
    assert answers[0] == answers[1]
    assert {status for status, _, _ in answers[0]} == {202 if path != "/auth/login" else 401, 429}


async def test_nobody_speaks_through_a_session_taken_from_another_browser(browser: Browser, mail: Mail) -> None:
    await become(browser, mail)
    thief = Browser(browser.http, agent="curl/8.5.0", token=browser.token)
    refused(await thief.get("/accounts"), 401, "unauthenticated")
    refused(await browser.get("/accounts"), 401, "unauthenticated")
    await browser.log_in("ana@example.com")
    browser.agent = FIREFOX.replace("140.0", "141.0")
    good(await browser.get("/accounts"))


async def test_sessions_rest_and_end(browser: Browser, mail: Mail, paper: PaperHouse) -> None:
    await become(browser, mail)
    paper.clock.advance(CHEAP.session_idle_s - 1)
    good(await browser.get("/auth/me"))
    await paper.house.identity.note_uses()
    paper.clock.advance(CHEAP.session_idle_s - 1)
    good(await browser.get("/auth/me"))
    paper.clock.advance(CHEAP.session_idle_s)
    refused(await browser.get("/auth/me"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("POST", "/auth/logout"),
    ],
)
async def test_a_key_is_no_person(ana: Caller, method: str, path: str) -> None:
    refused(await ana.send(method, path), 403, "session_required")


async def test_anothers_session_is_not_there(browser: Browser, mail: Mail) -> None:
    ana = await become(browser, mail)
    eva = await become(Browser(browser.http), mail, "eva@example.com")
    [own] = good(await ana.get("/auth/sessions"))["items"]
    refused(await eva.send("DELETE", f"/auth/sessions/{own['id']}"), 404, "session_not_found")
    good(await ana.get("/auth/me"))


async def test_staff_are_invited_by_letter_and_set_their_own_password(
    admin: Caller, operator: Caller, browser: Browser, mail: Mail
) -> None:
    email = "tesoreria@example.com"
    wanted = {"role": "treasurer", "name": "Tesorería", "email": email}
    made = good(await admin.post("/principals", wanted), 201)
    refused(await admin.post("/principals", {**wanted, "name": "Otra"}), 409, "email_taken")
    refused(await admin.post("/principals", {**wanted, "email": "no address"}), 422, "email_invalid")
    refused(await operator.post(f"/principals/{made['id']}/invite", {}), 403, "role_denied")
    token = await mail.token(email)
    weak = {"token": token, "password": "Tesorería 12"}
    assert refused(await browser.post("/auth/password/reset", weak), 422, "password_unfit")["facts"]["reason"]
    good(await browser.post("/auth/password/reset", {"token": token, "password": PASSWORD}))
    await browser.log_in(email)
    me = good(await browser.get("/auth/me"))
    assert (me["id"], me["role"]) == (made["id"], "treasurer")
    # Staff set up a second factor before anything else.
    refused(await browser.get("/principals/"[:-1]), 403, "role_denied")
    refused(await browser.get("/deposits"), 403, "second_factor_required")
    refused(await admin.post(f"/principals/{made['id']}/invite", {}), 409, "login_exists")


async def test_customers_of_the_desk_are_invited_to_log_in(
    operator: Caller, admin: Caller, browser: Browser, mail: Mail
) -> None:
    customer = good(
        await operator.post("/customers", {"email": "eva@example.com", "full_name": "Eva Prueba", "country": "CO"}), 201
    )
    invited = good(await operator.post(f"/principals/{customer['id']}/invite"), 202)
    assert invited["id"] == customer["id"]
    await mail.letters()
    good(await operator.post(f"/principals/{customer['id']}/invite", {"language": "en"}), 202)
    good(
        await browser.post("/auth/password/reset", {"token": await mail.token("eva@example.com"), "password": PASSWORD})
    )
    opened = await browser.log_in("eva@example.com")
    assert opened["owner_id"] == customer["id"]
    nobody = "0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b"
    refused(await operator.post(f"/principals/{nobody}/invite", {}), 404, "principal_not_found")
    machine = good(await admin.post("/principals", {"role": "partner", "name": "Robot"}), 201)
    refused(await admin.post(f"/principals/{machine['id']}/invite", {}), 422, "email_missing")
    refused(await admin.post(f"/principals/{machine['id']}/invite", {"email": "eva@example.com"}), 409, "email_taken")


@pytest.mark.parametrize("text", [*HOSTILE, "x" * 4096, "\U0001f40c" * 2000])
async def test_hostile_texts_in_any_field_are_noes_and_never_errors(browser: Browser, mail: Mail, text: str) -> None:
    await become(browser, mail)
    stranger = Browser(browser.http)
    bodies: list[tuple[Browser, str, dict[str, str]]] = [
        (stranger, "/auth/login", {"email": text, "password": PASSWORD}),
        (stranger, "/auth/login", {"email": "ana@example.com", "password": text}),
        (stranger, "/auth/login", {"email": "ana@example.com", "password": WRONG, "device": text}),
        (stranger, "/auth/register", applicant(text)),
        (stranger, "/auth/register", applicant("new@example.com", country=text)),
        (stranger, "/auth/register", applicant("new@example.com", language=text)),
        (stranger, "/auth/confirm", {"token": text}),
        (stranger, "/auth/password/forgot", {"email": text}),
        (stranger, "/auth/password/reset", {"token": text, "password": NEW}),
        (browser, "/auth/password", {"old": text, "new": NEW}),
    ]
    for who, path, body in bodies:
        answer = await who.post(path, body)
        assert answer.status_code in (401, 403, 422, 400), (path, answer.status_code, answer.text)
    good(await browser.get("/auth/me"))


async def test_fields_nobody_asked_for_are_refused(browser: Browser) -> None:
    for extra in ("role", "id", "status", "confirmed"):
        body = {**applicant("ana@example.com"), extra: "admin"}
        refused(await browser.post("/auth/register", body), 422, "unknown_field")
