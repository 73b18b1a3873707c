"""Recorded result lists of Binance P2P: one JSON object a line, one side of one market at one moment."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from cambista.kernel.market import Level, Pair
from cambista.venues.binance_p2p import Ad, levels_of_ads
from cambista.venues.replay.recording import Recorded, lines, moment_of, pair_of
from cambista.venues.rules import uncross
from cambista.venues.types import Flag, Observation, RateName, SourceKind

MARKETS_MAX = 100


class _List(msgspec.Struct):
    """`lado` is the customer's side: `compra` = ads a customer buys from, so asks; `venta` = bids."""

    fecha_utc: str
    mercado: str
    asset: str
    fiat: str
    lado: str
    anuncios: list[msgspec.Raw]


@dataclass(slots=True)
class _Poll:
    """Both sides of one market at one moment, as far as they have come."""

    moment: datetime
    pair: Pair
    source: str
    sides: dict[bool, Sequence[Level]] = field(default_factory=dict)

    def observation(self) -> Observation | None:
        bids, asks = self.sides.get(False, ()), self.sides.get(True, ())
        if not bids and not asks:
            return None
        flags: frozenset[Flag] = frozenset()
        if bids and asks and bids[0].price > asks[0].price:
            bids, asks = uncross(bids, asks)
            flags = frozenset({Flag.UNCROSSED})
        moment = self.moment
        return Observation(self.source, SourceKind.P2P_ADS, RateName.P2P, self.pair, bids, asks, moment, moment, flags)


_list = msgspec.json.Decoder(_List).decode
_ad = msgspec.json.Decoder(Ad).decode


def read(path: Path, skipped: Counter[str]) -> Iterator[Recorded]:
    """One observation a market and moment, of both sides where both were recorded."""
    open_polls: dict[str, _Poll] = {}
    for line in lines(path, skipped):
        try:
            found = _list(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            skipped["line"] += 1
            continue
        moment, pair = moment_of(found.fecha_utc), pair_of(found.asset, found.fiat)
        if moment is None or pair is None or found.lado not in ("compra", "venta") or len(found.mercado) > 40:
            skipped["line"] += 1
            continue
        poll = open_polls.get(found.mercado)
        if poll is None or poll.moment != moment or poll.pair != pair:
            yield from _close(poll)
            if len(open_polls) >= MARKETS_MAX and found.mercado not in open_polls:
                skipped["too_many_markets"] += 1
                continue
            poll = open_polls[found.mercado] = _Poll(moment, pair, f"binance_p2p:{found.mercado}")
        poll.sides[found.lado == "compra"] = _levels(found, skipped)
        if len(poll.sides) == 2:
            yield from _close(open_polls.pop(found.mercado))
    for poll in sorted(open_polls.values(), key=lambda each: each.moment):
        yield from _close(poll)


def _close(poll: _Poll | None) -> Iterator[Recorded]:
    observation = poll.observation() if poll else None
    if observation:
        yield observation.observed_at, observation


def _levels(found: _List, skipped: Counter[str]) -> list[Level]:
    ads = []
    for raw in found.anuncios:
        try:
            ads.append(_ad(raw))
        except msgspec.DecodeError:
            skipped["malformed"] += 1
    return levels_of_ads(ads, asset=found.asset, fiat=found.fiat, customer_buys=found.lado == "compra", dropped=skipped)
