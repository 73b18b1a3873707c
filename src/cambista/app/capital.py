"""Puts the owner's capital into the tills; on paper, an opening capital of every asset, once."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from uuid import NAMESPACE_URL, UUID, uuid5

from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import asset
from cambista.ledger import AccountKind, Ledger, Posted, Posting, Transfer, house_account, world_account
from cambista.runtime import Action, Runtime

OWNER = Caller(UUID(int=0), Role.TREASURER)
PAPER_CAPITAL: Mapping[str, str] = MappingProxyType(
    {
        "USDT": "3000000", "USDC": "500000", "BTC": "25", "ETH": "400", "USD": "1000000", "EUR": "500000",
        "COP": "8000000000", "VES": "900000000", "ARS": "900000000", "BRL": "4000000", "MXN": "12000000",
        "PEN": "2500000", "CLP": "600000000", "BOB": "5000000",
    }
)  # fmt: skip


def paper_targets() -> dict[str, Decimal]:
    """What the tills want on paper: what they open with, so that prices begin without a lean."""
    return {code: Decimal(text) for code, text in PAPER_CAPITAL.items()}


async def fund_tills(
    runtime: Runtime, ledger: Ledger, amounts: Sequence[tuple[TransferId, Amount]], *, caller: Caller
) -> list[Posted | Refusal]:
    """Move the owner's money into the tills; the same id again moves nothing."""
    transfers = [
        Transfer(
            id,
            "capital",
            (Posting(world_account("owner", each.asset), house_account(AccountKind.TILL, each.asset), each),),
        )
        for id, each in amounts
    ]
    async with runtime.db.transaction() as tx:
        posted = await ledger.post(tx, transfers)
        for (id, each), verdict in zip(amounts, posted, strict=True):
            if isinstance(verdict, Posted) and not verdict.repeated:
                tx.record(Action(caller, "till.fund", f"transfer:{id}", facts={"amount": str(each)}))
    return posted


async def fund_on_paper(runtime: Runtime, ledger: Ledger) -> None:
    """The paper house's opening capital. Its ids are fixed, so that every later start finds it done."""
    opening = [
        (TransferId(uuid5(NAMESPACE_URL, f"cambista:paper-capital:{code}")), Amount.of(text, asset(code)))
        for code, text in PAPER_CAPITAL.items()
    ]
    await fund_tills(runtime, ledger, opening, caller=OWNER)
