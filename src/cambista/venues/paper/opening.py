"""Opens the paper exchange where it was left: its play money and resting orders live in our books of it."""

from collections.abc import Mapping
from decimal import Decimal

from cambista.runtime import Runtime
from cambista.venues.accounts import VenueAccounts
from cambista.venues.paper.exchange import PaperExchange

PLAY_MONEY: Mapping[str, Decimal] = {
    asset: Decimal(amount)
    for asset, amount in (
        ("USDT", "5000000"),
        ("USDC", "5000000"),
        ("USD", "5000000"),
        ("EUR", "2000000"),
        ("COP", "20000000000"),
        ("VES", "5000000000"),
        ("ARS", "5000000000"),
        ("BRL", "10000000"),
        ("MXN", "50000000"),
        ("PEN", "10000000"),
        ("CLP", "2000000000"),
        ("BOB", "20000000"),
        ("BTC", "100"),
        ("ETH", "2000"),
    )
}


async def open_paper(runtime: Runtime, accounts: VenueAccounts, exchange: PaperExchange) -> None:
    """Give it play money at the very first opening, and what our books say at every other."""
    expected = await accounts.expected()
    if not expected:
        async with runtime.db.transaction() as tx:
            for asset, amount in sorted(PLAY_MONEY.items()):
                await accounts.note_transfer(tx, asset, amount)
        expected = PLAY_MONEY
    exchange.restore(expected, await accounts.under_way())
