"""OAuth2 clients: registered by an admin for a partner, with secrets that rotate; and who shows one."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from cambista.identity.events.oauth import ClientRegistered, ClientRevoked
from cambista.identity.rules import oauth as rules
from cambista.identity.rules.roles import permission
from cambista.identity.rules.step_up import step_up_refusal
from cambista.identity.rules.tokens import TOKEN_BYTES, token_text
from cambista.identity.service.journaling import journal, key_ids
from cambista.identity.service.keyring import Keyring
from cambista.identity.service.listing import before, page, page_size
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.store import oauth_clients as store
from cambista.identity.types.keys import Scope
from cambista.identity.types.oauth import (
    Client,
    ClientRequest,
    ClientRevocation,
    NewClient,
    Presented,
    SecretRotation,
)
from cambista.identity.types.principals import Page
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.kernel.ids import IdInvalid, parse_id
from cambista.runtime import Once, Replay, Runtime, Tx


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A request with what was drawn for it; the house keeps of the secret its hash."""

    request: ClientRequest | SecretRotation
    id: UUID
    secret: str = field(repr=False)


class OAuthClients:
    """The part of OAuth2's door that is about clients."""

    def __init__(
        self,
        runtime: Runtime,
        settings: IdentitySettings,
        keyring: Keyring,
        *,
        token: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._keyring = keyring
        self._token = token

    def draw(self, mark: str) -> str:
        """A secret nobody has yet: a client's, a code, a refresh token."""
        return token_text(mark, self._token(TOKEN_BYTES))

    async def register(
        self, requests: Sequence[ClientRequest], onces: Sequence[Once | None] = ()
    ) -> list[NewClient | Refusal | Replay]:
        """Register clients (admin). The answer to the request that made one holds its secret.

        Refuses `principal_not_found`, `owner_not_partner`, `client_malformed`, `redirect_uri_invalid`,
        `scope_not_grantable`, `clients_limit`, `text_invalid`, `step_up_required`.
        """
        return await self._draw(self._register, requests, onces)

    async def rotate_secrets(
        self, requests: Sequence[SecretRotation], onces: Sequence[Once | None] = ()
    ) -> list[NewClient | Refusal | Replay]:
        """Give clients a new secret (admin); the old one counts for the overlap.

        Refuses `client_not_found`, `client_ended`, `client_malformed`, `overlap_invalid`, `step_up_required`.
        """
        return await self._draw(self._rotate, requests, onces)

    async def revoke(
        self, requests: Sequence[ClientRevocation], onces: Sequence[Once | None] = ()
    ) -> list[Client | Refusal | Replay]:
        """End clients and all that was granted to them (admin), for good. Refuses `client_not_found`."""
        answers = await self._runtime.writer.submit(self._revoke, requests, onces)
        self._keyring.forget()
        return answers

    async def list_clients(self, caller: Caller, *, limit: int = 50, cursor: str | None = None) -> Page[Client]:
        """Clients, newest first (admin, auditor)."""
        caller.require(Scope.PRINCIPALS_READ, Role.ADMIN, Role.AUDITOR)
        async with self._runtime.db.read() as reader:
            rows = await store.list_clients(reader, before(cursor), page_size(limit) + 1)
        return page(rows, limit, [row.id for row in rows])

    async def find(self, client_id: str) -> Client | None:
        """A client by the id it is known by outside."""
        known = await self._known(client_id)
        return None if known is None else known.client

    async def recognise(self, presented: Presented) -> Client:
        """The client that shows its secret (a public one shows none); refuses `invalid_client`."""
        return rules.recognised(await self._known(presented.client_id), presented.secret, self._runtime.now())

    async def _known(self, client_id: str) -> rules.KnownClient | None:
        try:
            id = parse_id(client_id)
        except IdInvalid:
            return None
        async with self._runtime.db.read() as reader:
            return await store.find_client(reader, id)

    async def _draw(
        self,
        use_case: Callable[[Tx, Sequence[_Drawn]], Awaitable[Sequence[Client | Refusal]]],
        requests: Sequence[ClientRequest] | Sequence[SecretRotation],
        onces: Sequence[Once | None],
    ) -> list[NewClient | Refusal | Replay]:
        """Draw a secret for each, and show it to the one whose request it was drawn for."""
        drawn = [_Drawn(request, self._runtime.new_id(), self.draw(rules.SECRET_MARK)) for request in requests]
        made: dict[int, Client] = {}
        kept = [_keeping(once, made, index) for index, once in enumerate(onces)]
        answers = await self._runtime.writer.submit(use_case, drawn, kept)
        shown: list[NewClient | Refusal | Replay] = []
        for index, (answer, each) in enumerate(zip(answers, drawn, strict=True)):
            client = made.get(index, answer) if isinstance(answer, Replay) else answer
            if isinstance(client, Client):
                shown.append(NewClient(client, each.secret if client.confidential else ""))
            else:
                shown.append(client)
        return shown

    async def _register(self, tx: Tx, drawn: Sequence[_Drawn]) -> list[Client | Refusal]:
        requests = [each.request for each in drawn if isinstance(each.request, ClientRequest)]
        refused = await self._refused(tx, [request.caller for request in requests])
        partners = await store.lock_partners(tx, [request.owner_id for request in requests])
        answers: list[Client | Refusal] = []
        for each, request in zip(drawn, requests, strict=True):
            partner = partners.get(request.owner_id)
            answer = self._stopped(tx, request.caller, refused) or rules.client(
                request, each.id, partner, tx.now, self._settings.oauth.clients_max
            )
            if isinstance(answer, Client):
                assert partner is not None
                partners[request.owner_id] = replace(partner, clients=partner.clients + 1)
                hash = rules.token_hash(each.secret) if answer.confidential else None
                await store.insert_clients(tx, [(answer, hash)])
                tx.emit(ClientRegistered(answer.id, answer.owner_id, tx.now), trace_id=request.caller.trace_id)
            subject = f"client:{answer.id}" if isinstance(answer, Client) else f"principal:{request.owner_id}"
            journal(tx, request.caller, ("client.register", subject), answer)
            answers.append(answer)
        return answers

    async def _rotate(self, tx: Tx, drawn: Sequence[_Drawn]) -> list[Client | Refusal]:
        requests = [each.request for each in drawn if isinstance(each.request, SecretRotation)]
        refused = await self._refused(tx, [request.caller for request in requests])
        clients = await store.lock_clients(tx, [request.client_id for request in requests])
        answers: list[Client | Refusal] = []
        for each, request in zip(drawn, requests, strict=True):
            found = clients.get(request.client_id)
            answer = self._stopped(tx, request.caller, refused) or rules.rotation(
                request, found, tx.now, self._settings.rotation_overlap_max_s
            )
            if isinstance(answer, Client):
                clients[answer.id] = answer
                await store.set_secret(tx, answer, rules.token_hash(each.secret))
            journal(tx, request.caller, ("client.rotate", f"client:{request.client_id}"), answer, found)
            answers.append(answer)
        return answers

    async def _revoke(self, tx: Tx, requests: Sequence[ClientRevocation]) -> list[Client | Refusal]:
        refused = await self._refused(tx, [request.caller for request in requests])
        clients = await store.lock_clients(tx, [request.client_id for request in requests])
        answers: list[Client | Refusal] = []
        ended: list[UUID] = []
        for request in requests:
            found = clients.get(request.client_id)
            answer: Client | Refusal = Unauthenticated()
            if request.caller.key_id not in refused:
                answer = rules.revocation(request, found, tx.now)
            if isinstance(answer, Client) and found is not None and found.revoked_at is None:
                clients[answer.id] = answer
                ended.append(answer.id)
                tx.emit(ClientRevoked(answer.id, answer.owner_id, tx.now), trace_id=request.caller.trace_id)
            journal(tx, request.caller, ("client.revoke", f"client:{request.client_id}"), answer, found)
            answers.append(answer)
        await store.set_revoked(tx, ended)
        return answers

    async def _refused(self, tx: Tx, callers: Sequence[Caller]) -> set[UUID]:
        ids = key_ids(callers)
        return await key_store.find_refused_keys(tx, ids, tx.now) if ids else set()

    def _stopped(self, tx: Tx, caller: Caller, refused: set[UUID]) -> Refusal | None:
        """A client is a credential: who makes one must hold a living one, and a person a fresh second factor."""
        if caller.key_id in refused:
            return Unauthenticated()
        denied = permission(caller, Scope.PRINCIPALS_WRITE, Role.ADMIN)
        return denied or step_up_refusal(caller, tx.now, self._settings.step_up)


def _keeping(once: Once | None, made: dict[int, Client], index: int) -> Once | None:
    """The same Once, noting the client its answer was rendered from."""
    if once is None:
        return None
    render = once.render

    def keep(answer: Client) -> tuple[int, bytes]:
        made[index] = answer
        return render(answer)

    return replace(once, render=keep)
