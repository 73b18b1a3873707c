"""Inviting: a principal the house knows gets a letter by which it sets a password and can log in."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from cambista.identity.errors.keys import OwnerBlocked
from cambista.identity.errors.people import EmailMissing, LoginExists
from cambista.identity.errors.principals import EmailTaken, PrincipalUnknown
from cambista.identity.rules.principals import read_email, read_language
from cambista.identity.rules.step_up import step_up_refusal
from cambista.identity.service.desk import AtDesk, Desk
from cambista.identity.service.journaling import journal
from cambista.identity.service.letters_of_people import send_links
from cambista.identity.store import keys as key_store
from cambista.identity.store import people as store
from cambista.identity.store import principals as principal_store
from cambista.identity.store.people import LoginDraft
from cambista.identity.types.keys import Scope
from cambista.identity.types.people import Invitation, TokenPurpose
from cambista.identity.types.principals import Principal, PrincipalRequest, Status
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Tx


class Invitations(AtDesk):
    """The part of people's door through which others are asked in."""

    async def invite(self, requests: Sequence[Invitation]) -> list[Principal | Refusal]:
        """Invite principals without a password by letter: an operator customers, an admin anybody; again is allowed.

        Refuses `principal_not_found`, `owner_blocked`, `login_exists`, `email_missing`, `email_taken`,
        `email_invalid`, `language_invalid`, `step_up_required`.
        """
        answers = await self._desk.writer.submit(self._invite, requests)
        return [answer for answer in answers if isinstance(answer, Principal | Refusal)]

    async def _invite(self, tx: Tx, requests: Sequence[Invitation]) -> list[Principal | Refusal]:
        keys = [each.caller.key_id for each in requests if each.caller.key_id is not None]
        refused = await key_store.find_refused_keys(tx, keys, tx.now)
        principals = await principal_store.lock_principals(tx, [each.principal_id for each in requests])
        answers: list[Principal | Refusal] = []
        for request in requests:
            try:
                if request.caller.key_id in refused:
                    raise Unauthenticated
                principal = self._judge(tx, request, principals.get(request.principal_id))
                await self._let_in(tx, request, principal)
                answers.append(principal)
            except Refusal as refusal:
                answers.append(refusal)
            journal(tx, request.caller, ("person.invite", f"principal:{request.principal_id}"), answers[-1])
        return answers

    def _judge(self, tx: Tx, request: Invitation, principal: Principal | None) -> Principal:
        caller = request.caller
        caller.require(Scope.CUSTOMERS_WRITE, Role.OPERATOR, Role.ADMIN)
        if principal is None:
            raise PrincipalUnknown(principal=str(request.principal_id))
        if principal.role is not Role.CUSTOMER:
            caller.require(Scope.PRINCIPALS_WRITE, Role.ADMIN)
        if principal.status is not Status.ACTIVE:
            raise OwnerBlocked(principal=str(principal.id))
        step_up = step_up_refusal(caller, tx.now, timedelta(seconds=self._desk.settings.step_up_s))
        if step_up is not None:
            raise step_up
        return principal

    async def _let_in(self, tx: Tx, request: Invitation, principal: Principal) -> None:
        login = (await store.lock_logins(tx, [principal.id])).get(principal.id)
        if login is not None and login.password_hash is not None:
            raise LoginExists(principal=str(principal.id))
        email = None if request.email is None else read_email(request.email)
        language = read_language(request.language)
        if login is None or email is not None:
            email = email or await principal_store.find_customer_email(tx, self._desk.runtime, principal.id)
            if email is None:
                raise EmailMissing
            draft = LoginDraft(principal.id, email, language)
            if not await store.put_invited(tx, self._desk.runtime, draft):
                raise EmailTaken
        await send_links(tx, self._desk, [principal.id], TokenPurpose.INVITATION, "invitation")


async def refuse_taken(
    tx: Tx, desk: Desk, asked: Sequence[tuple[PrincipalRequest, Principal | Refusal]]
) -> list[Principal | Refusal]:
    """Principals to be made that bring an address, refused where it is none or somebody's."""
    emails = [email for request, _ in asked if (email := _email(request)) is not None]
    if not emails:
        return [_readable(request) or answer for request, answer in asked]
    found = await store.find_by_email(tx, [desk.blind(email) for email in emails])
    taken = {email for email in emails if found[desk.blind(email)].login is not None}
    answers: list[Principal | Refusal] = []
    for request, drafted in asked:
        email = _email(request)
        answer = _readable(request) or drafted
        if isinstance(answer, Principal) and email in taken:
            answer = EmailTaken()
        if isinstance(answer, Principal) and email is not None:
            taken.add(email)
        answers.append(answer)
    return answers


def _readable(request: PrincipalRequest) -> Refusal | None:
    """What is wrong with the address or the language; a principal without an address needs neither."""
    try:
        if request.email is not None:
            read_email(request.email)
            read_language(request.language)
    except Refusal as refusal:
        return refusal
    return None


async def invite_new(tx: Tx, desk: Desk, made: Sequence[tuple[PrincipalRequest, Principal]]) -> None:
    """Logins and letters for principals just made with an address."""
    drafts = [
        LoginDraft(principal.id, email, request.language)
        for request, principal in made
        if (email := _email(request)) is not None
    ]
    if not drafts:
        return
    inserted = await store.insert_logins(tx, desk.runtime, drafts)
    # Somebody took the address meanwhile: the transaction fails, and alone the request is refused.
    assert inserted == {each.principal_id for each in drafts}, "an address was taken meanwhile"
    ids: list[UUID] = [each.principal_id for each in drafts]
    await send_links(tx, desk, ids, TokenPurpose.INVITATION, "invitation")


def _email(request: PrincipalRequest) -> str | None:
    if request.email is None:
        return None
    try:
        return read_email(request.email)
    except Refusal:
        return None
