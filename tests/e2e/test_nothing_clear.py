"""Personal data at rest: after a customer's whole walk no row of no table shows a name, a document or an account."""

import asyncpg
import httpx2

from tests.e2e.clients import Caller, good, refused

NAME, EMAIL, DOCUMENT, ACCOUNT = "Mariana Zuluaga Öst", "mariana.zuluaga@example.com", "CC 52-717-881", "7781-5523-0019"
STRANGER, REFERENCE, BANK = "Xiomara Quiñones", "ref mariana-zuluaga 0042", "Banco Zuluaga"
PERSONAL = (NAME, EMAIL, DOCUMENT, ACCOUNT, STRANGER, REFERENCE, BANK, "zuluaga", "ZULUAGA", "xiomara", "quiñones")


async def everything(dsn: str) -> dict[str, list[str]]:
    """Every row of every table of the house, as text."""
    connection = await asyncpg.connect(dsn)
    tables = await connection.fetch(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    rows = {
        f"{schema}.{table}": [row[0] for row in await connection.fetch(f'SELECT t::text FROM "{schema}"."{table}" t')]
        for schema, table in tables
    }
    await connection.close()
    return rows


def shown(rows: dict[str, list[str]], text: str) -> set[str]:
    """The tables in which the text stands, as it is or as the bytes of a bytea."""
    forms = (text.casefold(), text.encode().hex(), text.casefold().encode().hex(), text.encode().hex()[1:-1])
    return {table for table, lines in rows.items() if any(form in line.casefold() for line in lines for form in forms)}


async def test_after_a_whole_walk_nothing_personal_lies_clear(
    dsn: str, http: httpx2.AsyncClient, admin: Caller, operator: Caller, treasurer: Caller
) -> None:
    person = {"email": EMAIL, "full_name": NAME, "country": "CO"}
    customer = good(await operator.post("/customers", person, idempotency_key="walk-1"), 201)
    again = await operator.post("/customers", person, idempotency_key="walk-1")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == customer
    refused(await operator.post("/customers", {**person, "email": EMAIL.upper()}), 409, "email_taken")
    key = good(await admin.post("/api-keys", {"owner_id": customer["id"], "name": "Phone"}), 201)
    mariana = Caller(http, key["key"], customer["id"])
    deposit = {
        "customer_id": customer["id"], "asset": "COP", "amount": "1000000", "rail": "pse", "reference": REFERENCE,
        "payer": {"name": NAME.upper(), "document": DOCUMENT}, "bank": BANK,
    }  # fmt: skip
    first = good(await operator.post("/deposits", deposit), 201)
    assert good(await operator.post("/deposits", deposit), 201) == first
    refused(await operator.post("/deposits", {**deposit, "amount": "7"}), 409, "deposit_conflict")
    doubtful = {**deposit, "reference": "0043", "payer": {"name": STRANGER, "document": DOCUMENT}}
    review = good(await operator.post("/deposits", doubtful), 201)
    assert review["status"] == "review"
    good(await treasurer.post(f"/deposits/{review['id']}/approve"), 200)
    payout = {"rail": "pse", "account": ACCOUNT, "holder": NAME}
    refused(
        await mariana.post(
            "/withdrawals", {"asset": "COP", "amount": "50000", "destination": {**payout, "holder": STRANGER}}
        ),
        403,
        "holder_mismatch",
    )
    asked = good(await mariana.post("/withdrawals", {"asset": "COP", "amount": "50000", "destination": payout}), 202)
    good(await treasurer.post(f"/withdrawals/{asked['id']}/approve"), 200)

    assert good(await operator.get(f"/customers/{customer['id']}"))["full_name"] == NAME
    assert good(await mariana.get("/withdrawals"))["items"][0]["destination"] == payout
    payers = [each["payer"] for each in good(await operator.get("/deposits"))["items"]]
    assert deposit["payer"] in payers

    rows = await everything(dsn)
    assert len(rows["funding.deposit"]) == 2
    assert len(rows["runtime.idempotency"]) > 5
    assert {text: tables for text in PERSONAL if (tables := shown(rows, text))} == {}
    assert "identity.api_key" in shown(rows, "Phone"), "the search finds what lies clear"
    assert shown(rows, key["key"]) == set()
