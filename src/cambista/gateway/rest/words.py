"""Types of the wire that many endpoints share, as they stand in the OpenAPI document."""

from typing import Annotated

from fastapi import Path, Query
from msgspec import Meta

from cambista.kernel.registry import ASSETS, PAIRS

_EXACT = {"anyOf": [{"type": "string", "pattern": r"^\d{1,19}(\.\d{1,18})?$"}, {"type": "integer", "minimum": 0}]}

# Decoded as a float too, so that the refusal can say what is wrong with it.
ExactIn = Annotated[
    str | int | float,
    Meta(description="A decimal string, or a JSON integer. A JSON float is refused.", extra_json_schema=_EXACT),
]
AmountText = Annotated[str, Meta(description="A decimal string with exactly the asset's digits.", examples=["100.00"])]
PriceText = Annotated[str, Meta(description="A decimal string: QUOTE per one BASE.", examples=["4012.35"])]
TimeText = Annotated[str, Meta(description="RFC 3339, UTC, microseconds.", extra_json_schema={"format": "date-time"})]
IdText = Annotated[str, Meta(description="A UUID.", extra_json_schema={"format": "uuid"})]
AssetCode = Annotated[
    str, Meta(description="An asset's code.", examples=["USDT"], extra_json_schema={"enum": sorted(ASSETS)})
]
PairName = Annotated[
    str, Meta(description="BASE/QUOTE.", examples=["USDT/COP"], extra_json_schema={"enum": list(PAIRS)})
]
IdPath = Annotated[str, Path(description="A UUID.", json_schema_extra={"format": "uuid"})]
AssetPath = Annotated[
    str, Path(alias="asset", description="An asset's code.", json_schema_extra={"enum": list(ASSETS)})
]
_PAIR_QUERY = {"enum": list(PAIRS)}
PairQuery = Annotated[str, Query(max_length=20, description="BASE/QUOTE.", json_schema_extra=_PAIR_QUERY)]
OptionalPairQuery = Annotated[
    str | None, Query(max_length=20, description="Only this pair.", json_schema_extra=_PAIR_QUERY)
]
_TIME_QUERY = {"format": "date-time"}
AsOfQuery = Annotated[
    str | None, Query(max_length=40, description="A past moment, RFC 3339.", json_schema_extra=_TIME_QUERY)
]
FromQuery = Annotated[
    str | None,
    Query(alias="from", max_length=40, description="A day before `to` by default.", json_schema_extra=_TIME_QUERY),
]
ToQuery = Annotated[
    str | None, Query(alias="to", max_length=40, description="Now by default.", json_schema_extra=_TIME_QUERY)
]
OwnerQuery = Annotated[
    str | None, Query(description="Whose; staff may name anybody.", json_schema_extra={"format": "uuid"})
]
Cursor = Annotated[str | None, Meta(description="Give it back as `cursor` for what follows; null at the end.")]

CUSTOMER = "0199a3c0-7b3f-7c1e-8d2f-4a5b6c7d8e9f"
QUOTE = "0199a3c1-0a11-7f00-9b1c-2d3e4f5a6b7c"
TRADE = "0199a3c1-3c22-7a51-8c7d-9e0f1a2b3c4d"
KEY = "0199a3c0-9d10-7b2a-8e4f-5a6b7c8d9e0f"
ORDER = "0199a3c1-4d33-7b62-9d8e-1f2a3b4c5d6e"
DEPOSIT = "0199a3c0-c0de-7d11-9a8b-7c6d5e4f3a2b"
WITHDRAWAL = "0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b"
OPERATOR = "0199a3bf-1111-7222-8333-444455556666"
TREASURER = "0199a3bf-2222-7333-8444-555566667777"
MOMENT = "2026-11-24T19:00:00.000000Z"
LATER = "2026-11-24T19:00:15.000000Z"
