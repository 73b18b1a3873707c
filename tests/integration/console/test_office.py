"""The pages beside the desk on a real house: who sees what, what is on record, what needs a fresh factor."""

import re
from collections.abc import AsyncIterator
from html import unescape
from uuid import UUID

import httpx2
import pytest

from cambista.console.access import MENU, TABLE
from cambista.console.office_texts import words_in
from cambista.console.requests import COOKIE
from cambista.console.texts import Language
from cambista.identity import NewApiKey
from cambista.kernel.callers import Caller, Role
from cambista.runtime import Runtime
from tests.houses import paper_house, settings
from tests.integration.audit.records import owner
from tests.integration.console.doors import ADDRESS, AGENT, open_door
from tests.integration.console.test_password import Street, hidden
from tests.integration.identity.persons import CHEAP, PASSWORD, Person, open_town

WORDS = words_in(Language.EN)
STEP_UP_S = CHEAP.step_up_s


@pytest.fixture
async def street(runtime: Runtime) -> AsyncIterator[Street]:
    async with paper_house(runtime, settings(identity=CHEAP)) as paper, open_door(paper.house) as door:
        yield Street(door, open_town(runtime, paper.house.identity), paper)


@pytest.fixture
async def ada(street: Street) -> Person:
    """An admin, signed in, whose factor was just shown."""
    person = await street.enrolled("admin")
    await street.enter(person)
    return person


async def journal(runtime: Runtime) -> list[tuple[str, str]]:
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT name, subject FROM runtime.journal ORDER BY xid, position")
    return [(row["name"], row["subject"]) for row in rows]


async def seal(street: Street) -> None:
    """Let the sealer and its checkpoint come by."""
    await street.paper.house.audit.sealer.seal()
    await street.paper.house.audit.sealer.checkpoint(now=True)


def code_in(page: httpx2.Response) -> str:
    [key] = re.findall(r"<code>(cmb_[^<]+)</code>", page.text)
    return str(unescape(key))


@pytest.mark.parametrize("role", ("operator", "treasurer", "compliance", "admin", "auditor"))
async def test_each_role_opens_the_pages_of_its_row_and_no_other(street: Street, role: str) -> None:
    made = await street.door.key(role)
    await street.door.sign_in(made.key)
    for path in MENU:
        page = await street.door.get(path)
        allowed = path != "/me" and Role(role) in TABLE["GET", path].roles
        assert page.status_code == (200 if allowed else 403), path
        links = set(re.findall(r'<a href="/console(/\w+)"', page.text.partition("</nav>")[0]))
        assert (path in links) == allowed
    id = made.record.owner_id
    for (method, template), access in TABLE.items():
        if method == "POST" and Role(role) not in access.roles:
            answer = await street.door.post(template.replace("{id}", str(id)), reason="x", email="a@b.co", name="k")
            assert answer.status_code == 403, template


async def test_pages_are_as_strict_as_the_door(street: Street, ada: Person) -> None:
    for path in (*MENU, f"/people/{ada.id}"):
        page = await street.door.get(path)
        assert page.status_code == 200, page.text
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert "<script" not in page.text
        assert "style=" not in page.text
        spanish = await street.door.get(f"{path}?lang=es")
        assert 'lang="es"' in spanish.text
        await street.door.get(f"{path}?lang=en")


async def test_what_staff_looked_at_is_on_record_before_it_is_shown(
    street: Street, ada: Person, runtime: Runtime
) -> None:
    ana = await street.town.customer()
    assert "Ana Prueba" in (await street.door.get("/customers")).text
    assert ana.email in (await street.door.get(f"/people/{ana.id}")).text
    await street.door.get("/people")
    await street.door.get(f"/people/{ada.id}")
    await street.door.get("/audit")
    noted = await journal(runtime)
    assert noted[-5:] == [
        ("customer.list", "customers"), ("customer.read", f"customer:{ana.id}"), ("principal.list", "principals"),
        ("principal.read", f"principal:{ada.id}"), ("audit.read", "audit"),
    ]  # fmt: skip


async def test_people_are_found_by_their_whole_address_and_it_is_on_no_record(
    street: Street, ada: Person, runtime: Runtime
) -> None:
    ana = await street.town.customer()
    for person in (ana, ada):
        answer = await street.door.post("/search", email=person.email.upper())
        assert answer.headers["location"].startswith(f"/console/people/{person.id}")
    assert (await street.door.post("/search", email="nobody@example.com")).status_code == 404
    assert (await street.door.post("/search", email="%@example.com'; --")).status_code == 422
    assert "@" not in str(await journal(runtime))


async def test_an_operator_finds_customers_and_no_staff(street: Street, ada: Person) -> None:
    ana = await street.town.customer()
    street.door.browser.cookies.clear()
    await street.door.sign_in((await street.door.key("operator")).key)
    assert (await street.door.post("/search", email=ana.email)).status_code == 303
    assert (await street.door.post("/search", email=ada.email)).status_code == 404
    assert (await street.door.get(f"/people/{ana.id}")).status_code == 200
    assert (await street.door.get(f"/people/{ada.id}")).status_code == 403
    page = await street.door.get(f"/people/{ana.id}")
    assert WORDS.factors not in page.text


async def test_a_key_is_made_shown_once_rotated_and_revoked(street: Street, ada: Person) -> None:
    ana = await street.town.customer()
    here = f"/people/{ana.id}"
    made = await street.door.post(
        f"{here}/keys", name="My bot", scopes="quotes:write, trades:write", networks="203.0.113.0/24", days="30"
    )
    key = code_in(made)
    page = await street.door.get(here)
    assert "quotes:write, trades:write" in page.text
    assert key not in page.text
    caller = await street.door.identity.authenticate(key, address=ADDRESS, trace_id="")
    rotated = code_in(await street.door.post(f"/keys/{caller.key_id}/rotate"))
    assert rotated != key
    newer = await street.door.identity.authenticate(rotated, address=ADDRESS, trace_id="")
    revoked = await street.door.post(f"/keys/{newer.key_id}/revoke")
    assert revoked.headers["location"] == f"/console{here}?done=1"
    assert WORDS.revoked in (await street.door.get(here)).text


@pytest.mark.parametrize(
    ("fields", "code"),
    (
        ({"scopes": "nothing:real"}, "scope_unknown"),
        ({"networks": "everywhere"}, "network_invalid"),
        ({"days": "-1"}, "expiry_invalid"),
        ({"days": "99999999999999999999"}, "expiry_invalid"),
        ({"name": " "}, "text_invalid"),
    ),
)
async def test_a_form_filled_in_wrongly_is_told_why(
    street: Street, ada: Person, fields: dict[str, str], code: str
) -> None:
    answer = await street.door.post(f"/people/{ada.id}/keys", **{"name": "Bot", **fields})
    assert answer.status_code == 422
    assert WORDS.refusal(code) in answer.text


async def test_a_deed_asks_for_a_fresh_factor_and_is_done_once_it_is_shown(street: Street, ada: Person) -> None:
    ana = await street.town.customer()
    street.paper.clock.advance(STEP_UP_S + 1)
    asked = await street.door.post(f"/people/{ana.id}/keys", name="Wanted", scopes="quotes:read")
    assert asked.status_code == 403
    assert WORDS.step_up_lead in asked.text
    wrong = await street.door.post(f"/people/{ana.id}/keys", **hidden(asked), method="totp", code="000000")
    assert wrong.status_code == 403
    assert WORDS.second_wrong in wrong.text
    done = await street.door.post(f"/people/{ana.id}/keys", **hidden(wrong), method="totp", code=ada.code())
    assert code_in(done)
    page = await street.door.get(f"/people/{ana.id}")
    assert page.text.count("Wanted") == 1
    blocked = await street.door.post(f"/people/{ana.id}/block", reason="Case 1")
    assert blocked.status_code == 303


async def test_somebody_is_blocked_let_back_in_and_invited(street: Street, ada: Person, runtime: Runtime) -> None:
    ana = await street.town.customer()
    here = f"/people/{ana.id}"
    assert (await street.door.post(f"{here}/block", reason="Case 7")).status_code == 303
    assert WORDS.status_blocked in (await street.door.get(here)).text
    assert (await street.door.post(f"{here}/unblock", reason="Case 7 closed")).status_code == 303
    assert WORDS.status_active in (await street.door.get(here)).text
    assert WORDS.refusal("login_exists") in (await street.door.post(f"{here}/invite")).text
    assert (await street.door.post(f"/people/{ada.id}/block", reason="me")).status_code == 409
    told = await street.door.post(f"{here}/block", reason="")
    assert told.status_code == 422
    other = await street.door.key("auditor")
    sent = await street.door.post(f"/people/{other.record.owner_id}/invite", email="eva@house.example.com")
    assert sent.status_code == 303
    await street.town.deliver()
    assert street.town.token_for("eva@house.example.com")


async def test_all_sessions_of_somebody_are_ended_after_a_fresh_factor(
    street: Street, ada: Person, runtime: Runtime
) -> None:
    bea = await street.enrolled("operator")
    assert len(await street.door.identity.people.list_sessions(await bea.session())) == 2
    here = f"/people/{bea.id}"
    assert WORDS.end_all in (await street.door.get(here)).text
    street.paper.clock.advance(STEP_UP_S + 1)
    asked = await street.door.post(f"{here}/sign-out")
    assert asked.status_code == 403
    assert (
        await street.door.post(f"{here}/sign-out", **hidden(asked), method="totp", code=ada.code())
    ).status_code == 303
    assert WORDS.end_all not in (await street.door.get(here)).text
    assert ("session.end_all", f"principal:{bea.id}") in await journal(runtime)
    assert (await street.door.desk()).status_code == 200


async def test_ids_that_are_none_or_nobodys_are_not_there(street: Street, ada: Person) -> None:
    assert (await street.door.get(f"/people/{UUID(int=9)}")).status_code == 404
    assert (await street.door.get("/people/not-an-id")).status_code == 422
    assert (await street.door.get("/people/a/b/c")).status_code == 404
    assert (await street.door.post(f"/keys/{UUID(int=9)}/revoke")).status_code == 404
    assert (await street.door.get(f"/keys/{UUID(int=9)}/revoke")).status_code == 404
    for path in ("/people", "/customers", "/checkpoints", "/audit"):
        assert (await street.door.get(f"{path}?before=%00%27")).status_code in (200, 422)


async def test_ones_own_sessions_are_listed_and_ended(street: Street, ada: Person) -> None:
    street.paper.clock.advance(60)
    other = await ada.session()
    page = await street.door.get("/me")
    assert WORDS.this_session in page.text
    assert str(other.key_id) in page.text
    assert (await street.door.post(f"/me/sessions/{other.key_id}/end")).status_code == 303
    assert str(other.key_id) not in (await street.door.get("/me")).text
    assert (await street.door.post(f"/me/sessions/{other.key_id}/end")).status_code == 404
    street.paper.clock.advance(60)
    await ada.session()
    assert (await street.door.post("/me/sessions/end")).status_code == 303
    assert WORDS.end_others not in (await street.door.get("/me")).text
    assert (await street.door.desk()).status_code == 200


async def test_nobody_ends_anothers_session(street: Street, ada: Person) -> None:
    bea = await street.enrolled("operator")
    session = await bea.session()
    assert (await street.door.post(f"/me/sessions/{session.key_id}/end")).status_code == 404
    assert str(session.key_id) not in (await street.door.get("/me")).text


async def test_the_password_is_changed_and_other_sessions_end(street: Street, ada: Person) -> None:
    new = "seven blue herons at noon"
    wrong = await street.door.post("/me/password", old="not the one I have", new=new)
    assert wrong.status_code == 403
    assert WORDS.refusal("password_wrong") in wrong.text
    short = await street.door.post("/me/password", old=PASSWORD, new="short")
    assert short.status_code == 422
    done = await street.door.post("/me/password", old=PASSWORD, new=new)
    assert done.status_code == 200
    for page in (wrong, short, done):
        assert new not in page.text
        assert PASSWORD not in page.text
    street.door.browser.cookies.clear()
    assert (await street.show_password(ada, new)).status_code == 200


async def test_another_authenticator_takes_the_place_of_the_first_after_a_fresh_factor(
    street: Street, ada: Person
) -> None:
    street.paper.clock.advance(STEP_UP_S + 1)
    asked = await street.door.post("/me/totp")
    assert asked.status_code == 403
    begun = await street.door.post("/me/totp", **hidden(asked), method="totp", code=ada.code())
    [secret] = re.findall(r"<code>([A-Z2-7]{32,})</code>", begun.text)
    assert secret != ada.secret
    ada.secret = secret
    assert (await street.door.post("/me/totp/confirm", code="000000")).status_code == 403
    assert (await street.door.post("/me/totp/confirm", code=ada.code())).status_code == 303
    codes = await street.door.post("/me/codes")
    assert len(re.findall(r"<li><code>", codes.text)) == 10


async def test_entries_are_filtered_by_who_what_whom_and_when(street: Street, ada: Person) -> None:
    ana = await street.town.customer()
    await street.door.post(f"/people/{ana.id}/block", reason="Case 9")
    for query in ("action=principal.blocked", f"subject=principal:{ana.id}", f"actor={ada.id}"):
        assert f"principal:{ana.id}" in (await street.door.get(f"/audit?{query}")).text, query
    assert f"principal:{ana.id}" not in (await street.door.get("/audit?action=trade.execute")).text
    now = f"{street.paper.runtime.now():%Y-%m-%dT%H:%M:%S}"
    assert "principal.blocked" not in (await street.door.get(f"/audit?until=2020-01-01T00:00&actor={ada.id}")).text
    assert "principal.blocked" not in (await street.door.get(f"/audit?from={now}&until={now}")).text
    assert (await street.door.get("/audit?actor=nobody")).status_code == 422
    assert (await street.door.get("/audit?from=yesterday")).status_code == 422


async def test_entries_come_in_pages(street: Street, ada: Person) -> None:
    for _ in range(60):
        await street.door.get("/solvency")
        await street.door.get("/security")
    first = await street.door.get("/audit?action=security.read")
    assert first.text.count("<details>") == 50
    [way] = re.findall(r'href="/console(/audit\?[^"]*before=[^"]+)"', first.text)
    second = await street.door.get(unescape(way))
    assert second.text.count("<details>") == 10
    assert "before=" not in second.text


async def test_a_proof_is_checked_step_by_step(street: Street, ada: Person) -> None:
    await seal(street)
    page = await street.door.get("/audit?action=console.sign_in")
    [id] = re.findall(r'action="/console/audit/([0-9a-f-]{36})"', page.text)
    shown = await street.door.get(f"/audit/{id}")
    assert WORDS.proof_good in shown.text
    assert shown.text.count('<li class="good">') == 4
    assert (await street.door.get(f"/audit/{UUID(int=3)}")).status_code == 404


async def test_an_entry_changed_in_the_database_fails_its_proof(street: Street, ada: Person, dsn: str) -> None:
    await seal(street)
    page = await street.door.get("/audit?action=console.sign_in")
    [id] = re.findall(r'action="/console/audit/([0-9a-f-]{36})"', page.text)
    async with owner(dsn) as connection:
        await connection.execute("UPDATE runtime.journal SET outcome = 'denied' WHERE id = $1", UUID(id))
    shown = await street.door.get(f"/audit/{id}")
    assert WORDS.proof_good not in shown.text
    assert WORDS.proof_bad in shown.text


async def test_checkpoints_solvency_and_settings_are_shown(street: Street, ada: Person) -> None:
    assert WORDS.no_certificate in (await street.door.get("/solvency")).text
    await seal(street)
    await street.paper.house.solvency.certify(caller=Caller(ada.id, Role.ADMIN))
    assert WORDS.signature_good in (await street.door.get("/checkpoints")).text
    solvency = (await street.door.get("/solvency")).text
    assert "<b>COP</b>" in solvency
    assert solvency.count("✓") == len(re.findall("<b>", solvency)) + 1
    guards = (await street.door.get("/security")).text
    for shown in ("local", "standard", "partner", "Argon2id", "8 KiB, 1, 1", WORDS.tls_none):
        assert shown in guards


async def test_a_key_has_no_account_page(street: Street) -> None:
    await street.door.sign_in((await street.door.key("admin")).key)
    page = await street.door.get("/me")
    assert page.status_code == 403
    assert WORDS.refusal("session_required") in page.text


async def test_a_session_revoked_while_a_form_is_filled_in_does_nothing(street: Street, ada: Person) -> None:
    ana = await street.town.customer()
    token = street.door.browser.cookies[COOKIE]
    caller = await street.door.identity.authenticate(token, address=ADDRESS, trace_id="", agent=AGENT)
    await street.door.identity.people.log_out(caller)
    answer = await street.door.post(f"/people/{ana.id}/keys", name="Late")
    assert answer.headers["location"] == "/console/sign-in"
    found = await street.door.identity.list_keys(Caller(ada.id, Role.ADMIN), ana.id)
    assert not any(isinstance(each, NewApiKey) for each in found.items)
    assert found.items == ()
