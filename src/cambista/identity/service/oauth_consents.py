"""What customers agree to: a client asks, the customer lets it or not, and may take it back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from cambista.identity.errors.factors import SessionRequired
from cambista.identity.errors.oauth import AccessDenied, GrantUnknown
from cambista.identity.events.oauth import AccessRevoked
from cambista.identity.rules import oauth as rules
from cambista.identity.rules.roles import may_see, permission
from cambista.identity.service.journaling import journal, key_ids
from cambista.identity.service.keyring import Keyring
from cambista.identity.service.listing import before, page, page_size
from cambista.identity.service.oauth_clients import OAuthClients
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.store import oauth_grants as store
from cambista.identity.types.keys import Scope
from cambista.identity.types.oauth import Client, Code, Grant, GrantRevocation, Way, Wish
from cambista.identity.types.principals import Page
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Action, Once, Replay, Runtime, Tx


@dataclass(frozen=True, slots=True)
class _Agreement:
    caller: Caller
    code: Code


class OAuthConsents:
    """The part of OAuth2's door a customer stands at."""

    def __init__(self, runtime: Runtime, settings: IdentitySettings, keyring: Keyring, clients: OAuthClients) -> None:
        self._runtime = runtime
        self._settings = settings
        self._keyring = keyring
        self._clients = clients

    async def asking(self, wish: Wish) -> Client:
        """The client that asks; refuses (`invalid_request`) one that is unknown or wants the answer sent elsewhere."""
        return rules.redirect_of(wish, await self._clients.find(wish.client_id))

    def wished(self, wish: Wish, client: Client) -> tuple[str, ...]:
        """The scopes it asks for; refuses (as RFC 6749, 4.1.2.1 has it) what the client has to be told."""
        return rules.wished(wish, client)

    def declined(self, wish: Wish, refusal: Refusal | None = None) -> Way:
        """The way back to a client that gets nothing. The wish must have passed `asking`."""
        refusal = refusal or AccessDenied()
        return self._way(wish, ("error", refusal.code), ("error_description", refusal.detail))

    async def agree(self, caller: Caller, wish: Wish) -> Way:
        """Let the client act for this customer: the way back to it, with a code. Needs the customer's own session.

        Refuses `session_required`, `role_denied`, and what `asking` and `wished` refuse.
        """
        caller.require("", Role.CUSTOMER)
        if caller.credential is not Credential.SESSION:
            raise SessionRequired
        client = await self.asking(wish)
        scopes = self.wished(wish, client)
        text, now = self._clients.draw(rules.CODE_MARK), self._runtime.now()
        code = Code(
            rules.token_hash(text), client.id, caller.id, scopes, wish.redirect_uri, wish.challenge, now,
            now + timedelta(seconds=self._settings.oauth.code_s),
        )  # fmt: skip
        [verdict] = await self._runtime.writer.submit(self._agree, [_Agreement(caller, code)])
        if isinstance(verdict, Refusal):
            raise verdict
        return self._way(wish, ("code", text))

    async def list_grants(self, caller: Caller, *, limit: int = 50, cursor: str | None = None) -> Page[Grant]:
        """What the caller has agreed to and not taken back, newest first."""
        caller.require(Scope.KEYS_READ, Role.CUSTOMER)
        async with self._runtime.db.read_own(caller.id) as reader:
            rows = await store.list_grants(reader, caller.id, self._runtime.now(), before(cursor), page_size(limit) + 1)
        return page(rows, limit, [row.id for row in rows])

    async def take_back(
        self, requests: Sequence[GrantRevocation], onces: Sequence[Once | None] = ()
    ) -> list[Grant | Refusal | Replay]:
        """End grants, one's own or any (admin): their tokens open nothing from now on. Refuses `grant_not_found`."""
        answers = await self._runtime.writer.submit(self._take_back, requests, onces)
        self._keyring.forget()
        return answers

    def _way(self, wish: Wish, *parameters: tuple[str, str]) -> Way:
        state = (("state", wish.state),) if wish.state else ()
        # Who sent the browser back, so that a client of several houses is not mixed up (RFC 9207).
        return Way(wish.redirect_uri, (*parameters, *state, ("iss", self._settings.origin)))

    async def _agree(self, tx: Tx, agreements: Sequence[_Agreement]) -> list[Refusal | None]:
        refused = await key_store.find_refused_keys(tx, key_ids([each.caller for each in agreements]), tx.now)
        verdicts: list[Refusal | None] = [
            Unauthenticated() if each.caller.key_id in refused else None for each in agreements
        ]
        good = [each for each, verdict in zip(agreements, verdicts, strict=True) if verdict is None]
        await store.insert_codes(tx, [each.code for each in good])
        for each in good:
            facts = {"scopes": list(each.code.scopes)}
            tx.record(Action(each.caller, "oauth.agree", f"client:{each.code.client_id}", facts=facts))
        return verdicts

    async def _take_back(self, tx: Tx, requests: Sequence[GrantRevocation]) -> list[Grant | Refusal]:
        refused = await key_store.find_refused_keys(tx, key_ids([each.caller for each in requests]), tx.now)
        grants = await store.lock_grants(tx, [request.grant_id for request in requests])
        answers: list[Grant | Refusal] = []
        ended: list[UUID] = []
        for request in requests:
            caller = request.caller
            found = grants.get(request.grant_id)
            answer: Grant | Refusal = Unauthenticated()
            if caller.key_id not in refused:
                denied = permission(caller, Scope.KEYS_WRITE, Role.CUSTOMER, Role.PARTNER, Role.ADMIN)
                is_seen = found is not None and may_see(caller, found.owner_id, Role.ADMIN)
                answer = denied or (found if found and is_seen else GrantUnknown(grant=str(request.grant_id)))
            if isinstance(answer, Grant) and answer.revoked_at is None:
                answer = grants[answer.id] = replace(answer, revoked_at=tx.now)
                ended.append(answer.id)
                gone = AccessRevoked(answer.id, answer.client_id, answer.owner_id, "customer", tx.now)
                tx.emit(gone, trace_id=caller.trace_id)
            journal(tx, caller, ("oauth.take_back", f"grant:{request.grant_id}"), answer, found)
            answers.append(answer)
        await store.set_grants_revoked(tx, ended)
        return answers
