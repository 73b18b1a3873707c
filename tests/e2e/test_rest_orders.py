"""Orders over HTTP: from placing to cancelling, with what strangers see and what is refused."""

import pytest

from tests.e2e.clients import Caller, good, refused
from tests.e2e.conftest import MakeCustomer
from tests.houses import PaperHouse

LIMIT = {"pair": "USDT/COP", "side": "buy", "type": "limit", "quantity": "100", "price": "3300.00"}


@pytest.fixture
async def bob(make_customer: MakeCustomer) -> Caller:
    return await make_customer("bob", COP="5000000", USDT="500")


async def test_an_order_rests_is_filled_and_what_is_left_is_taken_out(ana: Caller, bob: Caller) -> None:
    order = good(await ana.post("/orders", {**LIMIT, "client_order_id": "first"}), 201)
    assert (order["status"], order["limit_price"], order["client_order_id"]) == ("working", "3300.00", "first")
    assert (await ana.balances())["COP"][1] > 0
    book = good(await bob.get("/books/USDT-COP", depth=5))
    assert book == {"pair": "USDT/COP", "bids": [["3300.00", "100.000000"]], "asks": []}

    sold = good(await bob.post("/orders", {**LIMIT, "side": "sell", "quantity": "40"}), 201)
    assert (sold["status"], sold["filled_quantity"], sold["fee"]) == ("filled", "40.000000", "264.00")
    seen = good(await ana.get(f"/orders/{order['id']}"))
    assert (seen["order"]["status"], seen["order"]["quote_amount"]) == ("partially_filled", "132132.00")
    [fill] = seen["fills"]
    assert (fill["liquidity"], fill["price"], fill["base_amount"]) == ("maker", "3300.00", "40.000000")

    ended = good(await ana.send("DELETE", f"/orders/{order['id']}"))
    assert (ended["status"], ended["reason"]) == ("cancelled", "asked")
    assert {held for _, held in (await ana.balances()).values()} == {0}
    assert good(await bob.get("/books/USDT-COP"))["bids"] == []
    refused(await ana.send("DELETE", f"/orders/{order['id']}"), 409, "order_ended")


async def test_a_repeat_under_the_same_key_places_nothing_more(ana: Caller) -> None:
    first = good(await ana.post("/orders", LIMIT, idempotency_key="one-order"), 201)
    again = await ana.post("/orders", LIMIT, idempotency_key="one-order")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first
    assert len(good(await ana.get("/orders"))["items"]) == 1


async def test_another_s_order_is_not_there_and_staff_see_all(ana: Caller, bob: Caller, auditor: Caller) -> None:
    order = good(await ana.post("/orders", LIMIT), 201)
    refused(await bob.get(f"/orders/{order['id']}"), 404, "order_not_found")
    refused(await bob.send("DELETE", f"/orders/{order['id']}"), 404, "order_not_found")
    assert good(await bob.get("/orders"))["items"] == []
    assert good(await auditor.get(f"/orders/{order['id']}"))["order"] == order
    [listed] = good(await auditor.get("/orders", open="true", customer_id=ana.id))["items"]
    assert listed == order


async def test_lists_come_in_pages_newest_first(ana: Caller) -> None:
    ids = [good(await ana.post("/orders", {**LIMIT, "quantity": "1"}), 201)["id"] for _ in range(3)]
    page = good(await ana.get("/orders", limit=2))
    rest = good(await ana.get("/orders", limit=2, cursor=page["next_cursor"]))
    assert [each["id"] for each in (*page["items"], *rest["items"])] == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "3300.001"}, "price_off_tick"),
        ({"price": 3300.5}, "amount_not_exact"),
        ({"price": "0"}, "price_invalid"),
        ({"price": "9" * 25}, "price_out_of_range"),
        ({"quantity": "1.001"}, "quantity_off_lot"),
        ({"quantity": "-1"}, "amount_not_positive"),
        ({"quantity": "0.01"}, "amount_too_small"),
        ({"quantity": "9" * 30}, "amount_out_of_range"),
        ({"pair": "USDT/XXX"}, "pair_unknown"),
        ({"type": "market"}, "order_terms_invalid"),
        ({"time_in_force": "GTD"}, "order_terms_invalid"),
        ({"post_only": True, "time_in_force": "IOC"}, "order_terms_invalid"),
        ({"trail": "1.234%"}, "field_invalid"),
        ({"visible_quantity": "10"}, "order_terms_invalid"),
        ({"client_order_id": "ñ"}, "client_order_id_invalid"),
        ({"type": "auction"}, "field_invalid"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
async def test_what_breaks_the_rules_is_refused_and_holds_nothing(
    ana: Caller, change: dict[str, object], code: str
) -> None:
    refused(await ana.post("/orders", {**LIMIT, **change}), 422, code)
    assert {held for _, held in (await ana.balances()).values()} == {0}


async def test_a_trail_in_percent_sleeps_and_is_taken_out(ana: Caller) -> None:
    body = {"pair": "USDT/COP", "side": "sell", "type": "trailing_stop", "quantity": "10", "trail": "1.5%"}
    order = good(await ana.post("/orders", body), 201)
    assert order["status"] == "new"
    assert good(await ana.send("DELETE", f"/orders/{order['id']}"))["status"] == "cancelled"


async def test_a_crash_right_after_the_commit_leaves_one_order_and_its_answer(ana: Caller, paper: PaperHouse) -> None:
    failed: list[str] = []

    def fault(point: str) -> None:
        if point == "after_commit" and not failed:
            failed.append(point)
            raise RuntimeError("the power is gone")

    paper.runtime.db.fault = fault
    order = good(await ana.post("/orders", LIMIT, idempotency_key="through-a-crash"), 201)
    assert failed
    again = good(await ana.post("/orders", LIMIT, idempotency_key="through-a-crash"), 201)
    [listed] = good(await ana.get("/orders"))["items"]
    assert order == again == listed
