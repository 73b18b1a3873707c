"""Where published rates are read from: a folder, or an address on the web, with a bounded size and time."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import httpx2

from cambista.kernel.market import Pair
from cambista.runtime import Clock
from cambista.venues.errors import RatesUnavailable
from cambista.venues.reference import currency_api, ecb, trm
from cambista.venues.reference.reading import BODY_MAX
from cambista.venues.types import ReferenceRate

KEEP_RATES = 400
FILES_MAX = 400
TIMEOUT_S = 10.0

Parse = Callable[[bytes, datetime], list[ReferenceRate]]
# Which files of a folder belong to which publisher.
PUBLISHERS: dict[str, tuple[Parse, tuple[str, ...]]] = {
    trm.NAME: (trm.parse, ("*trm*.csv",)),
    currency_api.NAME: (
        currency_api.parse,
        ("currency_api*/**/usd.json", "currency_api*/**/usdt.json", "currency_api*.json"),
    ),
    ecb.NAME: (ecb.parse, ("*ecb*.csv", "eurofxref*.csv")),
}


class FolderRates:
    """One publisher's files under `folder`, read again at each call: the newest `keep` rates, oldest first.

    Refuses when there is none.
    """

    def __init__(self, publisher: str, folder: Path, *, clock: Clock, keep: int = KEEP_RATES) -> None:
        self._publisher = publisher
        self._parse, self._patterns = PUBLISHERS[publisher]
        self._folder = folder
        self._clock = clock
        self._keep = keep

    @property
    def name(self) -> str:
        return f"{self._publisher}:folder"

    async def rates(self) -> Sequence[ReferenceRate]:
        return await asyncio.to_thread(self._read, self._clock.now())

    def _read(self, now: datetime) -> Sequence[ReferenceRate]:
        # Two files of a publisher may speak of one pair (usd.json and usdt.json both know USDT/USD): the first is kept.
        found: dict[tuple[Pair, date], ReferenceRate] = {}
        for path in self._paths():
            try:
                with path.open("rb") as stream:
                    rates = self._parse(stream.read(BODY_MAX + 1), now)
            except (OSError, RatesUnavailable):
                continue  # one unreadable file of many; none at all is refused below
            for rate in rates:
                found.setdefault((rate.pair, rate.valid_from), rate)
        if not found:
            raise RatesUnavailable("The folder has no rates of this publisher.", publisher=self._publisher)
        return sorted(found.values(), key=lambda rate: rate.valid_from)[-self._keep :]

    def _paths(self) -> list[Path]:
        return sorted({path for pattern in self._patterns for path in self._folder.rglob(pattern)})[-FILES_MAX:]


class HttpRates:
    """One publisher's address, fetched at each call (10 s and 8 MiB at most, no redirects): the newest `keep` rates.

    Refuses (`rates_unavailable`) on any other answer than 200 with a body of the publisher's form.
    """

    def __init__(
        self, publisher: str, url: str, *, clock: Clock, keep: int = KEEP_RATES, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._publisher = publisher
        self._parse = PUBLISHERS[publisher][0]
        self._url = url
        self._clock = clock
        self._keep = keep
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        return f"{self._publisher}:http"

    async def rates(self) -> Sequence[ReferenceRate]:
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._fetch()
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise RatesUnavailable("The publisher does not answer.", publisher=self._publisher) from error
        found = self._parse(body, self._clock.now())
        if not found:
            raise RatesUnavailable("The publisher's answer holds no rates.", publisher=self._publisher)
        found.sort(key=lambda rate: rate.valid_from)
        return found[-self._keep :]

    async def _fetch(self) -> bytes:
        body = bytearray()
        async with (
            httpx2.AsyncClient(timeout=self._timeout_s, follow_redirects=False) as client,
            client.stream("GET", self._url) as answer,
        ):
            if answer.status_code != httpx2.codes.OK:
                raise RatesUnavailable(
                    "The publisher refused.", publisher=self._publisher, status=int(answer.status_code)
                )
            async for part in answer.aiter_bytes(65_536):
                body += part
                if len(body) > BODY_MAX:
                    raise RatesUnavailable("The publisher's answer is too long.", publisher=self._publisher)
        return bytes(body)
