"""Every endpoint under requests made from the OpenAPI document, good and bad: no 5xx, no answer it does not know."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema_rs import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET

from cambista.app.build import House
from cambista.funding.workflows import PAYOUT
from cambista.gateway.access import TABLE
from cambista.kernel.callers import Role
from cambista.runtime import Runtime
from tests.e2e.clients import BASE, Caller, good
from tests.e2e.conftest import ROOMY, app_of, staff
from tests.e2e.partners import register, sign_in
from tests.houses import PaperHouse

EXAMPLES = 20
NOBODYS = "00000000-0000-7000-8000-000000000404"
Answer = tuple[int, str, bytes]


@pytest.fixture
def app(paper: PaperHouse) -> FastAPI:
    """As everywhere, but prices may be asked for as often as the fuzzer likes."""
    return app_of(paper.house, ROOMY.model_copy(update={"price_calls_per_minute": 1_000_000}))


def prepared(case: Any) -> dict[str, Any]:
    """The request of a case, as a client over any transport would send it."""
    wanted = case.as_transport_kwargs(base_url="http://house")
    request: dict[str, Any] = {name: wanted[name] for name in ("method", "url", "params") if wanted.get(name)}
    headers = {name: value for name, value in wanted["headers"].items() if name.lower() not in ("user-agent",)}
    request["headers"] = {name.lower(): str(value).encode("utf-8") for name, value in headers.items()}
    if case.body is not NOT_SET and "json" in wanted:
        request["content"] = json.dumps(wanted["json"]).encode()
    elif "data" in wanted and wanted["data"] is not None:
        data = wanted["data"]
        request["content"] = data if isinstance(data, bytes) else str(data).encode("utf-8", "replace")
    return request


class Judge:
    """Says what is wrong with an answer, by the document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self.seen: Counter[tuple[str, int]] = Counter()

    def faults(self, path: str, method: str, answer: Answer) -> list[str]:
        status, media_type, body = answer
        self.seen[f"{method} {path}", status // 100] += 1
        # Not being ready is an answer, and this house listens to no venue.
        if status >= 500 and path != "/health/readiness":
            return [f"{status}: {body[:300]!r}"]
        responses = self._document["paths"][path][method]["responses"]
        if str(status) not in responses:
            return [f"status {status} is not documented: {body[:200]!r}"]
        content = responses[str(status)].get("content", {})
        name = media_type.partition(";")[0]
        if name not in content:
            return [f"status {status} is {name}, documented is {sorted(content)}"]
        if not name.endswith("json"):
            return []
        schema = {**content[name]["schema"], "components": self._document["components"]}
        found = Draft202012Validator(schema).iter_errors(json.loads(body))
        return [f"{status}: {error.instance_path}: {error.message[:200]}" for error in list(found)[:3]]


def fuzz(operation: Any, cases: Any, send: Callable[[dict[str, Any]], Answer], judge: Judge) -> None:
    @given(case=cases)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def never_a_fault(case: Any) -> None:
        answer = send(prepared(case))
        faults = judge.faults(operation.path, operation.method, answer)
        assert not faults, f"{operation.method.upper()} {operation.path}: {faults}"

    never_a_fault()


@pytest.fixture
async def callers(admin: Caller, ana: Caller, treasurer: Caller) -> dict[Role, Caller]:
    return {Role.CUSTOMER: ana, Role.TREASURER: treasurer, Role.ADMIN: admin}


async def real_ids(callers: dict[Role, Caller]) -> dict[str, str]:
    """An id of a thing that is there, by the word before it in a path."""
    ana, other = callers[Role.CUSTOMER], await staff(callers[Role.ADMIN], "operator")
    quote = good(await ana.post("/quotes", {"pair": "USDT/COP", "side": "buy", "amount": 5, "amount_asset": "USDT"}))
    trade = good(await ana.post("/trades", {"asset": "USDT", "fiat": "COP", "amount": 5, "price": 4000}))
    payout = {"rail": "pse", "account": "123456789", "holder": "Ana Prueba"}
    resting = {"pair": "USDT/COP", "side": "buy", "type": "limit", "quantity": "10", "price": "3000"}
    order = good(await ana.post("/orders", resting))
    withdrawal = good(await ana.post("/withdrawals", {"asset": "COP", "amount": 20000, "destination": payout}))
    made = good(await ana.post("/api-keys", {"name": "Other"}))
    deposit = good(await ana.get("/deposits"))["items"][0]
    client = await register(callers[Role.ADMIN], (await staff(callers[Role.ADMIN], "partner")).id)
    return {
        "quotes": quote["id"], "trades": trade["id"], "transfers": trade["id"], "withdrawals": withdrawal["id"],
        "orders": order["id"],
        "api-keys": made["id"], "deposits": deposit["id"], "customers": ana.id, "principals": other.id,
        "clients": client["id"],
    }  # fmt: skip


async def real_records(house: House) -> dict[str, str]:
    """What names the house's own records: a certificate's day, a checkpoint's number, a saga's id."""
    certificate = await house.solvency.certify()
    await house.audit.sealer.checkpoint(now=True)
    saga = house.runtime.new_id()
    async with house.runtime.db.transaction() as tx:
        await house.sagas.start(tx, PAYOUT, saga, {"withdrawal_id": str(saga)})
    return {"day": str(certificate.day), "number": "1", "sagas": str(saga)}


async def log_in_ana(paper: PaperHouse, callers: dict[Role, Caller]) -> None:
    """Give the customer a login, as an invitation by the desk would."""
    ana, identity = callers[Role.CUSTOMER], paper.house.identity
    good(await callers[Role.ADMIN].post(f"/principals/{ana.id}/invite", {}), 202)
    assert await identity.notices.take(100)


def real_path(path: str, ids: dict[str, str]) -> dict[str, str]:
    """What stands in the path, so that there is something behind it."""
    before, found, _ = path.partition("/{id}")
    named = {name: ids[name] for name in ("day", "number") if f"{{{name}}}" in path}
    return named | ({"id": ids.get(before.rpartition("/")[2], NOBODYS)} if found else {})


def caller_for(method: str, path: str, callers: dict[Role, Caller]) -> Caller | None:
    """Someone who is let in, so that the fuzz reaches what lies behind the guard."""
    roles = TABLE[method.upper(), path].roles
    return next((callers[role] for role in (Role.CUSTOMER, Role.TREASURER, Role.ADMIN) if role in roles), None)


async def credential_for(method: str, path: str, callers: dict[Role, Caller], runtime: Runtime) -> str:
    """What that caller comes with: a key, or, where only a person is let in, a session of its own."""
    caller = caller_for(method, path, callers)
    if caller is None:
        return ""
    return caller.key if TABLE[method.upper(), path].scope else await sign_in(runtime, caller.id)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))
async def test_no_request_made_from_the_document_breaks_the_house(
    http: httpx2.AsyncClient, callers: dict[Role, Caller], mode: GenerationMode, paper: PaperHouse
) -> None:
    document = (await http.get("/openapi.json")).json()
    ids: dict[str, str] = {}
    if mode is GenerationMode.POSITIVE:
        await log_in_ana(paper, callers)
        ids = await real_ids(callers) | await real_records(paper.house)
    # From here on passwords and ids are the fuzzer's, who takes the same texts for both: none of them is a secret.
    http.event_hooks = {}
    loop = asyncio.get_running_loop()

    def sender(method: str, path: str) -> Callable[[dict[str, Any]], Answer]:
        found = credential_for(method, path, callers, paper.runtime)
        key = asyncio.run_coroutine_threadsafe(found, loop).result(60)

        async def request(wanted: dict[str, Any]) -> Answer:
            wanted = {"method": "GET", **wanted}
            if key:
                wanted["headers"] = {**wanted["headers"], "x-api-key": key.encode()}
            response = await http.request(**wanted)
            return response.status_code, response.headers.get("content-type", ""), response.content

        return lambda wanted: asyncio.run_coroutine_threadsafe(request(wanted), loop).result(60)

    judge = Judge(document)

    def run() -> list[str]:
        faults = []
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            operation: Any = found
            operation = operation.ok()
            try:
                path_parameters = real_path(operation.path, ids) if ids else None
                cases = operation.as_strategy(generation_mode=mode, path_parameters=path_parameters)
                fuzz(operation, cases, sender(operation.method, operation.path), judge)
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # nothing in this operation can be wrong
            except AssertionError as error:
                faults.append(str(error))
        return faults

    assert await asyncio.to_thread(run) == []
    if mode is GenerationMode.POSITIVE:
        unreached = {name for name, _ in judge.seen if name.startswith("get ") and (name, 2) not in judge.seen}
        # Proofs need an entry, or two checkpoints, that are there; they have tests of their own.
        proofs = {f"get {BASE}/audit/checkpoints/{{number}}/consistency", f"get {BASE}/audit/{{id}}/proof"}
        assert unreached - proofs <= {"get /health/readiness"}
