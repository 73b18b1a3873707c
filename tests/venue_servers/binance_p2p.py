"""A local Binance P2P: searches recorded advertisements as the venue does, page by page, and can misbehave."""

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

PATH = "/bapi/c2c/v2/friendly/c2c/adv/search"


def recorded_ads(shared_data: Path, fiat: str, count: int = 40) -> list[dict[str, Any]]:
    """Different advertisements in which somebody sells USDT for `fiat`, in the venue's own form."""
    found: dict[str, dict[str, Any]] = {}
    with gzip.open(shared_data / "market" / "p2p" / "binance_p2p_ads_usdt_bob_usd.jsonl.gz") as lines:
        for line in lines:
            said = json.loads(line)
            if said["fiat"] == fiat and said["lado"] == "compra":
                found |= {ad["adv"]["advNo"]: ad for ad in said["anuncios"]}
            if len(found) >= count:
                break
    return list(found.values())[:count]


class P2pServer:
    """`overlap`: each page begins with the last ad of the page before, as when a list shifts while it is read."""

    def __init__(self, ads: Sequence[dict[str, Any]]) -> None:
        self.ads = list(ads)
        self.asked: list[dict[str, Any]] = []
        self.overlap = False
        self.status = 200
        self.garbage: bytes | None = None
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        if self.garbage is not None:
            return web.Response(body=self.garbage, status=self.status)
        if self.status != 200:
            return web.json_response({"code": "000002", "success": False}, status=self.status)
        if not 1 <= asked["rows"] <= 20:
            return web.json_response({"code": "000002", "message": "illegal parameter", "success": False})
        found = [ad for ad in self.ads if self._wanted(ad, asked)]
        first = (asked["page"] - 1) * asked["rows"]
        page = found[max(0, first - (1 if self.overlap else 0)) : first + asked["rows"]]
        told = {"code": "000000", "message": None, "messageDetail": None, "data": page}
        return web.json_response(told | {"total": len(found), "success": True})

    def _wanted(self, ad: dict[str, Any], asked: dict[str, Any]) -> bool:
        adv = ad["adv"]
        methods = {each["identifier"] for each in adv["tradeMethods"]}
        amount = asked["transAmount"]
        return (
            (adv["asset"], adv["fiatUnit"]) == (asked["asset"], asked["fiat"])
            and adv["tradeType"] == ("SELL" if asked["tradeType"] == "BUY" else "BUY")
            and (not asked["payTypes"] or bool(methods & set(asked["payTypes"])))
            and (asked["publisherType"] is None or ad["advertiser"]["userType"] == asked["publisherType"])
            and (
                amount is None
                or float(adv["minSingleTransAmount"]) <= float(amount) <= float(adv["dynamicMaxSingleTransAmount"])
            )
        )


@asynccontextmanager
async def running_p2p(ads: Sequence[dict[str, Any]]) -> AsyncIterator[P2pServer]:
    """The server on a free local port, for as long as the block lasts."""
    server = P2pServer(ads)
    app = web.Application()
    app.router.add_post(PATH, server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
