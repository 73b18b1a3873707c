"""People at the console's door: password, second factor, the desk; and all that must not open it."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape

import httpx2
import pytest

from cambista.console.office_texts import words_in
from cambista.console.requests import COOKIE, DEVICE_COOKIE, TICKET_COOKIE
from cambista.console.texts import EN, Language
from cambista.identity import SessionRevocation
from cambista.runtime import Runtime
from tests.houses import PaperHouse, paper_house, settings
from tests.integration.console.doors import AGENT, Door, open_door
from tests.integration.identity.persons import CHEAP, PASSWORD, Person, Town, open_town

WORDS = words_in(Language.EN)


@dataclass(frozen=True, slots=True)
class Street:
    """A door, and people who come to it."""

    door: Door
    town: Town
    paper: PaperHouse

    async def enrolled(self, role: str = "admin") -> Person:
        """Somebody of the staff with an authenticator, whose code of now is not spent."""
        person = await self.town.staff(role)
        await person.with_authenticator()
        self.paper.clock.advance(60)
        return person

    async def show_password(self, person: Person, password: str = PASSWORD) -> httpx2.Response:
        return await self.door.post("/sign-in", email=person.email, password=password, lang="en")

    async def show_code(self, page: httpx2.Response, code: str, method: str = "totp") -> httpx2.Response:
        """Fill in the second page as a browser does."""
        return await self.door.post("/sign-in", **hidden(page), method=method, code=code)

    async def enter(self, person: Person) -> httpx2.Response:
        return await self.show_code(await self.show_password(person), person.code())


def hidden(page: httpx2.Response) -> dict[str, str]:
    """The hidden fields of the page's first form."""
    form = page.text.partition("<main>")[2].partition("</form>")[0]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
    return {name: unescape(value) for name, value in found}


@pytest.fixture
async def street(runtime: Runtime) -> AsyncIterator[Street]:
    async with paper_house(runtime, settings(identity=CHEAP)) as paper, open_door(paper.house) as door:
        yield Street(door, open_town(runtime, paper.house.identity), paper)


async def test_the_password_alone_opens_nothing_and_the_second_factor_opens_the_desk(street: Street) -> None:
    ada = await street.enrolled()
    page = await street.show_password(ada)
    assert page.status_code == 200
    assert WORDS.second_lead in page.text
    assert COOKIE not in street.door.browser.cookies
    assert (await street.door.desk()).status_code == 303
    answer = await street.show_code(page, ada.code())
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert (await street.door.desk()).text == "the desk of admin"


async def test_the_cookie_is_a_session_of_the_house_that_no_script_reads_and_no_site_sends(
    street: Street,
) -> None:
    ada = await street.enrolled()
    answer = await street.enter(ada)
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if each.startswith(COOKIE)]
    assert {"HttpOnly", "Path=/console", "SameSite=strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    caller = await street.door.identity.authenticate(
        street.door.browser.cookies[COOKIE], address="203.0.113.9", trace_id="", agent=AGENT
    )
    assert caller.id == ada.id
    assert caller.proved_at is not None


async def test_over_tls_the_cookies_are_secure_and_named_so(street: Street) -> None:
    ada = await street.enrolled()
    async with open_door(street.paper.house, base_url="https://house") as door:
        await Street(door, street.town, street.paper).enter(ada)
        names = {COOKIE, DEVICE_COOKIE}
        found = {each.name: (each.secure, each.path) for each in door.browser.cookies.jar}
        assert found == {f"__Host-{name}": (True, "/") for name in names}
        assert (await door.desk()).text == "the desk of admin"


@pytest.mark.parametrize("code", ("000000", "", "x" * 70, "' OR 1=1 --"))
async def test_a_wrong_code_is_asked_for_again_and_opens_nothing(street: Street, code: str) -> None:
    ada = await street.enrolled()
    page = await street.show_password(ada)
    again = await street.show_code(page, code)
    assert again.status_code == 401
    assert WORDS.second_wrong in again.text
    assert (await street.door.desk()).status_code == 303
    assert (await street.show_code(again, ada.code())).status_code == 303


async def test_a_code_opens_one_session_and_no_second(street: Street) -> None:
    ada = await street.enrolled()
    code = ada.code()
    assert (await street.show_code(await street.show_password(ada), code)).status_code == 303
    street.door.browser.cookies.clear()
    assert (await street.show_code(await street.show_password(ada), code)).status_code == 401


async def test_a_recovery_code_opens_the_desk_once(street: Street) -> None:
    ada = await street.enrolled()
    caller = await ada.session()
    [first, *_] = await street.door.identity.factors.renew_recovery_codes(caller)
    page = await street.show_password(ada)
    assert (await street.show_code(page, first, "recovery")).status_code == 303
    street.door.browser.cookies.clear()
    assert (await street.show_code(await street.show_password(ada), first, "recovery")).status_code == 401


async def test_an_address_nobody_has_and_a_wrong_password_are_answered_alike(street: Street) -> None:
    ada = await street.enrolled()
    wrong = await street.show_password(ada, "not the password at all")
    unknown = await street.door.post("/sign-in", email="nobody@example.com", password=PASSWORD, lang="en")
    broken = await street.door.post("/sign-in", email="not an address", password=PASSWORD, lang="en")
    assert wrong.status_code == 401
    assert WORDS.enter_failed in wrong.text
    assert wrong.text == unknown.text == broken.text


async def test_guessing_makes_wait_by_the_houses_own_counters(street: Street) -> None:
    ada = await street.enrolled()
    answers = [await street.show_password(ada, f"guess number {number:03}") for number in range(6)]
    assert [each.status_code for each in answers] == [401] * 5 + [429]
    wait_s = int(answers[-1].headers["retry-after"])
    assert WORDS.enter_wait.format(seconds=wait_s) in answers[-1].text
    assert (await street.show_password(ada)).status_code == 429
    street.paper.clock.advance(wait_s + 1)
    assert (await street.show_password(ada)).status_code == 200


async def test_a_known_device_is_not_held_up_by_strangers_who_guess(street: Street) -> None:
    ada = await street.enrolled()
    await street.enter(ada)
    await street.door.post("/sign-out")
    device = street.door.browser.cookies[DEVICE_COOKIE]
    street.door.browser.cookies.clear()
    for number in range(6):
        await street.show_password(ada, f"guess number {number:03}")
    assert (await street.show_password(ada)).status_code == 429
    street.door.put_cookie(DEVICE_COOKIE, device)
    assert (await street.show_password(ada)).status_code == 200


async def test_a_ticket_that_is_old_or_made_up_leads_back_to_the_password(street: Street) -> None:
    ada = await street.enrolled()
    page = await street.show_password(ada)
    old = street.door.browser.cookies[TICKET_COOKIE]
    assert old not in page.text
    street.paper.clock.advance(CHEAP.ticket_ttl_s + 1)
    for ticket in (old, "cmt_made_up", ""):
        street.door.browser.cookies.clear()
        street.door.put_cookie(TICKET_COOKIE, ticket)
        answer = await street.show_code(page, ada.code())
        assert answer.status_code == 401
        assert WORDS.enter_late in answer.text


async def test_staff_without_a_second_factor_can_only_set_one_up_and_see_their_recovery_codes_once(
    street: Street,
) -> None:
    bea = await street.town.staff("operator")
    answer = await street.show_password(bea)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/enrol")
    for path in ("/", "/people", "/me", "/audit"):
        sent = await street.door.get(path)
        assert (sent.status_code, sent.headers["location"]) == (303, "/console/enrol")
    assert (await street.door.get("/_nicegui/3/x.js")).status_code == 303
    assert WORDS.enrol_lead in (await street.door.get("/enrol")).text
    begun = await street.door.post("/enrol", begin="1")
    assert "<svg" in begun.text
    bea.secret = re.findall(r"<code>([A-Z2-7]{32,})</code>", begun.text)[0]
    wrong = await street.door.post("/enrol", code="000000")
    assert wrong.status_code == 401
    assert WORDS.second_wrong in wrong.text
    shown = await street.door.post("/enrol", code=bea.code())
    assert len(re.findall(r"<li><code>", shown.text)) == 10
    assert (await street.door.desk()).text == "the desk of operator"
    assert (await street.door.get("/enrol")).headers["location"] == "/console/"


async def test_a_customer_stays_outside_and_keeps_no_session(street: Street) -> None:
    ana = await street.town.customer()
    answer = await street.show_password(ana)
    assert answer.status_code == 403
    assert WORDS.enter_not_staff in unescape(answer.text)
    assert "set-cookie" not in answer.headers
    assert len(await street.door.identity.people.list_sessions(await ana.plain_session())) == 1


async def test_a_session_ended_elsewhere_ends_the_desk_at_the_next_look(street: Street) -> None:
    ada = await street.enrolled()
    await street.enter(ada)
    session = next(iter(street.door.gate.sessions._open.values()))
    street.paper.clock.advance(60)
    elsewhere = await ada.session()
    await street.door.identity.people.end_sessions([SessionRevocation(elsewhere)])
    await street.door.gate.revalidate()
    assert session.ended
    assert (await street.door.desk()).status_code == 303


async def test_a_session_that_rests_too_long_is_over_and_one_in_use_is_not(street: Street) -> None:
    ada = await street.enrolled()
    await street.enter(ada)
    for _ in range(3):
        street.paper.clock.advance(CHEAP.session_idle_staff_s - 60)
        assert (await street.door.desk()).status_code == 200
        await street.door.identity.note_uses()
    street.paper.clock.advance(CHEAP.session_idle_staff_s + 1)
    assert (await street.door.desk()).status_code == 303


async def test_a_stolen_cookie_in_another_browser_ends_the_session(street: Street) -> None:
    ada = await street.enrolled()
    await street.enter(ada)
    thief = await street.door.browser.get("/console/", headers={"user-agent": "curl/8"})
    assert thief.status_code == 303
    assert (await street.door.desk()).status_code == 303


async def test_signing_out_ends_the_session_in_the_house(street: Street) -> None:
    ada = await street.enrolled()
    await street.enter(ada)
    token = street.door.browser.cookies[COOKIE]
    await street.door.post("/sign-out")
    street.door.put_cookie(COOKIE, token)
    assert (await street.door.desk()).status_code == 303


async def test_each_sign_in_has_a_new_token_and_ends_the_one_before(street: Street) -> None:
    ada = await street.enrolled()
    street.door.put_cookie(COOKIE, "cms_planted_token")
    await street.enter(ada)
    first = street.door.browser.cookies[COOKIE]
    assert "planted" not in first
    street.paper.clock.advance(60)
    await street.enter(ada)
    assert street.door.browser.cookies[COOKIE] != first
    street.door.put_cookie(COOKIE, first)
    assert (await street.door.desk()).status_code == 303


async def test_a_restart_of_the_console_signs_nobody_out_who_came_by_password(street: Street) -> None:
    ada = await street.enrolled()
    await street.enter(ada)
    token = street.door.browser.cookies[COOKIE]
    async with open_door(street.paper.house) as restarted:
        restarted.put_cookie(COOKIE, token)
        assert (await restarted.desk()).text == "the desk of admin"


async def test_a_key_in_the_cookie_opens_nothing(street: Street) -> None:
    made = await street.door.key("admin")
    street.door.put_cookie(COOKIE, made.key)
    assert (await street.door.desk()).status_code == 303


async def test_a_session_token_is_no_key(street: Street) -> None:
    ada = await street.enrolled()
    await street.enter(ada)
    token = street.door.browser.cookies[COOKIE]
    street.door.browser.cookies.clear()
    answer = await street.door.sign_in(token)
    assert answer.status_code == 401
    assert EN.sign_in_refused in answer.text


async def test_another_sites_form_shows_no_password_and_does_no_deed(street: Street) -> None:
    ada = await street.enrolled()
    await street.enter(ada)
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/sign-in", "/enrol", "/me/sessions/end", f"/people/{ada.id}/block"):
            answer = await street.door.browser.post(f"/console{path}", data={"reason": "x"}, headers=headers)
            assert answer.status_code == 403
    assert (await street.door.desk()).status_code == 200


async def test_neither_password_nor_code_nor_ticket_nor_token_is_on_record(street: Street, runtime: Runtime) -> None:
    ada = await street.enrolled()
    page = await street.show_password(ada)
    ticket = street.door.browser.cookies[TICKET_COOKIE]
    await street.show_code(page, ada.code())
    assert TICKET_COOKIE not in street.door.browser.cookies
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT * FROM runtime.journal ORDER BY id")
    assert "console.sign_in" in {row["name"] for row in rows}
    said = " ".join(str(row["facts"]) + row["subject"] for row in rows)
    for secret in (PASSWORD, ticket, street.door.browser.cookies[COOKIE], ada.email):
        assert secret not in said
