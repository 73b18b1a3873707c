"""The second barrier: a read that forgot whose rows it wants finds nobody else's, because PostgreSQL sees to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from cambista.app.rooms import ROOMS
from cambista.funding import Deposit, DepositRequest, Destination, Payer, Withdrawal, WithdrawalRequest
from cambista.funding.store import deposits, withdrawals
from cambista.funding.store.lists import Asked
from cambista.identity import KeyRequest, NewApiKey
from cambista.identity.store import keys as identity_keys
from cambista.identity.store import principals as identity
from cambista.kernel.callers import Caller, Role
from cambista.kernel.ids import CustomerId
from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import asset, pair_spec
from cambista.ledger import customer_account
from cambista.ledger.store import reading as ledger
from cambista.runtime import Database, DatabaseAway, OwnReader, Runtime
from cambista.runtime.database import OWN_ROLE
from cambista.trading import IssuedQuote, QuoteRequest, Trade
from cambista.trading.store import quotes as trading
from cambista.trading.types import Acceptance
from tests.databases import ManualClock, TestServer
from tests.houses import OPERATOR, PaperHouse, caller_of, paper_house

COP = asset("COP")
ADMIN = Caller(UUID(int=0xAD), Role.ADMIN)
LAST = UUID(int=2**128 - 1)
PAGES = {
    "trading.trade": ("customer_id", "trade_customer", "trade_pkey"),
    "trading.quote": ("customer_id", "", "quote_pkey"),
    "funding.deposit": ("customer_id", "deposit_customer", "deposit_pkey"),
    "funding.withdrawal": ("customer_id", "withdrawal_customer_id", "withdrawal_pkey"),
    "identity.api_key": ("owner_id", "api_key_owner", "api_key_pkey"),
}


@dataclass(frozen=True, slots=True)
class Things:
    """One of each thing a customer owns."""

    owner: CustomerId
    quote: IssuedQuote
    trade: Trade
    deposit: Deposit
    withdrawal: Withdrawal
    key: NewApiKey


async def things_of(paper: PaperHouse, number: int) -> Things:
    house = paper.house
    customer = await paper.customer(number, Amount.parse("5000000", COP))
    caller, name = caller_of(customer), f"Customer Number {number}"
    pair = pair_spec("USDT/COP").pair
    wanted = Amount.parse("100", asset("USDT"))
    [quote] = await house.trading.request_quotes([QuoteRequest(caller, customer.id, pair, Side.BUY, wanted)])
    assert isinstance(quote, IssuedQuote), quote
    [trade] = await house.trading.accept_quotes([Acceptance(caller, customer.id, quote.quote.id)])
    assert isinstance(trade, Trade), trade
    million = Amount.parse("1000000", COP)
    [deposit] = await house.funding.record_deposits(
        [DepositRequest(OPERATOR, customer.id, million, "pse", f"own-{number}", Payer(name, f"CC {number}"))]
    )
    assert isinstance(deposit, Deposit), deposit
    to = Destination("pse", f"12345678{number}", name)
    [withdrawal] = await house.funding.request_withdrawals(
        [WithdrawalRequest(caller, customer.id, Amount.parse("50000", COP), to)]
    )
    assert isinstance(withdrawal, Withdrawal), withdrawal
    [key] = await house.identity.create_keys([KeyRequest(ADMIN, customer.id, "A key")])
    assert isinstance(key, NewApiKey), key
    return Things(customer.id, quote, trade, deposit, withdrawal, key)


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    async with paper_house(runtime) as made:
        yield made


@pytest.fixture
async def ana(paper: PaperHouse) -> Things:
    return await things_of(paper, 1)


@pytest.fixture
async def eva(paper: PaperHouse, ana: Things) -> Things:
    return await things_of(paper, 2)


@pytest.fixture
async def owner(dsn: str, paper: PaperHouse) -> AsyncIterator[Any]:
    """A connection of the database's owner, whom no barrier stops."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


# ------------------------------------------------------------------------------------------------ forgetting the filter
async def test_a_list_without_its_filter_shows_ones_own_things_only(
    paper: PaperHouse, ana: Things, eva: Things
) -> None:
    async with paper.runtime.db.read_own(ana.owner) as reader:
        assert [each.id for each in await trading.list_trades(reader, None, None, 200)] == [ana.trade.id]
        assert {each.customer_id for each in await trading.list_quotes(reader, None, None, 200)} == {ana.owner}
        assert [each.id for each in await all_deposits(paper, reader)] == [ana.deposit.id]
        assert [each.id for each in await all_withdrawals(paper, reader)] == [ana.withdrawal.id]
        assert {each.account.owner for each in await ledger.list_balances(reader, "customer", None)} == {str(ana.owner)}
        for kind in ("till", "fees", "spread", "world"):
            assert await ledger.list_balances(reader, kind, None) == []
    async with paper.runtime.db.read() as everybody:
        assert {each.id for each in await trading.list_trades(everybody, None, None, 200)} == {
            ana.trade.id,
            eva.trade.id,
        }


async def all_deposits(paper: PaperHouse, reader: OwnReader) -> list[Any]:
    return await deposits.list_deposits(reader, paper.runtime, Asked(None, None, None, 200))


async def all_withdrawals(paper: PaperHouse, reader: OwnReader) -> list[Any]:
    return await withdrawals.list_withdrawals(reader, paper.runtime, Asked(None, None, None, 200))


async def test_anothers_id_finds_nothing_whatever_the_code_believes(
    paper: PaperHouse, ana: Things, eva: Things
) -> None:
    now = paper.runtime.now()
    theirs = customer_account(eva.owner, COP)
    async with paper.runtime.db.read_own(ana.owner) as reader:
        assert await trading.find_trade(reader, eva.trade.id) is None
        assert await trading.find_issued(reader, eva.quote.quote.id) is None
        assert await trading.find_quotes(reader, [eva.quote.quote.id, ana.quote.quote.id]) == {
            ana.quote.quote.id: ana.quote.quote
        }
        assert await deposits.find_deposit(reader, paper.runtime, eva.deposit.id) is None
        assert await withdrawals.find_withdrawal(reader, paper.runtime, eva.withdrawal.id) is None
        assert await ledger.list_balances(reader, "customer", str(eva.owner)) == []
        assert await ledger.list_statement(reader, theirs, 2**62, 100) == []
        assert await ledger.balance_as_booked(reader, theirs, now) is None
        assert await ledger.balance_as_effective(reader, theirs, now) is None
        assert await identity_keys.list_keys(reader, eva.owner, None, 100) == []
        assert await identity.find_customer(reader, paper.runtime, eva.owner) is None
        mine = await identity.find_customer(reader, paper.runtime, ana.owner)
        assert mine is not None
        assert mine.full_name == "Customer Number 1"


async def test_ones_own_things_read_the_same_through_the_barrier(paper: PaperHouse, ana: Things) -> None:
    house, mine = paper.house, customer_account(ana.owner, COP)
    now = paper.runtime.now()
    assert await house.trading.trade(ana.trade.id, ana.owner) == await house.trading.trade(ana.trade.id, None)
    assert await house.trading.issued_quote(ana.quote.quote.id, ana.owner) == await house.trading.issued_quote(
        ana.quote.quote.id, None
    )
    assert await house.ledger.statement(mine, seen_by=ana.owner) == await house.ledger.statement(mine)
    assert len(await house.ledger.statement(mine, seen_by=ana.owner)) > 3
    for effective in (False, True):
        seen = await house.ledger.balance_as_of(mine, now, effective=effective, seen_by=ana.owner)
        assert seen == await house.ledger.balance_as_of(mine, now, effective=effective)
        assert seen is not None
        assert seen.posted.units > 0
    customer, staff = Caller(ana.owner, Role.CUSTOMER), Caller(UUID(int=9), Role.AUDITOR)
    assert await house.funding.find_deposit(customer, ana.deposit.id) == await house.funding.find_deposit(
        staff, ana.deposit.id
    )
    assert await house.funding.find_withdrawal(customer, ana.withdrawal.id) == await house.funding.find_withdrawal(
        staff, ana.withdrawal.id
    )


async def test_a_statement_names_the_houses_accounts_and_no_other_customer(paper: PaperHouse, ana: Things) -> None:
    lines = await paper.house.ledger.statement(customer_account(ana.owner, COP), seen_by=ana.owner)
    assert {line.counterparty for line in lines} >= {"till", "fees"}
    assert not any(line.counterparty.startswith("customer:") for line in lines)


# ------------------------------------------------------------------------------------------------- what is out of reach
async def test_a_table_named_outright_is_refused(paper: PaperHouse, ana: Things) -> None:
    for table in ("trading.trade", "trading.quote", "ledger.account", "funding.deposit", "identity.customer"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with paper.runtime.db.read_own(ana.owner) as reader:
                await reader.all(f"SELECT * FROM {table}")


async def test_who_reads_as_an_owner_can_touch_nothing_but_the_rows_meant_for_it(owner: Any) -> None:
    """Every relation, column and right in the houses' schemas, as PostgreSQL has them."""
    relations = await owner.fetch(
        """
        SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS guarded,
            has_table_privilege($2, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                OR has_any_column_privilege($2, c.oid, 'INSERT, UPDATE, REFERENCES') AS writes,
            has_table_privilege($2, c.oid, 'SELECT') OR has_any_column_privilege($2, c.oid, 'SELECT') AS reads,
            ARRAY(SELECT p.polcmd::text || p.polroles::regrole[]::text FROM pg_policy p
                  WHERE p.polrelid = c.oid) AS policies,
            ARRAY(SELECT a.attname::text FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        """,
        list(ROOMS),
        OWN_ROLE,
    )
    readable = {f"{each['schema']}.{each['name']}": each for each in relations if each["reads"]}
    assert not [each["name"] for each in relations if each["writes"]]
    assert {name for name in readable if not name.partition(".")[2].startswith("own_")} == {"ledger.counterparty"}
    assert len(readable) > 12
    for name, each in readable.items():
        if each["kind"] == "r":
            assert each["guarded"], name
            assert each["policies"] == [f"r{{{OWN_ROLE}}}"], name
        secrets = {"hash", "password_hash", "secret", "client_secret_hash", "public_key"}
        assert not secrets & set(each["columns"]), name


async def test_rows_can_only_be_read(paper: PaperHouse, ana: Things) -> None:
    for sql in (
        "UPDATE trading.own_trade SET pair = 'x'",
        "DELETE FROM trading.own_trade",
        "INSERT INTO trading.own_trade DEFAULT VALUES",
        "CREATE TEMP TABLE mine (id int)",
    ):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
            async with paper.runtime.db.read_own(ana.owner) as reader:
                await reader.all(sql)


async def test_reading_for_nobody_is_an_error_and_no_empty_list(paper: PaperHouse, ana: Things, owner: Any) -> None:
    for setting in (None, ""):
        async with owner.transaction():
            if setting is not None:
                await owner.fetchval("SELECT set_config('cambista.owner', $1, true)", setting)
            await owner.execute(f"SET LOCAL ROLE {OWN_ROLE}")
            with pytest.raises((asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError)):
                async with owner.transaction():
                    await owner.fetch("SELECT * FROM ledger.own_account")


async def test_the_owners_id_is_an_id_and_no_piece_of_sql(paper: PaperHouse) -> None:
    with pytest.raises(AttributeError):
        async with paper.runtime.db.read_own("' OR true --"):  # type: ignore[arg-type]
            pass


# ------------------------------------------------------------------------------------------------- nothing stays behind
@pytest.fixture
async def narrow(dsn: str, paper: PaperHouse, ana: Things, eva: Things) -> AsyncIterator[Database]:
    """A database of a single connection, so that whatever stays behind on it meets the next user."""
    db = Database(dsn, ManualClock(), paper.runtime.rng, pool_max=2)
    await db.open()
    # Both connections of the pool are the same here: the tests take the one that was used last.
    yield db
    await db.close()


async def state(db: Database) -> tuple[str, str | None, bool]:
    """Who the next user of the connection would be, whose rows it would see, and whether a transaction is open."""
    async with db.read() as reader:
        was_open = reader._connection.is_in_transaction()
        row = await reader.one("SELECT current_user::text, current_setting('cambista.owner', true)")
    return row[0], row[1] or None, was_open


CLEAN = ("cambista_app", None, False)


async def test_role_and_owner_end_with_the_read(narrow: Database, ana: Things, eva: Things) -> None:
    for each in (ana, eva, ana):
        async with narrow.read_own(each.owner) as reader:
            assert await reader.value("SELECT current_user::text") == OWN_ROLE
            assert [one.id for one in await trading.list_trades(reader, None, None, 10)] == [each.trade.id]
        assert await state(narrow) == CLEAN


async def test_role_and_owner_end_with_an_error(narrow: Database, ana: Things) -> None:
    async def fail_in_postgres(reader: OwnReader) -> None:
        await reader.all("SELECT 1 / 0")

    async def fail_in_the_house(reader: OwnReader) -> None:
        await reader.all("SELECT 1")
        raise ZeroDivisionError

    async def be_cancelled(reader: OwnReader) -> None:
        async with asyncio.timeout(0.05):
            await reader.all("SELECT pg_sleep(30)")

    failures: list[Callable[[OwnReader], Awaitable[None]]] = [fail_in_postgres, fail_in_the_house, be_cancelled]
    for fail in failures:
        with pytest.raises((asyncpg.DivisionByZeroError, ZeroDivisionError, DatabaseAway)):
            async with narrow.read_own(ana.owner) as reader:
                await fail(reader)
        for _ in range(3):
            assert await state(narrow) == CLEAN


async def test_a_read_given_up_at_any_moment_leaves_nothing_behind(narrow: Database, ana: Things) -> None:
    async def read() -> None:
        async with narrow.read_own(ana.owner) as reader:
            await trading.list_trades(reader, None, None, 10)

    for steps in range(12):
        reading = asyncio.ensure_future(read())
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert await state(narrow) == CLEAN, steps


async def test_owners_who_read_at_once_see_each_their_own(paper: PaperHouse, ana: Things, eva: Things) -> None:
    async def read(each: Things) -> None:
        async with paper.runtime.db.read_own(each.owner) as reader:
            assert [one.id for one in await trading.list_trades(reader, None, None, 10)] == [each.trade.id]

    await asyncio.gather(*(read(each) for _ in range(40) for each in (ana, eva)))


# ------------------------------------------------------------------------------------------------------------ plans
async def test_a_page_is_read_by_the_childs_index_and_not_whole(owner: Any, ana: Things) -> None:
    await owner.execute(
        """
        INSERT INTO trading.trade SELECT gen_random_uuid(), gen_random_uuid(), CASE WHEN i % 10 = 0 THEN $1
            ELSE gen_random_uuid() END, 'USDT/COP', 'buy', 4000, 1, 1, 0, 0, 0, 0, 'live', now()
        FROM generate_series(1, 20000) i
        """,
        ana.owner,
    )
    await owner.execute("ANALYZE trading.trade")
    plan = await explained(
        owner, ana.owner, "SELECT * FROM trading.own_trade WHERE id < $1 ORDER BY id DESC LIMIT 50", LAST
    )
    assert "Index Scan Backward using trade_customer on trade" in plan
    assert "Index Cond: ((customer_id = (current_setting('cambista.owner'::text))::uuid)" in plan
    plan = await explained(owner, ana.owner, "SELECT * FROM trading.own_trade WHERE id = $1", ana.trade.id)
    assert "Index Scan using trade_pkey on trade" in plan


async def test_a_statement_is_read_by_the_accounts_numbers(owner: Any, ana: Things) -> None:
    await owner.execute(
        """
        INSERT INTO ledger.account (kind, owner, asset) SELECT 'customer', gen_random_uuid()::text, 'COP'
        FROM generate_series(1, 2000);
        INSERT INTO ledger.posting SELECT gen_random_uuid(), 0, 1, 1000 + i % 2000, i / 2000 + 100, 0, 1, 100000 + i, 0,
            now(), now() FROM generate_series(1, 20000) i;
        ANALYZE ledger.account, ledger.posting
        """
    )
    statement = """
        WITH a AS (SELECT id FROM ledger.own_account WHERE kind = 'customer' AND owner = $1 AND asset = 'COP')
        SELECT * FROM ledger.own_posting WHERE destination_id = (SELECT id FROM a) AND destination_number < 1000000
        ORDER BY destination_number DESC LIMIT 50
    """
    plan = await explained(owner, ana.owner, statement, str(ana.owner))
    assert "Index Scan Backward using posting_destination on posting" in plan
    assert "Seq Scan on posting" not in plan


async def explained(connection: Any, owner_id: UUID, sql: str, *args: object) -> str:
    async with connection.transaction(readonly=True):
        await connection.execute(f"SET LOCAL ROLE {OWN_ROLE}; SET LOCAL cambista.owner = '{owner_id}'")
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN (COSTS off) {sql}", *args))


# ------------------------------------------------------------------------------------------------- an ordinary owner
async def test_the_barrier_stands_where_the_databases_owner_is_no_superuser(server: TestServer) -> None: ...
