"""People for tests: they register, answer their letters, log in, and keep an authenticator in the pocket."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from cambista.identity import (
    Channel,
    Identity,
    IdentitySettings,
    NewSession,
    PrincipalRequest,
    Proof,
    SecondStep,
    StepUpRequest,
    Visitor,
)
from cambista.identity.rules import factors as rules
from cambista.identity.types.factors import FactorKind
from cambista.identity.types.people import Attempt, Confirmation, Invitation, PasswordReset, Registration, Ticket
from cambista.kernel.callers import Caller, Role
from cambista.notifications import Letter, Notifications
from cambista.runtime import Runtime

PASSWORD = "grapes under a wooden bridge"
# Passwords are hashed fast here: their cost is tested where it matters.
CHEAP = IdentitySettings(password_memory_kib=8, password_passes=1, password_lanes=1)
VISITOR = Visitor("192.0.2.7", "trace", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
ADMIN = Caller(UUID(int=1), Role.ADMIN)


@dataclass(slots=True)
class Mailbox:
    """A channel that keeps what it is given."""

    letters: list[Letter] = field(default_factory=list)

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)

    async def close(self) -> None:
        """Nothing to let go."""


@dataclass(slots=True)
class Town:
    """Identity, its post office, and where letters and short messages arrive."""

    runtime: Runtime
    identity: Identity
    mail: Mailbox
    phones: Mailbox
    post: Notifications

    async def deliver(self) -> None:
        await self.identity.people.write_letters()
        await self.post.send_due()

    async def customer(self, name: str = "ana") -> "Person":
        """Somebody who has registered and confirmed."""
        email = f"{name}@example.com"
        # Each from a place of its own: one address sends a few letters only.
        home = from_address(VISITOR, f"198.51.100.{len(self.mail.letters) % 250}")
        await self.identity.people.register(Registration(home, email, PASSWORD, f"{name.title()} Prueba", "CO"))
        await self.deliver()
        trusted = await self.identity.people.confirm(Confirmation(VISITOR, self.token_for(email)))
        return Person(self, email, trusted.principal_id, trusted.device)

    async def staff(self, role: str = "treasurer") -> "Person":
        """Somebody an admin has added and invited."""
        email = f"{role}@house.example.com"
        [added] = await self.identity.create_principals([PrincipalRequest(ADMIN, role, f"The {role}")])
        principal_id: UUID = added.id  # type: ignore[union-attr]
        await self.identity.people.invite([Invitation(ADMIN, principal_id, email)])
        await self.deliver()
        await self.identity.people.reset_password(PasswordReset(VISITOR, self.token_for(email), PASSWORD))
        return Person(self, email, principal_id, "")

    def token_for(self, email: str) -> str:
        letter = [each for each in self.mail.letters if each.to == email][-1]
        found = re.search(r"#token=(\S+)", letter.text)
        assert found is not None, letter.text
        return found[1]

    def code_sent(self) -> str:
        """The code of the last short message."""
        found = re.search(r"\b([0-9]{6})\b", self.phones.letters[-1].text)
        assert found is not None
        return found[1]


@dataclass(slots=True)
class Person:
    """A person with a password, and perhaps an authenticator (its secret)."""

    town: Town
    email: str
    id: UUID
    device: str
    secret: str = ""

    def code(self, steps: int = 0) -> str:
        """What the authenticator shows so many steps from now."""
        return rules.totp_code(self.secret, rules.time_step(self.town.runtime.now()) + steps)

    def totp(self, steps: int = 0) -> Proof:
        return Proof(FactorKind.TOTP, self.code(steps))

    async def first_step(self) -> NewSession | Ticket:
        """The password."""
        return await self.town.identity.people.log_in(Attempt(VISITOR, self.email, PASSWORD, self.device))

    async def ticket(self) -> str:
        """The password, of somebody who has to show a second factor."""
        answer = await self.first_step()
        assert isinstance(answer, Ticket)
        return answer.ticket

    async def plain_session(self) -> Caller:
        """A session of somebody without a second factor."""
        answer = await self.first_step()
        assert isinstance(answer, NewSession)
        return await self.caller(answer)

    async def second_step(self, ticket: str, proof: Proof, visitor: Visitor = VISITOR) -> NewSession:
        return await self.town.identity.second_steps.complete(SecondStep(visitor, ticket, proof))

    async def session(self, proof: Proof | None = None) -> Caller:
        """A session opened with the authenticator, or another factor."""
        opened = await self.second_step(await self.ticket(), proof or self.totp())
        return await self.caller(opened)

    async def caller(self, opened: NewSession) -> Caller:
        return await self.again(opened.token)

    async def again(self, token: str) -> Caller:
        """The caller of that session as the house sees it now."""
        identity = self.town.identity
        return await identity.authenticate(token, address=VISITOR.address, trace_id="trace", agent=VISITOR.agent)

    async def with_authenticator(self) -> tuple[str, Caller]:
        """Log in without one and set one up; the session's token and caller, and its code of now is spent."""
        answer = await self.first_step()
        assert isinstance(answer, NewSession)
        caller = await self.caller(answer)
        self.secret = (await self.town.identity.factors.begin_totp(caller)).secret
        await self.town.identity.factors.confirm_totp(caller, self.code())
        return answer.token, await self.again(answer.token)

    async def step_up(self, caller: Caller, proof: Proof) -> None:
        await self.town.identity.factors.step_up(StepUpRequest(caller, proof))


def from_address(visitor: Visitor, address: str) -> Visitor:
    return replace(visitor, address=address)


def open_town(runtime: Runtime, identity: Identity) -> Town:
    mail, phones = Mailbox(), Mailbox()
    channels: Mapping[Channel, Mailbox] = {Channel.EMAIL: mail, Channel.SMS: phones}
    return Town(runtime, identity, mail, phones, Notifications(runtime, identity, channels))
