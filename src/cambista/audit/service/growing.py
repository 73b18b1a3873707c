"""Grows large trees in a process of their own, so that the house does not stop for the seconds of hashing."""

import asyncio
import os
import sys

import msgspec

from cambista.audit.rules import liabilities
from cambista.audit.types.solvency import Tree

INLINE_MAX = 2_048
GROWN_WITHIN_S = 600
_RUN = "from cambista.audit.service.growing import main; main()"


class _Order(msgspec.Struct):
    key: bytes
    asset: str
    records: bytes


class GrowthFailed(RuntimeError):
    """The process that grew a tree died."""


async def grow(key: bytes, asset: str, records: bytes) -> Tree:
    """As `rules.liabilities.grow`; beyond a few customers in another process, at low priority."""
    liabilities.require_fit(asset, records)
    if len(records) <= INLINE_MAX * liabilities.RECORD:
        return liabilities.grow(key, asset, records)
    # The order goes through a pipe: a key on a command line could be read by everybody on the machine.
    order = msgspec.msgpack.encode(_Order(key, asset, records))
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RUN, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        grown, _ = await asyncio.wait_for(worker.communicate(order), GROWN_WITHIN_S)
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    if worker.returncode != 0:
        raise GrowthFailed(f"growing the tree of {asset} ended with status {worker.returncode}")
    return msgspec.msgpack.decode(grown, type=Tree)


def main() -> None:
    """The other process: an order from standard input, the tree to standard output."""
    os.nice(10)
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Order)
    sys.stdout.buffer.write(msgspec.msgpack.encode(liabilities.grow(order.key, order.asset, order.records)))
