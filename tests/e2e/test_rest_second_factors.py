"""Logging in with a second factor over HTTP: letters as files, codes through a local Twilio, passkeys in software."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cambista.app.build import House
from cambista.identity.rules import factors as rules
from cambista.notifications import NotificationsSettings, TwilioSettings
from cambista.runtime import Runtime
from tests.contract.channels.twilio_service import ACCOUNT, SENDER, TOKEN, Service, running_twilio
from tests.databases import ManualClock
from tests.e2e.clients import BASE, Caller, good, refused
from tests.e2e.conftest import app_of
from tests.houses import paper_house, settings
from tests.integration.identity.authenticator import Authenticator
from tests.integration.identity.persons import CHEAP

PASSWORD = "seven grey herons at dawn"
PHONE = "+573001234567"
AGENT = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
ROLL_S = 30


@dataclass(slots=True)
class Walk:
    """The house seen from outside, with the mailbox of everybody and the service that takes its short messages."""

    http: httpx2.AsyncClient
    house: House
    clock: ManualClock
    letters: Path
    twilio: Service
    device: str = ""

    async def deliver(self) -> None:
        await self.house.identity.people.write_letters()
        await self.house.notifications.send_due()

    def last_letter(self, to: str) -> str:
        found = [
            message_from_bytes(each.read_bytes(), policy=policy.default) for each in sorted(self.letters.iterdir())
        ]
        body = [each for each in found if each["To"] == to][-1].get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    async def token_for(self, email: str) -> str:
        await self.deliver()
        found = re.search(r"#token=(\S+)", self.last_letter(email))
        assert found is not None
        return found[1]

    async def sms_code(self) -> str:
        await self.deliver()
        found = re.search(r"\b[0-9]{6}\b", self.twilio.messages[-1]["body"])
        assert found is not None
        return found[0]

    async def post(self, path: str, body: object) -> httpx2.Response:
        return await self.http.post(f"{BASE}/auth{path}", json=body, headers=AGENT)

    async def register(self, email: str) -> None:
        who = {"email": email, "password": PASSWORD, "full_name": "Ana Prueba", "country": "CO"}
        good(await self.post("/register", who))
        self.device = good(await self.post("/confirm", {"token": await self.token_for(email)}))["device"]

    async def log_in(self, email: str) -> Any:
        return good(await self.post("/login", {"email": email, "password": PASSWORD, "device": self.device}))

    def session(self, opened: Any) -> "SessionCaller":
        return SessionCaller(self.http, opened["token"], opened["owner_id"])


class SessionCaller(Caller):
    """Somebody with a session."""

    async def send(self, method: str, path: str, **what: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.key}", **AGENT, **(what.pop("headers", None) or {})}
        headers.pop("x-api-key", None)
        return await self.http.request(method, f"{BASE}{path}", headers=headers, **what)


@pytest.fixture
async def walk(runtime: Runtime, tmp_path: Path) -> AsyncIterator[Walk]:
    async with running_twilio() as service:
        twilio = TwilioSettings(url=service.url, account=ACCOUNT, token=TOKEN, sender=SENDER)  # type: ignore[arg-type]
        given = settings(identity=CHEAP, notifications=NotificationsSettings(twilio=twilio))
        async with paper_house(runtime, given.model_copy(update={"home": tmp_path})) as paper:
            transport = httpx2.ASGITransport(app_of(paper.house), raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://house", timeout=60) as http:
                clock = runtime.clock
                assert isinstance(clock, ManualClock)
                yield Walk(http, paper.house, clock, tmp_path / "letters", service)
            await paper.house.notifications.close()


class Pocket:
    """An authenticator app."""

    def __init__(self, walk: Walk, secret: str) -> None:
        self._walk, self._secret = walk, secret

    def code(self, steps: int = 0) -> str:
        return rules.totp_code(self._secret, rules.time_step(self._walk.clock.now()) + steps)

    def next_code(self) -> str:
        """A code that was not shown yet."""
        self._walk.clock.advance(ROLL_S)
        return self.code()


async def enrol(walk: Walk, person: Caller) -> tuple[Pocket, list[str]]:
    """Set up an authenticator; its recovery codes."""
    made = good(await person.post("/auth/totp"), 201)
    assert made["qr_svg"].startswith("<svg")
    pocket = Pocket(walk, made["secret"])
    return pocket, good(await person.post("/auth/totp/confirm", {"code": pocket.code()}))["recovery_codes"]


@pytest.fixture
async def ana(walk: Walk) -> Caller:
    await walk.register("ana@example.com")
    return walk.session(await walk.log_in("ana@example.com"))


async def test_from_the_password_by_a_ticket_and_a_code_to_a_session(walk: Walk, ana: Caller) -> None:
    pocket, recovery = await enrol(walk, ana)
    ticket = await walk.log_in("ana@example.com")
    assert ticket["methods"] == ["totp"]
    assert "token" not in ticket
    step = {"ticket": ticket["ticket"]}
    refused(await walk.post("/second-factor", {**step, "code": pocket.code()}), 403, "second_factor_wrong")
    walk.clock.advance(3 * ROLL_S)
    refused(await walk.post("/second-factor", {**step, "code": pocket.code(-2)}), 403, "second_factor_wrong")
    opened = good(await walk.post("/second-factor", {**step, "code": pocket.code()}), 201)
    assert good(await walk.session(opened).get("/auth/me"))["email"] == "ana@example.com"
    refused(await walk.post("/second-factor", {**step, "code": pocket.next_code()}), 401, "ticket_invalid")

    again = (await walk.log_in("ana@example.com"))["ticket"]
    by_paper = {"ticket": again, "method": "recovery", "code": recovery[0]}
    paper_session = walk.session(good(await walk.post("/second-factor", by_paper), 201))
    assert good(await paper_session.get("/auth/factors"))["recovery_codes_left"] == 9
    third = (await walk.log_in("ana@example.com"))["ticket"]
    refused(await walk.post("/second-factor", {**by_paper, "ticket": third}), 403, "second_factor_wrong")
    await walk.deliver()
    assert "código de recuperación" in walk.last_letter("ana@example.com")


async def test_guessing_waits_and_says_for_how_long(walk: Walk, ana: Caller) -> None:
    pocket, _ = await enrol(walk, ana)
    ticket = (await walk.log_in("ana@example.com"))["ticket"]
    for _ in range(5):
        refused(await walk.post("/second-factor", {"ticket": ticket, "code": "000000"}), 403, "second_factor_wrong")
    delayed = await walk.post("/second-factor", {"ticket": ticket, "code": pocket.code(1)})
    refused(delayed, 429, "second_factor_delayed")
    assert delayed.headers["retry-after"] == "30"
    walk.clock.advance(30)
    good(await walk.post("/second-factor", {"ticket": ticket, "code": pocket.code()}), 201)


async def test_a_code_by_sms(walk: Walk, ana: Caller) -> None:
    refused(await ana.post("/auth/sms", {"phone": "+576012345678"}), 422, "phone_invalid")
    good(await ana.post("/auth/sms", {"phone": PHONE}), 202)
    refused(await ana.post("/auth/sms", {"phone": PHONE}), 429, "sms_limit")
    assert len(good(await ana.post("/auth/sms/confirm", {"code": await walk.sms_code()}))["recovery_codes"]) == 10
    assert good(await ana.get("/auth/factors"))["phone"] == "…567"

    walk.clock.advance(31)
    ticket = await walk.log_in("ana@example.com")
    assert ticket["methods"] == ["sms"]
    # The service is away for a moment; the queue tries again.
    walk.twilio.script = ["503"]
    good(await walk.post("/second-factor/sms", {"ticket": ticket["ticket"]}), 202)
    await walk.deliver()
    walk.clock.advance(8)
    step = {"ticket": ticket["ticket"], "method": "sms", "code": await walk.sms_code()}
    good(await walk.post("/second-factor", step), 201)
    assert [each["to"] for each in walk.twilio.messages] == [PHONE] * 2
    ticket = await walk.log_in("ana@example.com")
    refused(await walk.post("/second-factor", {**step, "ticket": ticket["ticket"]}), 403, "second_factor_wrong")


async def test_a_passkey(walk: Walk, ana: Caller) -> None:
    key = Authenticator()
    options = good(await ana.post("/auth/passkeys/options"))["options"]
    assert (options["rp"]["id"], options["user"]["name"]) == ("localhost", "ana@example.com")
    made = good(await ana.post("/auth/passkeys", {"name": "Phone", "credential": key.create(options)}), 201)
    assert len(made["recovery_codes"]) == 10

    ticket = (await walk.log_in("ana@example.com"))["ticket"]
    options = good(await walk.post("/second-factor/passkey", {"ticket": ticket}))["options"]
    step = {"ticket": ticket, "method": "passkey", "credential": key.get(options)}
    opened = walk.session(good(await walk.post("/second-factor", step), 201))
    renamed = await opened.post(f"/auth/passkeys/{made['passkey']['id']}/rename", {"name": "Old phone"})
    assert good(renamed)["name"] == "Old phone"
    walk.clock.advance(301)
    refused(await opened.send("DELETE", f"/auth/passkeys/{made['passkey']['id']}"), 403, "step_up_required")
    options = good(await opened.post("/auth/step-up/passkey"))["options"]
    good(await opened.post("/auth/step-up", {"method": "passkey", "credential": key.get(options)}))
    good(await opened.send("DELETE", f"/auth/passkeys/{made['passkey']['id']}"))
    assert good(await opened.get("/auth/factors"))["passkeys"] == []


async def test_a_key_takes_a_fresh_factor_and_five_minutes_later_another(walk: Walk, ana: Caller) -> None:
    pocket, _ = await enrol(walk, ana)
    walk.clock.advance(301)
    refused(await ana.post("/api-keys", {"name": "Bot"}), 403, "step_up_required")
    good(await ana.post("/auth/step-up", {"code": pocket.next_code()}))
    key = good(await ana.post("/api-keys", {"name": "Bot"}), 201)["key"]
    walk.clock.advance(301)
    refused(await ana.post("/api-keys", {"name": "Bot"}), 403, "step_up_required")

    bot = Caller(walk.http, key)
    good(await bot.post("/api-keys", {"name": "Another"}), 201)
    refused(await bot.get("/auth/factors"), 403, "session_required")
    refused(await bot.post("/auth/totp"), 403, "session_required")
    refused(await bot.post("/auth/step-up", {"code": pocket.next_code()}), 403, "session_required")


async def test_staff_set_up_a_second_factor_before_anything_else(walk: Walk) -> None:
    path = await walk.house.identity.bootstrap(walk.letters.parent)
    assert path is not None
    admin = Caller(walk.http, path.read_text().strip())
    added = good(await admin.post("/principals", {"role": "treasurer", "name": "Treasury"}), 201)
    email = "treasury@house.example.com"
    good(await admin.post(f"/principals/{added['id']}/invite", {"email": email}))
    good(await walk.post("/password/reset", {"token": await walk.token_for(email), "password": PASSWORD}))
    treasurer = walk.session(await walk.log_in(email))
    refused(await treasurer.get("/customers"), 403, "second_factor_required")
    refused(await treasurer.post("/auth/sms", {"phone": PHONE}), 403, "role_denied")
    assert good(await treasurer.get("/auth/factors"))["totp_since"] is None
    await enrol(walk, treasurer)
    good(await treasurer.get("/customers"))
    refused(await treasurer.send("DELETE", "/auth/totp"), 409, "last_factor")


async def test_a_large_withdrawal_takes_a_fresh_factor(walk: Walk, ana: Caller) -> None:
    path = await walk.house.identity.bootstrap(walk.letters.parent)
    assert path is not None
    admin = Caller(walk.http, path.read_text().strip())
    deposit = {
        "customer_id": ana.id, "asset": "COP", "amount": "100000000", "reference": "R-1", "rail": "pse",
        "payer": {"name": "Ana Prueba"},
    }  # fmt: skip
    good(await admin.post("/deposits", deposit), 201)
    payout = {"rail": "pse", "account": "123456789", "holder": "Ana Prueba"}

    async def withdraw(amount: str, number: int) -> httpx2.Response:
        wanted = {"asset": "COP", "amount": amount, "destination": payout}
        return await ana.send("POST", "/withdrawals", json=wanted, headers={"idempotency-key": f"w{number}"})

    good(await withdraw("40000000", 1), 202)
    refused(await withdraw("40000001", 2), 403, "step_up_required")
    pocket, _ = await enrol(walk, ana)
    good(await withdraw("40000001", 3), 202)
    walk.clock.advance(301)
    refused(await withdraw("40000001", 4), 403, "step_up_required")
    good(await ana.post("/auth/step-up", {"code": pocket.next_code()}))
    refused(await withdraw("40000001", 5), 409, "insufficient_funds")


@pytest.mark.parametrize(
    "body",
    (
        {}, {"ticket": 5}, {"ticket": "x", "method": "password"}, {"ticket": "x", "code": "1" * 65},
        {"ticket": "x", "credential": []}, {"ticket": "x", "pass": "y"},
    ),
)  # fmt: skip
async def test_what_is_no_second_step_is_refused_as_such(walk: Walk, body: dict[str, Any]) -> None:
    answer = await walk.post("/second-factor", body)
    assert answer.status_code == 422
    assert answer.json()["code"] in {"field_missing", "field_invalid", "unknown_field"}
