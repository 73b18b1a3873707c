"""What the rooms below keep about a customer, as subjects of entries."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from cambista.audit.service.sealer import SEALER
from cambista.funding import Funding
from cambista.identity import Identity

PAGE = 200


async def subjects_about(funding: Funding, identity: Identity, customer: UUID) -> Sequence[str]:
    """The customer itself, its accounts, its keys, deposits and withdrawals: others may have acted on them too."""

    async def deposits(cursor: str | None) -> Any:
        return await funding.list_deposits(SEALER, customer_id=customer, limit=PAGE, cursor=cursor)

    async def withdrawals(cursor: str | None) -> Any:
        return await funding.list_withdrawals(SEALER, customer_id=customer, limit=PAGE, cursor=cursor)

    async def keys(cursor: str | None) -> Any:
        return await identity.list_keys(SEALER, customer, limit=PAGE, cursor=cursor)

    return [
        f"customer:{customer}",
        f"principal:{customer}",
        f"account:customer:{customer}",
        *[f"deposit:{id}" for id in await _all(deposits)],
        *[f"withdrawal:{id}" for id in await _all(withdrawals)],
        *[f"key:{id}" for id in await _all(keys)],
    ]


async def _all(page_from: Callable[[str | None], Awaitable[Any]]) -> list[UUID]:
    """The ids of every page."""
    ids: list[UUID] = []
    cursor: str | None = None
    while True:
        page = await page_from(cursor)
        ids += [each.id for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids
