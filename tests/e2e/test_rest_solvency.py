"""A customer's own proof: downloaded over HTTP, checked by the script that runs without the house."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cambista.audit import verifier_script
from tests.e2e.clients import Caller, good, refused
from tests.houses import PaperHouse


class Verifier:
    """The script handed out by `cambista audit script`, in a bare interpreter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._script = folder / "verify.py"
        self._script.write_text(verifier_script())

    def file(self, name: str, content: Any) -> str:
        path = self._folder / name
        path.write_text(json.dumps(content))
        return str(path)

    def run(self, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-I", "-S", str(self._script), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=self._folder)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    return Verifier(tmp_path)


async def test_a_customer_checks_its_own_leaf_without_the_house(
    paper: PaperHouse, http: httpx2.AsyncClient, ana: Caller, eva: Caller, verifier: Verifier
) -> None:
    await paper.house.solvency.certify()

    proof = good(await ana.get("/accounts/proof"))
    published = good(await http.get("/api/v1/solvency"))

    assert [(leaf["asset"], leaf["balance"]) for leaf in proof["proofs"]] == [
        ("COP", "10000000.00"),
        ("USDT", "1000.000000"),
    ]
    owed = {each["asset"]: each["liabilities"] for each in published["statement"]["assets"]}
    assert (owed["COP"], owed["USDT"]) == ("11000000.00", "1000.000000")
    status, told = verifier.run(
        verifier.file("proof.json", proof), "--certificate", verifier.file("published.json", published),
        "--customer", ana.id, "--key", published["public_key"],
    )  # fmt: skip
    assert status == 0, told
    assert "is owed 10000000.00 COP, counted in the total of 11000000.00" in told
    status, told = verifier.run(
        verifier.file("evas.json", good(await eva.get("/accounts/proof"))), "--customer", ana.id
    )
    assert (status, "BAD proof" in told) == (1, True), told


async def test_a_changed_proof_is_found_by_the_script(paper: PaperHouse, ana: Caller, verifier: Verifier) -> None:
    await paper.house.solvency.certify()
    proof = good(await ana.get("/accounts/proof"))

    for change in ("balance", "salt", "index", "node", "sum", "path", "total", "solvent"):
        changed = json.loads(json.dumps(proof))
        _change(changed, change)
        status, told = verifier.run(verifier.file(f"{change}.json", changed))
        assert (status, "BAD" in told) == (1, True), (change, told)


def _change(proof: Any, what: str) -> None:
    leaf, statement = proof["proofs"][0], proof["certificate"]["statement"]
    match what:
        case "balance":
            leaf["balance"] = "10000000.01"
        case "salt":
            leaf["salt"] = "00" * 32
        case "index":
            leaf["index"] ^= 1
        case "node":
            leaf["path"][3]["hash"] = "11" * 32
        case "sum":
            leaf["path"][3]["sum"] = str(int(leaf["path"][3]["sum"]) + 1)
        case "path":
            leaf["path"].pop()
        case "total":
            position = next(each for each in statement["assets"] if each["asset"] == leaf["asset"])
            position["liabilities"] = "1.00"
        case "solvent":
            statement["assets"][0]["solvent"] = False


async def test_nobody_gets_a_proof_of_somebody_else(
    paper: PaperHouse, http: httpx2.AsyncClient, ana: Caller, eva: Caller, operator: Caller
) -> None:
    await paper.house.solvency.certify()

    proof = good(await eva.get("/accounts/proof"))

    assert proof["customer_id"] == eva.id
    assert ana.id not in json.dumps(proof)
    refused(await http.get("/api/v1/accounts/proof"), 401, "unauthenticated")
    refused(await operator.get("/accounts/proof"), 403, "role_denied")
    refused(await eva.get("/accounts/proof", customer_id=ana.id), 422, "unknown_parameter")


async def test_days_that_are_none_and_days_without_a_certificate_are_said(
    paper: PaperHouse, http: httpx2.AsyncClient, ana: Caller
) -> None:
    refused(await http.get("/api/v1/solvency"), 404, "certificate_not_found")
    certificate = await paper.house.solvency.certify()
    refused(await http.get("/api/v1/solvency/1999-01-01"), 404, "certificate_not_found")
    refused(await http.get("/api/v1/solvency/yesterday"), 422, "day_invalid")
    refused(await ana.get("/accounts/proof", day="20260929"), 422, "day_invalid")
    assert good(await http.get(f"/api/v1/solvency/{certificate.day}")) == good(await http.get("/api/v1/solvency"))


async def test_a_customer_who_came_after_the_certificate_has_no_leaf_in_it(
    paper: PaperHouse, make_customer: Any
) -> None:
    await paper.house.solvency.certify()
    late = await make_customer("late", COP="5")
    refused(await late.get("/accounts/proof"), 404, "proof_not_found")
