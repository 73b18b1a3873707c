"""The record over the API: who did what, who was turned away, who looked at whom; with proofs for each entry."""

import base64
from typing import Any
from uuid import uuid4

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cambista.audit.rules import chain, checkpoints, merkle
from tests.e2e.clients import BASE, Caller, good, refused
from tests.houses import PaperHouse


async def entries(auditor: Caller, **asked: str) -> list[dict[str, Any]]:
    page = good(await auditor.get("/audit", **asked))
    return [each["entry"] for each in page["items"]]


async def seal(paper: PaperHouse) -> None:
    await paper.house.audit.sealer.seal()
    await paper.house.audit.sealer.checkpoint(now=True)


async def test_an_entry_is_proved_from_the_api_alone(paper: PaperHouse, ana: Caller, auditor: Caller) -> None:
    quote = good(await ana.post("/quotes", QUOTE), 201)
    trade = good(await ana.post("/trades", {"quote_id": quote["id"]}), 201)
    await seal(paper)
    [entry] = await entries(auditor, subject=f"trade:{trade['id']}")
    assert (entry["action"], entry["actor"], entry["outcome"]) == ("trade.execute", ana.id, "done")
    assert (entry["credential"], entry["role"]) == ("key", "customer")
    proof = good(await auditor.get(f"/audit/{entry['id']}/proof"))
    hash = chain.entry_hash(chain.entry_of(proof["entry"]))
    assert hash.hex() == proof["hash"]
    checkpoint = checkpoints.read_checkpoint(proof["checkpoint"]["text"])
    path = [bytes.fromhex(each) for each in proof["proof"]]
    assert merkle.root_from_inclusion(proof["number"] - 1, checkpoint.head.size, hash, path) == checkpoint.head.root
    key = good(await auditor.get("/audit/key"))
    public = base64.b64decode(key["public_key"])
    assert checkpoint.key_hash == checkpoints.key_hash(key["name"], public)
    Ed25519PublicKey.from_public_bytes(public).verify(checkpoint.signature, checkpoint.signed)


async def test_a_later_checkpoint_is_proved_to_go_on_from_an_earlier(
    paper: PaperHouse, ana: Caller, auditor: Caller
) -> None:
    await seal(paper)
    good(await ana.post("/quotes", QUOTE), 201)
    await seal(paper)
    page = good(await auditor.get("/audit/checkpoints"))
    assert [each["number"] for each in page["items"]] == [2, 1]
    assert {each["sink"]: each["behind"] for each in page["sinks"]} == {"file": 2}
    found = good(await auditor.get("/audit/checkpoints/2/consistency", since="1"))
    old, new = (checkpoints.read_checkpoint(found[each]["text"]).head for each in ("first", "second"))
    assert merkle.consistent(old.size, new.size, (old.root, new.root), [bytes.fromhex(h) for h in found["proof"]])
    refused(await auditor.get("/audit/checkpoints/3/consistency", since="1"), 404, "checkpoint_not_found")
    refused(await auditor.get("/audit/checkpoints/1/consistency", since="2"), 404, "checkpoint_not_found")
    first = good(await auditor.get("/audit/checkpoints", limit="1"))
    second = good(await auditor.get("/audit/checkpoints", limit="1", cursor=first["next_cursor"]))
    assert [first["items"][0]["number"], second["items"][0]["number"]] == [2, 1]


async def test_entries_are_found_by_actor_action_subject_and_time_in_pages(
    paper: PaperHouse, ana: Caller, auditor: Caller
) -> None:
    await paper.pass_time(60)
    since = paper.clock.now().isoformat()
    for _ in range(3):
        good(await ana.post("/quotes", QUOTE), 201)
    assert len(await entries(auditor, actor=ana.id, action="quote.request")) == 3
    assert len(await entries(auditor, actor=ana.id, **{"from": since})) == 3
    assert await entries(auditor, actor=ana.id, to=since, action="quote.request") == []
    assert await entries(auditor, actor=str(uuid4())) == []
    first = good(await auditor.get("/audit", actor=ana.id, action="quote.request", limit="2"))
    rest = good(
        await auditor.get("/audit", actor=ana.id, action="quote.request", limit="2", cursor=first["next_cursor"])
    )
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert not {each["entry"]["id"] for each in first["items"]} & {each["entry"]["id"] for each in rest["items"]}
    refused(await auditor.get("/audit", cursor="nonsense"), 422, "cursor_invalid")
    refused(await auditor.get("/audit", actor="nobody"), 422, "id_invalid")
    refused(await auditor.get("/audit", **{"from": "yesterday"}), 422, "time_invalid")


async def test_an_entry_without_a_checkpoint_is_not_proved_yet(ana: Caller, auditor: Caller) -> None:
    good(await ana.post("/quotes", QUOTE), 201)
    [entry] = await entries(auditor, action="quote.request")
    refused(await auditor.get(f"/audit/{entry['id']}/proof"), 404, "entry_not_found")
    refused(await auditor.get(f"/audit/{uuid4()}/proof"), 404, "entry_not_found")


async def test_what_staff_read_of_people_is_on_record_and_what_people_read_of_themselves_is_not(
    ana: Caller, operator: Caller, auditor: Caller
) -> None:
    reads = {
        f"/customers/{ana.id}": ("customer.read", f"customer:{ana.id}"),
        "/customers": ("customer.list", "customers"),
        f"/customers/{ana.id}/accounts": ("accounts.read", f"customer:{ana.id}"),
        "/deposits": ("deposit.list", "deposits"),
        "/withdrawals": ("withdrawal.list", "withdrawals"),
        "/trades": ("trade.list", "trades"),
    }
    for path in reads:
        good(await operator.get(path))
    seen = {(each["action"], each["subject"]) for each in await entries(auditor, actor=operator.id)}
    assert seen >= set(reads.values())
    [listed] = await entries(auditor, action="customer.list")
    assert ana.id in listed["facts"]
    for path in ("/deposits", "/withdrawals", "/trades", "/accounts"):
        good(await ana.get(path))
    assert await entries(auditor, actor=ana.id) == []
    mine = await entries(auditor, actor=auditor.id)
    assert {each["action"] for each in mine} == {"audit.read"}


async def test_refusals_that_say_something_are_on_record(ana: Caller, eva: Caller, auditor: Caller) -> None:
    quote = good(await ana.post("/quotes", {**QUOTE, "amount": "10000000", "amount_asset": "COP"}), 201)
    await eva.post("/trades", {"quote_id": quote["id"]})
    good(await ana.post("/trades", {"quote_id": quote["id"]}), 201)
    await ana.post("/trades", {"quote_id": quote["id"]})
    await ana.post("/quotes", {**QUOTE, "pair": "no/pair"})
    outcomes = [(each["actor"], each["outcome"]) for each in await entries(auditor, action="trade.execute")]
    assert (ana.id, "quote_taken") in outcomes
    assert (eva.id, "quote_not_found") in outcomes
    assert not [each for each in await entries(auditor, actor=ana.id) if each["outcome"] == "pair_unknown"]


async def test_who_may_not_is_on_record_once_a_minute_with_a_count(
    paper: PaperHouse, ana: Caller, auditor: Caller
) -> None:
    for _ in range(5):
        refused(await ana.get("/customers"), 403, "role_denied")
    [denied] = await entries(auditor, action="request.deny", actor=ana.id)
    assert (denied["subject"], denied["outcome"]) == (f"GET {BASE}/customers", "role_denied")
    await paper.pass_time(61)
    refused(await ana.get("/customers"), 403, "role_denied")
    again, _ = await entries(auditor, action="request.deny", actor=ana.id)
    assert again["facts"] == '{"times": 5}'


async def test_a_flood_of_strangers_fills_no_disk(http: httpx2.AsyncClient, auditor: Caller) -> None:
    for number in range(8):
        await http.get(f"{BASE}/customers", headers={"x-api-key": f"cmb_{number}"})
    denied = await entries(auditor, action="request.deny")
    assert len(denied) == 1
    assert denied[0]["credential"] == "house"
    assert denied[0]["outcome"] == "unauthenticated"


async def test_only_auditor_compliance_and_admin_read_the_record(
    ana: Caller, operator: Caller, treasurer: Caller, admin: Caller
) -> None:
    for path in ("/audit", "/audit/checkpoints", "/audit/key", f"/audit/{uuid4()}/proof"):
        for caller in (ana, operator, treasurer):
            refused(await caller.get(path), 403, "role_denied")
    good(await admin.get("/audit"))


QUOTE = {"pair": "USDT/COP", "side": "buy", "amount": "10", "amount_asset": "USDT"}
