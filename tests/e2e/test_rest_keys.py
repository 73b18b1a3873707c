"""Keys of machines over HTTP: bound to addresses, rotated with an overlap."""

from tests.e2e.clients import Caller, good, refused
from tests.houses import PaperHouse


async def test_a_key_bound_to_addresses_opens_from_there_only(admin: Caller, ana: Caller) -> None:
    body = {"owner_id": ana.id, "name": "Desk bot", "scopes": ["accounts:read"]}
    here = good(await admin.post("/api-keys", {**body, "networks": ["127.0.0.1", "2001:db8::/32"]}), 201)
    assert here["networks"] == ["127.0.0.1/32", "2001:db8::/32"]
    good(await Caller(admin.http, here["key"]).get("/accounts"))
    elsewhere = good(await admin.post("/api-keys", {**body, "networks": ["203.0.113.0/24"]}), 201)
    refused(await Caller(admin.http, elsewhere["key"]).get("/accounts"), 403, "address_not_allowed")
    refused(await admin.post("/api-keys", {**body, "networks": ["203.0.113.7/24"]}), 422, "network_invalid")


async def test_what_an_address_claims_of_itself_is_not_believed(admin: Caller, ana: Caller) -> None:
    body = {"owner_id": ana.id, "name": "Desk bot", "networks": ["203.0.113.0/24"]}
    key = good(await admin.post("/api-keys", body), 201)["key"]
    for header in ("x-forwarded-for", "forwarded", "x-real-ip"):
        answer = await Caller(admin.http, key).send("GET", "/accounts", headers={header: "203.0.113.7"})
        refused(answer, 403, "address_not_allowed")


async def test_a_rotated_key_hands_over_to_the_new_one(admin: Caller, ana: Caller, paper: PaperHouse) -> None:
    old = good(await ana.post("/api-keys", {"name": "Bot", "scopes": ["accounts:read", "keys:write"]}), 201)
    bot = Caller(ana.http, old["key"])
    new = good(await bot.post(f"/api-keys/{old['id']}/rotate", {"overlap_s": 60}), 201)
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])
    for caller in (bot, Caller(ana.http, new["key"])):
        good(await caller.get("/accounts"))
    refused(await bot.post(f"/api-keys/{old['id']}/rotate"), 409, "key_ended")
    paper.clock.advance(60)
    refused(await bot.get("/accounts"), 401, "unauthenticated")
    good(await Caller(ana.http, new["key"]).get("/accounts"))
    [listed] = [each for each in good(await ana.get("/api-keys"))["items"] if each["id"] == old["id"]]
    assert listed["replaced_by"] == new["id"]


async def test_a_rotation_is_refused_over_http_as_elsewhere(ana: Caller, eva: Caller) -> None:
    old = good(await ana.post("/api-keys", {"name": "Bot"}), 201)
    refused(await eva.post(f"/api-keys/{old['id']}/rotate"), 404, "key_not_found")
    refused(await ana.post(f"/api-keys/{old['id']}/rotate", {"overlap_s": 10**7}), 422, "overlap_invalid")
    refused(await ana.post(f"/api-keys/{old['id']}/rotate", {"overlap_s": -1}), 422, "field_invalid")
