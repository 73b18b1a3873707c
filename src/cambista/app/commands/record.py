"""`cambista audit verify` and `audit export`: check the record of every action, and hand it out."""

import base64
import binascii
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cambista.app.commands.running import AsJson, closed_house, err, out, read_settings, run
from cambista.app.settings import Settings


def verify(
    bundle: Annotated[Path | None, typer.Argument(help="An exported file; without one the house's own record.")] = None,
    key: Annotated[str | None, typer.Option(help="The audit's public key, base64, as the house gave it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the record and name the first entry that is wrong (status 1); 2 when it cannot be read."""
    run(_verify(read_settings(), as_json) if bundle is None else _verify_bundle(bundle, key, as_json))


async def _verify(settings: Settings, as_json: bool) -> int:
    async with closed_house(settings) as house:
        return _tell(await house.audit.verify(), as_json)


async def _verify_bundle(path: Path, key: str | None, as_json: bool) -> int:
    from cambista.audit import check_bundle

    try:
        trusted = None if key is None else base64.b64decode(key, validate=True)
        return _tell(check_bundle(path, trusted), as_json)
    except (OSError, binascii.Error) as error:
        err.print(f"[red]{path}[/]: {error}", soft_wrap=True)
        return 2


def _tell(verdict: Any, as_json: bool) -> int:
    finding, last = verdict.finding, verdict.last
    if as_json:
        wrong = None
        if finding is not None:
            wrong = {
                "wrong": finding.wrong.value,
                "number": finding.number,
                "subject": finding.subject,
                "sentence": finding.sentence,
            }
        out.print_json(
            data={
                "good": verdict.good,
                "entries": verdict.entries,
                "checkpoints": verdict.checkpoints,
                "unsealed": verdict.unsealed,
                "checkpoint": None if last is None else last.text,
                "finding": wrong,
                "notes": list(verdict.notes),
            }
        )
    elif finding is not None:
        err.print(f"[red]{finding.wrong.value}[/] {finding.subject}: {finding.sentence}", soft_wrap=True)
    else:
        waiting = f", {verdict.unsealed} wait to be sealed" if verdict.unsealed else ""
        out.print(f"[green]The record holds.[/] {verdict.entries} entries, {verdict.checkpoints} checkpoints{waiting}.")
    for note in () if as_json else verdict.notes:
        out.print(note, soft_wrap=True)
    return 0 if verdict.good else 1


def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    customer: Annotated[str | None, typer.Option(help="Only what this customer did, or is about it.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Not before this moment, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this moment, RFC 3339.")] = None,
) -> None:
    """Write one file that anybody checks without the house: entries, checkpoints, postings, receipts, totals."""
    if output.exists():
        err.print(f"[red]{output}[/] exists.")
        raise SystemExit(2)
    run(_export(read_settings(), output, customer, (since, until)))


async def _export(settings: Settings, output: Path, customer: str | None, period: tuple[str | None, ...]) -> int:
    from cambista.app.capital import OWNER
    from cambista.audit import ExportScope, verifier_script
    from cambista.kernel.ids import parse_id

    scope = ExportScope(None if customer is None else parse_id(customer), *map(_moment, period))
    draft = output.with_name(f"{output.name}.part")
    async with closed_house(settings) as house:
        with draft.open("wb") as file:
            async for line in await house.audit.export(OWNER, scope):
                file.write(line)
    draft.rename(output)
    script = output.with_name("cambista_verify.py")
    script.write_text(verifier_script(), encoding="utf-8")
    out.print(f"{output} is written. Check it anywhere with: python3 -I {script} {output}", soft_wrap=True)
    return 0


def _moment(text: str | None) -> datetime | None:
    from cambista.kernel.time import parse_time

    return None if text is None else parse_time(text)
