"""A customer's browser at the authorization endpoint: sign in and agree in one walk, without a cookie of a session."""

import hmac
import re
import secrets
from collections.abc import Callable, Coroutine
from http.cookies import CookieError, SimpleCookie
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from cambista.gateway import refusals
from cambista.gateway.errors import FormForeign
from cambista.gateway.passage import Passage
from cambista.gateway.rest.auth import visitor_of
from cambista.gateway.rest.consent_page import ConsentPage, language_of, policy
from cambista.gateway.rest.forms import fields, guard, read_form
from cambista.gateway.rest.oauth import address_of, wish_of
from cambista.identity import (
    Attempt,
    Client,
    FactorKind,
    NewSession,
    Proof,
    RequestInvalid,
    SecondStep,
    Ticket,
    Way,
    Wish,
)
from cambista.kernel.errors import Refusal

_WISH = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")
# Cookies: a word only this browser and the page know, and the ticket between password and second factor.
_GUARD, _TICKET = "consent", "consent-ticket"
_FORMS = {
    _GUARD: re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII),
    _TICKET: re.compile(r"[A-Za-z0-9_-]{40,80}", re.ASCII),
}
_KEPT_S = 1800
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _PageRoute(APIRoute):
    """A route whose refusals are pages."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                page = ConsentPage("Cambista", "", language_of("", request.headers.get("accept-language", "")))
                return _html(page.refused(refusal.code), refusals.status_of(type(refusal)))

        return handled


router = APIRouter(prefix="/oauth", tags=["oauth2"], route_class=_PageRoute, dependencies=[Depends(guard)])
Entered = Annotated[Passage, Depends(guard)]


class _Asking(NamedTuple):
    """A wish as far as it is known to be good: its client, its scopes, and the page in the customer's language."""

    wish: Wish
    client: Client
    scopes: tuple[str, ...]
    page: ConsentPage
    hidden: dict[str, str]


@router.get("/authorize", include_in_schema=False, response_model=None)
async def ask(passage: Entered, request: Request) -> Response:
    """Show a customer what a client asks for."""
    found = fields(request.scope["query_string"])
    form = {name: found.get(name, "") for name in (*_WISH, "ui_locales")}
    form["guard"] = _cookie(request, _GUARD) or secrets.token_urlsafe(32)
    asking = await _asking(passage, request, form)
    if isinstance(asking, Way):
        return _redirect(asking)
    answer = _html(asking.page.sign_in(asking.hidden, asking.scopes), redirect_uri=asking.wish.redirect_uri)
    _set_cookie(answer, request, _GUARD, form["guard"])
    return answer


@router.post("/consent", include_in_schema=False, response_model=None)
async def answer(passage: Entered, request: Request) -> Response:
    """What the customer said on the page: password, code, yes or no."""
    form = await read_form(passage)
    _own(passage, request, form)
    asking = await _asking(passage, request, form)
    if isinstance(asking, Way):
        return _redirect(asking)
    consents = passage.doors.identity.oauth.consents
    if form.get("decision") == "decline":
        return _redirect(consents.declined(asking.wish))
    try:
        ticket = _cookie(request, _TICKET) if "methods" in form else None
        opened = await (_second(passage, form, asking, ticket) if ticket else _first(passage, request, form, asking))
        return opened if isinstance(opened, Response) else await _agree(passage, asking, opened)
    except Refusal as refusal:
        return _again(asking, form, refusal)


async def _asking(passage: Passage, request: Request, form: dict[str, str]) -> _Asking | Way:
    """The wish, checked anew at each step; or the way back to the client that asked for what it may not have."""
    wish, identity = wish_of(form), passage.doors.identity
    client = await identity.oauth.consents.asking(wish)
    try:
        scopes = identity.oauth.consents.wished(wish, client)
    except RequestInvalid as refusal:
        return identity.oauth.consents.declined(wish, refusal)
    language = language_of(form.get("ui_locales", ""), request.headers.get("accept-language", ""))
    hidden = {name: form.get(name, "") for name in (*_WISH, "ui_locales", "guard")}
    return _Asking(wish, client, scopes, ConsentPage(identity.house_name, client.name, language), hidden)


async def _first(passage: Passage, request: Request, form: dict[str, str], asking: _Asking) -> NewSession | Response:
    attempt = Attempt(visitor_of(passage), form.get("email", ""), form.get("password", ""))
    opened = await passage.doors.identity.people.log_in(attempt)
    if not isinstance(opened, Ticket):
        return opened
    answer = _ask_factor(asking, opened.methods)
    _set_cookie(answer, request, _TICKET, opened.ticket)
    return answer


async def _second(passage: Passage, form: dict[str, str], asking: _Asking, ticket: str) -> NewSession | Response:
    steps, visitor = passage.doors.identity.second_steps, visitor_of(passage)
    if form.get("step") == "send":
        await steps.send_code(visitor, ticket)
        return _ask_factor(asking, _methods(form), is_sent=True)
    kinds = {kind.value: kind for kind in FactorKind if kind is not FactorKind.PASSKEY}
    kind = kinds.get(form.get("method", ""), FactorKind.TOTP)
    return await steps.complete(SecondStep(visitor, ticket, Proof(kind, form.get("code", ""))))


async def _agree(passage: Passage, asking: _Asking, opened: NewSession) -> Response:
    """Agree in the session just opened, which is good for this alone and ends at once."""
    identity = passage.doors.identity
    caller = await identity.authenticate(
        opened.token, address=passage.address, trace_id=passage.trace_id, agent=passage.agent
    )
    try:
        return _redirect(await identity.oauth.consents.agree(caller, asking.wish))
    finally:
        await identity.people.log_out(caller)


def _again(asking: _Asking, form: dict[str, str], refusal: Refusal) -> Response:
    """The same page once more, with what went wrong."""
    status, back = refusals.status_of(type(refusal)), asking.wish.redirect_uri
    if "methods" in form and refusal.code not in ("ticket_invalid", "role_denied"):
        hidden = {**asking.hidden, "methods": form["methods"]}
        return _html(asking.page.second_factor(hidden, _methods(form), wrong=refusal.code), status, back)
    return _html(asking.page.sign_in(asking.hidden, asking.scopes, refusal.code), status, back)


def _ask_factor(asking: _Asking, methods: tuple[str, ...], *, is_sent: bool = False) -> Response:
    hidden = {**asking.hidden, "methods": " ".join(methods)}
    page = asking.page.second_factor(hidden, methods, is_sent=is_sent)
    return _html(page, redirect_uri=asking.wish.redirect_uri)


def _methods(form: dict[str, str]) -> tuple[str, ...]:
    return tuple(form.get("methods", "").split())


# --------------------------------------------------------------------------------------------- whose form it is
def _own(passage: Passage, request: Request, form: dict[str, str]) -> None:
    """Refuse a form another site made: it has not the cookie's word, or comes from elsewhere."""
    known, shown = _cookie(request, _GUARD), form.get("guard", "")
    own = {passage.doors.identity.oauth.issuer.issuer, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    origin = request.headers.get("origin")
    is_foreign = origin is not None and origin not in own
    if known is None or not hmac.compare_digest(known.encode(), shown.encode("utf-8", "replace")) or is_foreign:
        raise FormForeign
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise FormForeign


def _cookie(request: Request, name: str) -> str | None:
    """What this browser was given under that name, if it has the form of it."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")[:4096]).get(_marked(request, name))
    except CookieError:
        return None
    return found.value if found is not None and _FORMS[name].fullmatch(found.value) else None


def _set_cookie(answer: Response, request: Request, name: str, value: str) -> None:
    is_secure = request.url.scheme == "https"
    answer.set_cookie(
        _marked(request, name), value, max_age=_KEPT_S, secure=is_secure, httponly=True, samesite="strict"
    )


def _marked(request: Request, name: str) -> str:
    return f"__Host-{name}" if request.url.scheme == "https" else name


def _html(page: str, status: int = 200, redirect_uri: str = "") -> Response:
    # With "no-referrer" browsers would hide the origin of the form that follows.
    headers = {"content-security-policy": policy(redirect_uri), "referrer-policy": "same-origin"}
    return Response(page, status, headers, media_type="text/html")


def _redirect(way: Way) -> Response:
    return Response(b"", 303, {"location": address_of(way)})
