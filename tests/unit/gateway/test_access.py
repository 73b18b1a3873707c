"""Who may call what: every route has a row, and every row a route."""

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from cambista.gateway.access import ANYONE, BASE, TABLE, access_to, methods_at
from cambista.gateway.application import ROOMS, create_app
from cambista.gateway.rest.hot import HOT_ROUTES
from cambista.identity import SCOPES_OF, Scope
from cambista.kernel.callers import Role
from tests.unit.gateway.stand_ins import stand_in_doors


def every_route() -> Iterator[tuple[str, str]]:
    """Method and template of all that the application answers."""
    app = create_app(stand_in_doors())
    routes = [route for route in app.router.routes if isinstance(route, Route | APIRoute)]
    routes += [route for room in ROOMS for route in room.router.routes if isinstance(route, APIRoute)]
    for route in routes:
        for method in route.methods or ():
            yield method, route.path


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    found = {(method, path) for method, path in every_route() if method != "HEAD"}
    assert found == set(TABLE)


def test_a_route_without_a_row_answers_nobody() -> None:
    with pytest.raises(AssertionError, match="no row"):
        access_to("GET", f"{BASE}/secrets")


def test_every_role_of_a_row_may_have_its_scope() -> None:
    for (method, path), row in TABLE.items():
        for role in row.roles if row.scope else ():
            assert Scope(row.scope) in SCOPES_OF[role], (method, path, role)


def test_what_has_no_scope_is_a_persons_own_login_or_consent() -> None:
    scopeless = {path for (_, path), row in TABLE.items() if row.roles and not row.scope}
    assert all(path.startswith((f"{BASE}/auth/", "/oauth/")) for path in scopeless)


def test_an_auditor_may_only_read_but_for_the_own_login() -> None:
    for (method, path), row in TABLE.items():
        assert Role.AUDITOR not in row.roles or method == "GET" or path.startswith(f"{BASE}/auth/"), path


def test_what_anyone_may_call_moves_nothing() -> None:
    others = {(method, path) for (method, path), row in TABLE.items() if row == ANYONE and method != "GET"}
    assert all(path.startswith((f"{BASE}/auth/", "/oauth/")) for _, path in others)


def test_the_hot_routes_come_first_in_the_router() -> None:
    app = create_app(stand_in_doors())
    paths = [getattr(route, "path", "") for route in app.router.routes[: len(HOT_ROUTES)]]
    assert paths == [f"{BASE}/quotes", f"{BASE}/trades"]


def test_the_methods_of_an_address_are_known_by_its_template() -> None:
    assert methods_at(f"{BASE}/trades") == ["GET", "POST"]
    assert methods_at(f"{BASE}/trades/7") == ["GET"]
    assert methods_at("/nowhere") == []
