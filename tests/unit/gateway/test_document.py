"""The OpenAPI document: every endpoint in it, with examples that are true to their schemas."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from cambista.gateway.access import ANYONE, BASE, TABLE
from cambista.gateway.application import create_app
from cambista.gateway.docs_page import docs_page
from cambista.gateway.rest import accounts
from tests.unit.gateway.stand_ins import stand_in_doors


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(stand_in_doors()).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_endpoint_of_the_contract_is_in_the_document(document: dict[str, Any]) -> None:
    hidden = {("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/oauth/authorize"), ("POST", "/oauth/consent")}
    assert {(method, path) for method, path, _ in operations(document)} == set(TABLE) - hidden


def test_every_example_is_true_to_its_schema(document: dict[str, Any]) -> None:
    seen = 0
    for method, path, operation in operations(document):
        contents = [told["content"] for told in operation["responses"].values() if "content" in told]
        if "requestBody" in operation:
            contents.append(operation["requestBody"]["content"])
        for media_type, content in ((name, each) for found in contents for name, each in found.items()):
            examples = [each["value"] for each in content.get("examples", {}).values()]
            examples += [content["example"]] if "example" in content else []
            assert examples or not media_type.endswith("json"), (method, path, media_type)
            validator = Draft202012Validator({**content["schema"], "components": document["components"]})
            for example in examples if media_type.endswith("json") else ():
                errors = [error.message for error in validator.iter_errors(example)]
                assert not errors, (method, path, errors)
                seen += 1
    assert seen > 200


def test_every_endpoint_says_what_it_is_for_and_who_may_not_call_it(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation.get("summary"), (method, path)
        assert operation["tags"]
        if TABLE[method, path] != ANYONE:
            assert operation["security"] == [{"apiKey": []}, {"bearer": []}]
            assert {"401", "403"} <= operation["responses"].keys()


def test_what_moves_money_requires_an_idempotency_key(document: dict[str, Any]) -> None:
    required = {
        f"{method} {path}"
        for method, path, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "Idempotency-Key" and parameter["required"]
    }
    decided = {f"{each}/{{id}}/{verdict}" for each in ("deposits", "withdrawals") for verdict in ("approve", "reject")}
    assert required == {f"POST {BASE}/{each}" for each in ("deposits", "orders", "trades", "withdrawals", *decided)}


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_the_page_shows_every_call_and_runs_nothing(document: dict[str, Any]) -> None:
    page = docs_page(document)
    assert page.count("<details><summary><code><b class='m ") == len(list(operations(document)))
    assert re.search(r"<script|javascript:|\son\w+=", page) is None


@pytest.mark.parametrize("text", ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x"))
def test_no_cell_of_a_file_is_a_formula(text: str) -> None:
    assert accounts.harmless(text) == f"'{text}"
    assert accounts.harmless("till") == "till"
