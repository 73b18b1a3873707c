"""Who walks the house in the walk of the access table: every role with every kind of credential, living and dead."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from cambista.gateway.access import Access
from cambista.identity import (
    SCOPES_OF,
    STAFF,
    Customer,
    CustomerRequest,
    KeyRequest,
    KeyRevocation,
    NewApiKey,
    Principal,
    PrincipalRequest,
    Status,
    StatusChange,
)
from cambista.identity.rules.keys import SESSION_MARK, key_hash, key_text
from cambista.identity.store.people import LoginDraft, insert_logins
from cambista.kernel.callers import Caller, Role
from tests.houses import PaperHouse

ADMIN = Caller(UUID(int=0xAD), Role.ADMIN)
# What says that somebody was not let in. Whatever else an answer says, it was said to somebody inside.
DOORS = frozenset({"unauthenticated", "role_denied", "scope_missing", "session_required", "second_factor_required"})


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody at the door: `name` says with what; `secret` None brings nothing."""

    name: str
    secret: str | None
    role: Role | None = None
    owner: UUID | None = None
    scopes: frozenset[str] = frozenset()
    session: bool = False
    proved: bool = False
    dead: bool = False


def verdict(row: Access, who: Walker) -> str | None:
    """What the table alone says of this caller at this endpoint: the code at the door, or None for whoever passes."""
    if not row.roles:
        return None
    if who.dead or who.role is None:
        return "unauthenticated"
    if not row.scope and not who.session:
        return "session_required"
    if who.role not in row.roles:
        return "role_denied"
    if who.scopes and row.scope not in who.scopes:
        return "scope_missing"
    if who.session and who.role in STAFF and not who.proved and not row.enrolling:
        return "second_factor_required"
    return None


@dataclass(slots=True)
class Walkers:
    """Makes walkers on a house through the doors of identity; sessions it writes itself, as a login would."""

    paper: PaperHouse
    drawn: int = 0
    with_login: set[UUID] = field(default_factory=set)

    async def owner(self, role: Role, name: str) -> UUID:
        identity = self.paper.house.identity
        if role is Role.CUSTOMER:
            request = CustomerRequest(ADMIN, f"{name}@example.com", f"{name.title()} Walker", "CO")
            [made] = await identity.create_customers([request])
            assert isinstance(made, Customer), made
            return made.id
        [principal] = await identity.create_principals([PrincipalRequest(ADMIN, role.value, name)])
        assert isinstance(principal, Principal), principal
        return principal.id

    async def keys(self, owner: UUID, scopes: Sequence[tuple[str, ...]], *, ends_in_s: float = 0) -> list[NewApiKey]:
        ends = self.paper.runtime.now() + timedelta(seconds=ends_in_s) if ends_in_s else None
        requests = [KeyRequest(ADMIN, owner, "Walk", each, ends) for each in scopes]
        made = await self.paper.house.identity.create_keys(requests)
        assert all(isinstance(each, NewApiKey) for each in made), made
        return [each for each in made if isinstance(each, NewApiKey)]

    async def session(self, owner: UUID, *, proved: bool = False, lives_s: float = 3600, ended: bool = False) -> str:
        self.drawn += 1
        token = key_text(prefix=bytes(5), secret=self.drawn.to_bytes(32, "big"), mark=SESSION_MARK)
        runtime = self.paper.runtime
        now, id = runtime.now(), runtime.new_id()
        ends = now + timedelta(seconds=lives_s)
        row = (id, owner, key_hash(token), now, ends, ends, 900, now if proved else None)
        async with runtime.db.transaction() as tx:
            if owner not in self.with_login:
                self.with_login.add(owner)
                await insert_logins(tx, runtime, [LoginDraft(owner, f"{owner}@example.com", "es", confirmed=True)])
            columns = ("id", "owner_id", "hash", "created_at", "expires_at", "idle_until", "idle_s", "proved_at")
            await tx.copy("identity", "session", columns, [row])
            if ended:
                await tx.execute("UPDATE identity.session SET revoked_at = $2 WHERE id = $1", id, now)
        return token

    async def of_role(self, role: Role) -> tuple[UUID, list[Walker]]:
        """Somebody of that role with every living credential, and what is left of others: expired, revoked, blocked."""
        owner = await self.owner(role, f"{role.value}-living")
        full, *narrowed = await self.keys(owner, [(), *((scope,) for scope in sorted(SCOPES_OF[role]))])
        living = [Walker(f"{role}, key", full.key, role, owner)]
        for made in narrowed:
            scopes = frozenset(made.record.scopes)
            living.append(Walker(f"{role}, key for {set(scopes)}", made.key, role, owner, scopes))
        for proved in (False, True):
            token = await self.session(owner, proved=proved)
            name = f"{role}, session{' with a second factor' if proved else ''}"
            living.append(Walker(name, token, role, owner, session=True, proved=proved))
        return owner, living + [each async for each in self._dead(role, owner)]

    async def _dead(self, role: Role, owner: UUID):  # type: ignore[no-untyped-def]
        [expiring], [revoked] = await self.keys(owner, [()], ends_in_s=1), await self.keys(owner, [()])
        await self.paper.house.identity.revoke_keys([KeyRevocation(ADMIN, revoked.record.id)])
        yield Walker(f"{role}, expired key", expiring.key, role, owner, dead=True)
        yield Walker(f"{role}, revoked key", revoked.key, role, owner, dead=True)
        late = await self.session(owner, proved=True, lives_s=1)
        yield Walker(f"{role}, expired session", late, role, owner, session=True, dead=True)
        ended = await self.session(owner, proved=True, ended=True)
        yield Walker(f"{role}, ended session", ended, role, owner, session=True, dead=True)
        blocked = await self.owner(role, f"{role.value}-blocked")
        [sleeping] = await self.keys(blocked, [()])
        asleep = await self.session(blocked, proved=True)
        await self.paper.house.identity.set_status([StatusChange(ADMIN, blocked, Status.BLOCKED, "walk")])
        yield Walker(f"{role}, key of somebody blocked", sleeping.key, role, blocked, dead=True)
        yield Walker(f"{role}, session of somebody blocked", asleep, role, blocked, session=True, dead=True)


def nobodies() -> Iterator[Walker]:
    """Those who bring nothing the house knows."""
    yield Walker("nobody", None)
    yield Walker("a made-up key", key_text(prefix=b"\1" * 5, secret=b"\1" * 32))
    yield Walker("a made-up session", key_text(prefix=b"\1" * 5, secret=b"\2" * 32, mark=SESSION_MARK))
    yield Walker("a made-up token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.")


def sorted_out(walkers: Sequence[Walker], row: Access) -> list[Walker]:
    """Of the many narrowed keys, the one that fits the row and one that does not; of the rest, all. Where anyone may
    call, nobody and a few."""
    if not row.roles:
        return [each for each in walkers if each.role in (None, Role.ADMIN) and not each.scopes]
    kept: dict[tuple[object, ...], Walker] = {}
    for each in walkers:
        kept.setdefault((each.role, row.scope in each.scopes) if each.scopes else (each.name,), each)
    return list(kept.values())


Things = Mapping[str, str]
