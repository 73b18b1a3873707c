"""What a demo's run came to: as JSON for a machine, and as one screen for people. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cambista.app.demo.books import Sums, Verdict, total
from cambista.app.demo.tally import Latencies, Tally, most_first
from cambista.kernel.money import Amount


@dataclass(frozen=True, slots=True)
class Summary:
    """One run: what the customers saw (`tally`) beside what the house has in its books."""

    seed: int
    seconds: float
    tally: Tally
    pairs: Mapping[str, Sums]
    tills: Sequence[Amount]
    verdict: Verdict

    @property
    def status(self) -> int:
        """The exit status: 1 when the ledger does not hold."""
        return 0 if self.verdict.holds else 1


def as_json(summary: Summary) -> dict[str, Any]:
    """Everything, amounts as decimal strings."""
    tally, sums = summary.tally, total(summary.pairs).rounded
    return {
        "seed": summary.seed,
        "seconds": round(summary.seconds, 1),
        "first_trade_s": None if tally.first_trade_s is None else round(tally.first_trade_s, 2),
        "customers": tally.customers,
        "quotes": tally.quotes,
        "trades": tally.trades,
        "trades_booked": sums.trades,
        "trades_repeated": tally.repeats,
        "volume_usd": f"{sums.volume_usd:f}",
        "spread_usd": f"{sums.spread_usd:f}",
        "fees_usd": f"{sums.fees_usd:f}",
        "pairs": [_pair(name, each.rounded, tally) for name, each in summary.pairs.items()],
        "deposits": tally.deposits,
        "withdrawals": dict(most_first(tally.withdrawals)),
        "rungs": dict(most_first(tally.rungs)),
        "refusals": dict(most_first(tally.refusals)),
        "latency_ms": {name: _waits(each) for name, each in tally.waits.items()},
        "tills": {each.asset.code: signed(each) for each in summary.tills},
        "ledger": _ledger(summary.verdict),
    }


def _pair(name: str, sums: Sums, tally: Tally) -> dict[str, Any]:
    seen = tally.pairs.get(name)
    return {
        "pair": name,
        "trades": sums.trades,
        "base_volume": f"{seen.base_volume:f}" if seen else "0",
        "quote_volume": f"{seen.quote_volume:f}" if seen else "0",
        "volume_usd": f"{sums.volume_usd:f}",
        "spread_usd": f"{sums.spread_usd:f}",
        "fees_usd": f"{sums.fees_usd:f}",
    }


def _waits(waits: Latencies) -> dict[str, float | int | None]:
    p50, p99 = waits.percentiles_ms(50, 99)
    return {"count": waits.count, "p50": p50, "p99": p99}


def _ledger(verdict: Verdict) -> dict[str, Any]:
    differences = [
        {"check": each.check, "subject": each.subject, "expected": each.expected, "found": each.found}
        for each in verdict.differences
    ]
    accounts = sum(line.accounts for line in verdict.trial.items)
    return {"balanced": verdict.trial.balanced, "accounts": accounts, "differences": differences}


def signed(amount: Amount) -> str:
    return f"{'+' if amount.units > 0 else ''}{amount.text}"


def progress_line(elapsed_s: float, tally: Tally, sums: Sums) -> str:
    """The run so far, in one line."""
    minutes, seconds = divmod(int(elapsed_s), 60)
    p50, p99 = tally.waits["trades"].percentiles_ms(50, 99)
    waits = "" if p50 is None else f" · p50 {p50:.0f} ms, p99 {p99:.0f} ms"
    return (
        f"{minutes:02}:{seconds:02} · {tally.trades} trades · {money(sums.volume_usd)} USD"
        f" · earned {money(sums.spread_usd + sums.fees_usd)} USD{waits} · {tally.refused} refused"
    )


def money(value: Decimal) -> str:
    return f"{value:,.2f}"


def screen(summary: Summary) -> RenderableType:
    """The summary on one screen."""
    parts: list[RenderableType] = [_pairs_table(summary), _facts_table(summary), Text(""), _books_line(summary.verdict)]
    return Group(*parts)


def _pairs_table(summary: Summary) -> Table:
    sums = total(summary.pairs)
    table = Table(box=None, pad_edge=False, show_footer=True, header_style="dim", footer_style="bold")
    table.add_column("pair", "total")
    for heading, footer in (
        ("trades", str(sums.trades)),
        ("volume USD", money(sums.volume_usd)),
        ("spread USD", money(sums.spread_usd)),
        ("fees USD", money(sums.fees_usd)),
    ):
        table.add_column(heading, footer, justify="right")
    for name, each in summary.pairs.items():
        table.add_row(name, str(each.trades), money(each.volume_usd), money(each.spread_usd), money(each.fees_usd))
    return table


def _facts_table(summary: Summary) -> Table:
    tally = summary.tally
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    first = "" if tally.first_trade_s is None else f", the first trade after {tally.first_trade_s:.1f} s"
    table.add_row("run", f"{summary.seconds:.0f} s, seed {summary.seed}{first}")
    table.add_row("customers", f"{tally.customers}: {tally.quotes} quotes, {tally.trades} trades")
    table.add_row("money", f"{tally.deposits} deposits; withdrawals {_counts(tally.withdrawals)}")
    table.add_row("rungs", _counts(tally.rungs))
    table.add_row("refusals", _counts(tally.refusals))
    table.add_row("latency", "; ".join(_said(name, waits) for name, waits in tally.waits.items()))
    table.add_row("tills", ", ".join(f"{signed(each)} {each.asset.code}" for each in summary.tills) or "unchanged")
    return table


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in most_first(counts)) or "none"


def _said(name: str, waits: Latencies) -> str:
    p50, p99 = waits.percentiles_ms(50, 99)
    return f"{name} none" if p50 is None else f"{name} p50 {p50:.0f} ms, p99 {p99:.0f} ms"


def _books_line(verdict: Verdict) -> Text:
    if verdict.holds:
        accounts = sum(line.accounts for line in verdict.trial.items)
        said = f"The books balance: {accounts} accounts in {len(verdict.trial.items)} assets, recomputed from postings."
        return Text(said, style="green")
    lines = [f"{each.check} {each.subject}: {each.expected}, found {each.found}" for each in verdict.differences]
    lines += [f"{line.asset} sums to {line.total}" for line in verdict.trial.items if line.total]
    return Text("THE BOOKS DO NOT HOLD\n" + "\n".join(lines[:10]), style="bold red")
