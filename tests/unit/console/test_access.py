"""Who may see what beside the desk: never more than the same person may through the API."""

from uuid import UUID

import pytest

from cambista.console.access import MENU, TABLE, menu_of
from cambista.console.office.office import HANDLERS
from cambista.console.office_texts import words_in
from cambista.console.texts import Language
from cambista.gateway.access import BASE
from cambista.gateway.access import TABLE as ENDPOINTS
from cambista.identity import STAFF
from cambista.kernel.callers import Caller, Credential, Role

_ID = UUID(int=1)
# Each page or deed, and the endpoint that gives the same.
SAME = {
    ("GET", "/people"): ("GET", "/principals"),
    ("GET", "/customers"): ("GET", "/customers"),
    ("POST", "/search"): ("GET", "/customers"),
    ("GET", "/people/{id}"): ("GET", "/customers/{id}"),
    ("POST", "/people/{id}/block"): ("POST", "/principals/{id}/block"),
    ("POST", "/people/{id}/unblock"): ("POST", "/principals/{id}/unblock"),
    ("POST", "/people/{id}/sign-out"): ("POST", "/principals/{id}/block"),
    ("POST", "/people/{id}/invite"): ("POST", "/principals/{id}/invite"),
    ("POST", "/people/{id}/keys"): ("POST", "/api-keys"),
    ("POST", "/keys/{id}/rotate"): ("POST", "/api-keys/{id}/rotate"),
    ("POST", "/keys/{id}/revoke"): ("DELETE", "/api-keys/{id}"),
    ("GET", "/audit"): ("GET", "/audit"),
    ("GET", "/audit/{id}"): ("GET", "/audit/{id}/proof"),
    ("GET", "/checkpoints"): ("GET", "/audit/checkpoints"),
    ("GET", "/security"): ("GET", "/audit"),
    ("GET", "/solvency"): ("GET", "/ledger/trial-balance"),
    ("GET", "/me"): ("GET", "/auth/me"),
    ("POST", "/me/password"): ("POST", "/auth/password"),
    ("POST", "/me/sessions/end"): ("DELETE", "/auth/sessions"),
    ("POST", "/me/sessions/{id}/end"): ("DELETE", "/auth/sessions/{id}"),
    ("POST", "/me/totp"): ("POST", "/auth/totp"),
    ("POST", "/me/totp/confirm"): ("POST", "/auth/totp/confirm"),
    ("POST", "/me/codes"): ("POST", "/auth/recovery-codes"),
    ("POST", "/me/passkeys/{id}/remove"): ("DELETE", "/auth/passkeys/{id}"),
}


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    assert set(HANDLERS) == set(TABLE) == set(SAME)


@pytest.mark.parametrize("row", TABLE, ids=" ".join)
def test_a_page_is_open_to_the_staff_that_may_ask_the_api_for_the_same(row: tuple[str, str]) -> None:
    method, path = SAME[row]
    there = ENDPOINTS.get((method, f"{BASE}{path}")) or ENDPOINTS[method, path]
    assert TABLE[row].scope == there.scope
    assert set(TABLE[row].roles) == set(there.roles) & STAFF


@pytest.mark.parametrize(
    ("role", "pages"),
    (
        (Role.OPERATOR, {"/customers", "/solvency", "/me"}),
        (Role.TREASURER, {"/customers", "/solvency", "/me"}),
        (Role.COMPLIANCE, set(MENU)),
        (Role.ADMIN, set(MENU)),
        (Role.AUDITOR, set(MENU)),
        (Role.CUSTOMER, set()),
        (Role.PARTNER, set()),
    ),
)
def test_the_menu_leads_nowhere_one_may_not_go(role: Role, pages: set[str]) -> None:
    assert set(menu_of(Caller(_ID, role, credential=Credential.SESSION))) == pages
    assert set(menu_of(Caller(_ID, role))) == pages - {"/me"}


@pytest.mark.parametrize("language", tuple(Language))
def test_every_page_of_the_menu_has_a_name(language: Language) -> None:
    assert all(getattr(words_in(language), f"nav_{path[1:]}") for path in MENU)
