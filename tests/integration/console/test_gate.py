"""The console's outer door on a real house: who gets in, who does not, and who is shown out."""

from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from cambista.console.office_texts import words_in
from cambista.console.requests import COOKIE, FORM_MAX
from cambista.console.sessions import FAILURES_MAX, LOCK_S
from cambista.console.texts import EN, ES, Language
from cambista.identity import KeyRequest, KeyRevocation, NewApiKey, Status, StatusChange
from cambista.runtime import Runtime
from tests.houses import PaperHouse, paper_house
from tests.integration.console.doors import ADMIN, Door, open_door


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    async with paper_house(runtime) as made:
        yield made


@pytest.fixture
async def door(paper: PaperHouse) -> AsyncIterator[Door]:
    async with open_door(paper.house) as opened:
        yield opened


async def test_whoever_is_not_signed_in_is_shown_the_door(door: Door) -> None:
    answer = await door.desk()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    page = await door.browser.get("/console/sign-in", headers={"accept-language": "es-CO"})
    assert words_in(Language.ES).enter_lead in page.text
    page = await door.browser.get("/console/sign-in?with=key", headers={"accept-language": "es-CO"})
    assert ES.sign_in_lead in page.text
    for path in ("/console/_nicegui/3.18.0/static/nicegui.js", "/console/_nicegui_ws/socket.io/"):
        assert (await door.browser.get(path)).status_code == 401
    assert (await door.browser.get("/console/anything")).status_code == 404


@pytest.mark.parametrize("role", ("operator", "treasurer", "compliance", "admin", "auditor"))
async def test_staff_come_in_with_their_key_and_the_key_is_kept_nowhere(door: Door, role: str) -> None:
    made = await door.key(role)
    answer = await door.sign_in(made.key)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    cookie = answer.headers["set-cookie"]
    assert made.key not in cookie
    assert {"HttpOnly", "Path=/console", "SameSite=strict"} <= set(cookie.split("; "))
    assert (await door.desk()).text == f"the desk of {role}"


async def test_a_key_that_opens_nothing_is_refused_without_saying_why(door: Door) -> None:
    made = await door.key("operator")
    for key in ("", "x", made.key[:-1] + ("A" if made.key[-1] != "A" else "B"), "cmb_" + "z" * 400):
        answer = await door.sign_in(key)
        assert answer.status_code == 401
        assert EN.sign_in_refused in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("role", "scopes"), (("partner", ()), ("operator", ("quotes:read",))))
async def test_partners_and_keys_too_narrow_stay_outside(door: Door, role: str, scopes: tuple[str, ...]) -> None:
    made = await door.key(role, *scopes)
    answer = await door.sign_in(made.key)
    assert answer.status_code == 403
    assert EN.sign_in_role_refused in answer.text
    assert (await door.desk()).status_code == 303


async def test_a_customer_stays_outside(door: Door, paper: PaperHouse) -> None:
    customer = await paper.customer(1)
    [made] = await door.identity.create_keys([KeyRequest(ADMIN, customer.id, "Own")])
    assert isinstance(made, NewApiKey)
    assert (await door.sign_in(made.key)).status_code == 403


async def test_a_revoked_key_is_signed_out_at_the_next_look(door: Door) -> None:
    made, other = await door.key("operator"), await door.key("auditor")
    await door.sign_in(made.key)
    assert (await door.desk()).status_code == 200
    await door.gate.revalidate()
    assert (await door.desk()).status_code == 200
    await door.identity.revoke_keys([KeyRevocation(ADMIN, made.record.id)])
    await door.gate.revalidate()
    assert (await door.desk()).status_code == 303
    assert (await door.sign_in(other.key)).status_code == 303


async def test_a_blocked_operator_is_signed_out_at_the_next_look(door: Door) -> None:
    made = await door.key("operator")
    await door.sign_in(made.key)
    await door.identity.set_status([StatusChange(ADMIN, made.record.owner_id, Status.BLOCKED, "left")])
    await door.gate.revalidate()
    assert (await door.desk()).status_code == 303


async def test_signing_out_ends_the_session_on_the_server_too(door: Door) -> None:
    await door.sign_in((await door.key("operator")).key)
    token = door.browser.cookies[COOKIE]
    answer = await door.browser.post("/console/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    door.put_cookie(COOKIE, token)
    assert (await door.desk()).status_code == 303


async def test_a_new_sign_in_has_a_new_token_so_that_a_planted_one_is_worth_nothing(door: Door) -> None:
    door.put_cookie(COOKIE, "planted")
    answer = await door.sign_in((await door.key("operator")).key)
    assert "planted" not in answer.headers["set-cookie"]


async def test_an_address_that_fails_too_often_waits_even_with_a_good_key(door: Door, paper: PaperHouse) -> None:
    made = await door.key("operator")
    for _ in range(FAILURES_MAX):
        assert (await door.sign_in("wrong")).status_code == 401
    answer = await door.sign_in(made.key)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == str(LOCK_S)
    assert EN.sign_in_locked.format(minutes=5) in answer.text
    paper.clock.advance(LOCK_S)
    assert (await door.sign_in(made.key)).status_code == 303


async def test_another_sites_form_signs_nobody_in_or_out(door: Door) -> None:
    made = await door.key("operator")
    assert (await door.sign_in(made.key, Origin="http://evil.example")).status_code == 403
    assert (await door.sign_in(made.key, Origin="http://house")).status_code == 303
    answer = await door.browser.post("/console/sign-out", headers={"Origin": "null"})
    assert answer.status_code == 403
    assert (await door.desk()).status_code == 200


@pytest.mark.parametrize("body", (b"\xff\xfe", b"key=%ff", b"key", b"a=1&" * 50, b"key=" + b"x" * FORM_MAX))
async def test_a_broken_form_is_refused_like_a_wrong_key(door: Door, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await door.browser.post("/console/sign-in", content=body, headers=headers)
    assert answer.status_code == 401


async def test_every_answer_forbids_frames_sniffing_and_foreign_sources(door: Door) -> None:
    await door.sign_in((await door.key("operator")).key)
    for path in ("/console/", "/console/assets/desk.css", "/console/nothing"):
        headers = (await door.browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


async def test_sign_in_and_out_are_in_the_journal_without_the_key(
    door: Door, paper: PaperHouse, runtime: Runtime
) -> None:
    made = await door.key("treasurer")
    await door.sign_in(made.key)
    paper.clock.advance(1)
    await door.browser.post("/console/sign-out")
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT * FROM runtime.journal WHERE name LIKE 'console.%' ORDER BY id")
    assert [row["name"] for row in rows] == ["console.sign_in", "console.sign_out"]
    assert {(row["key_id"], row["address"]) for row in rows} == {(made.record.id, "203.0.113.9")}
    assert made.key not in str(rows)


@pytest.mark.parametrize(
    "headers",
    (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://house.evil.example"},
        {"origin": "http://house:81"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://house", "sec-fetch-site": "cross-site"},
    ),
    ids=str,
)
async def test_what_another_site_sends_changes_nothing(door: Door, headers: dict[str, str]) -> None:
    made = await door.key("admin")
    assert (await door.sign_in(made.key, **headers)).status_code == 403
    assert COOKIE not in door.browser.cookies
    await door.sign_in(made.key)
    assert (await door.browser.post("/console/sign-out", headers=headers)).status_code == 403
    assert (await door.desk()).status_code == 200


@pytest.mark.parametrize(
    "headers",
    (
        {"origin": "http://house"},
        {"sec-fetch-site": "same-origin"},
        {"origin": "http://house", "sec-fetch-site": "none"},
        {},
    ),
    ids=str,
)
async def test_our_own_pages_forms_are_taken(door: Door, headers: dict[str, str]) -> None:
    made = await door.key("admin")
    assert (await door.sign_in(made.key, **headers)).status_code == 303
    assert (await door.browser.post("/console/sign-out", headers=headers)).status_code == 303


async def test_another_sites_page_opens_no_socket_with_an_operators_cookie(door: Door) -> None:
    await door.sign_in((await door.key("operator")).key)
    await door.desk()
    cookie = f"{COOKIE}={door.browser.cookies[COOKIE]}"
    for origin, answered in (("https://evil.example", "close"), ("null", "close"), ("http://house", "accept")):
        scope = {
            "type": "websocket", "path": "/_nicegui_ws/socket.io/", "root_path": "", "query_string": b"",
            "headers": [(b"host", b"house"), (b"cookie", cookie.encode()), (b"origin", origin.encode())],
        }  # fmt: skip
        sent: list[str] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message, to: list[str] = sent) -> None:
            to.append(message["type"].removeprefix("websocket."))

        await door.gate(scope, receive, send)
        assert sent == [answered], origin


async def test_signing_in_again_ends_the_session_before(door: Door) -> None:
    await door.sign_in((await door.key("admin")).key)
    before = door.browser.cookies[COOKIE]
    await door.sign_in((await door.key("auditor")).key)
    assert (await door.desk()).text == "the desk of auditor"
    door.browser.cookies.clear()
    answer = await door.browser.get("/console/", headers={"cookie": f"{COOKIE}={before}"})
    assert answer.status_code == 303


async def test_over_https_the_cookie_stays_there(door: Door) -> None:
    made = await door.key("admin")
    answer = await door.browser.post("https://house/console/sign-in", data={"key": made.key})
    assert "Secure" in answer.headers["set-cookie"].split("; ")
