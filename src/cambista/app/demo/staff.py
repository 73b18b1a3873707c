"""The demo's own staff: who registers customers, takes their deposits, and lets money go with four eyes."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cambista.app.demo.client import Answer, Api
from cambista.app.demo.people import Person, written
from cambista.app.demo.plan import Payer
from cambista.app.demo.rails import WAYS
from cambista.kernel.registry import asset

STRANGER = "Inversiones Nadie Conoce"


@dataclass(frozen=True, slots=True)
class Customer:
    """A registered customer with a key of its own."""

    number: int
    id: str
    key: str
    person: Person


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that has arrived. `same_hands`: a treasurer records it, and then tries to approve it as well."""

    asset: str
    amount: str
    payer: Payer = Payer.OWN
    same_hands: bool = False
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class Staff:
    """The keys of an admin, an operator and two treasurers, and what they do with them."""

    api: Api
    admin: str
    operator: str
    treasurers: tuple[str, str]

    async def register(self, number: int, person: Person) -> Customer:
        """A new customer with a key and a purse. The e-mail address is this run's alone."""
        email = f"{person.handle}+{self.api.tag}@example.com"
        registered = {"email": email, "full_name": person.full_name, "country": person.country}
        made = await self.api.needed(self.operator, "/customers", registered)
        made_key = await self.api.needed(self.admin, "/api-keys", {"owner_id": made["id"], "name": "Demo"})
        customer = Customer(number, made["id"], made_key["key"], person)
        for code, amount in person.purse:
            paid = Payment(code, written(amount, asset(code)))
            await self.api.needed(self.operator, "/deposits", self._deposit(customer, paid))
            self.api.tally.deposits += 1
        self.api.tally.customers += 1
        return customer

    async def take_in(self, customer: Customer, payment: Payment) -> None:
        """Record a deposit; one that goes to review is decided by somebody else than who recorded it."""
        recorder = self.treasurers[0] if payment.same_hands else self.operator
        answer = await self.api.post(recorder, "/deposits", self._deposit(customer, payment))
        if not answer.good:
            return
        self.api.tally.deposits += 1
        if answer.body["status"] == "review":
            verb = "approve" if payment.accepted else "reject"
            await self._decide(f"/deposits/{answer.body['id']}/{verb}", first=recorder)

    async def review_withdrawal(self, requested: Mapping[str, Any], *, accepted: bool) -> None:
        """Approve with as many eyes as it takes, or reject."""
        path = f"/withdrawals/{requested['id']}"
        outcome = requested
        for key in self.treasurers if accepted else self.treasurers[:1]:
            answer = await self.api.post(key, f"{path}/{'approve' if accepted else 'reject'}", {})
            outcome = answer.body if answer.good else outcome
            if outcome["status"] != "requested":
                break
        self.api.tally.withdrawals[outcome["status"]] += 1

    async def _decide(self, path: str, *, first: str) -> None:
        # Whoever recorded it tries only when it was a treasurer: the house says no, and the other one decides.
        answer: Answer | None = None
        for key in dict.fromkeys((first, *self.treasurers)):
            if key != self.operator and not (answer and answer.good):
                answer = await self.api.post(key, path, {})

    def _deposit(self, customer: Customer, payment: Payment) -> dict[str, Any]:
        way = WAYS[payment.asset]
        body: dict[str, Any] = {
            "customer_id": customer.id,
            "asset": payment.asset,
            "amount": payment.amount,
            "rail": way.rail,
            "reference": f"demo-{self.api.next_name()}",
        }
        if way.names_payer and payment.payer is not Payer.UNNAMED:
            body["payer"] = {"name": customer.person.full_name if payment.payer is Payer.OWN else STRANGER}
        return body


def missing_payment(code: str, needed: Decimal, available: Decimal) -> Payment | None:
    """What a customer pays in so that `needed` is there: the gap and a fifth more. None when it is there already."""
    gap = needed - available
    return Payment(code, written(gap * Decimal("1.2"), asset(code))) if gap > 0 else None


async def hire_staff(api: Api, admin: str) -> Staff:
    """New principals and keys for this run, made with the house's admin key."""

    async def hire(role: str, name: str) -> str:
        made = await api.needed(admin, "/principals", {"role": role, "name": f"{name} (demo)"})
        key = await api.needed(admin, "/api-keys", {"owner_id": made["id"], "name": "Demo"})
        return str(key["key"])

    operator = await hire("operator", "Caja")
    return Staff(api, admin, operator, (await hire("treasurer", "Tesorería A"), await hire("treasurer", "Tesorería B")))
