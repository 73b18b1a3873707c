"""The page at /docs: the OpenAPI document as one HTML page, without a script and without anything from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--get:#1b7f5c;--post:#2b5fd9;--delete:#b3362b}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1.5rem}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:var(--soft);padding:.7rem;overflow:auto;border-radius:6px}
h1{margin:.2rem 0}h2{margin:2.2rem 0 .4rem;text-transform:capitalize;border-bottom:1px solid var(--line)}
details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;padding:.4rem .8rem}summary{cursor:pointer}
summary code{font-size:14px}summary span{opacity:.75;margin-left:.6rem}
.m{display:inline-block;min-width:4.2rem;font-weight:700}
.get{color:var(--get)}.post{color:var(--post)}.delete{color:var(--delete)}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line)}
nav a{margin-right:1rem}
"""


def docs_page(document: Mapping[str, Any]) -> str:
    """The document for people to read, with a curl line for each call."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            told = "".join(_operation(path, method, operation, document))
            by_tag.setdefault(operation.get("tags", ["other"])[0], []).append(told)
    title = f"{document['info']['title']} API {document['info']['version']}"
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{_introduction(document['info'].get('description', ''))}",
        "<nav>" + "".join(f"<a href='#{escape(tag)}'>{escape(tag)}</a>" for tag in by_tag),
        "<a href='openapi.json'>openapi.json</a></nav>",
    ]
    for tag, told_operations in by_tag.items():
        parts += [f"<h2 id='{escape(tag)}'>{escape(tag)}</h2>", *told_operations]
    parts += ["<h2 id=schemas>Schemas</h2>", *_schemas(document["components"]["schemas"])]
    return "".join(parts)


def _introduction(text: str) -> str:
    lines = text.splitlines()
    points = "".join(f"<li>{_inline(line[2:])}</li>" for line in lines if line.startswith("* "))
    sentences = " ".join(line for line in lines if line and not line.startswith("* "))
    return f"<p>{_inline(sentences)}</p><ul>{points}</ul>"


def _inline(text: str) -> str:
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))


def _operation(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    summary = escape(operation.get("description") or operation.get("summary", ""))
    yield f"<details><summary><code><b class='m {method}'>{method.upper()}</b>{escape(path)}</code>"
    yield f"<span>{summary}</span></summary>"
    yield f"<pre>{escape(_curl(path, method, operation))}</pre>"
    parameters = operation.get("parameters", [])
    if parameters:
        rows = "".join(_parameter(each) for each in parameters)
        yield f"<table><tr><th>parameter<th>in<th>required<th>meaning</tr>{rows}</table>"
    for status, told in sorted(operation["responses"].items()):
        yield f"<p><b>{escape(status)}</b> {_inline(told['description'])}</p>"
        example = told.get("content", {}).get("application/json", {}).get("example")
        if example is not None:
            yield f"<pre>{escape(_pretty(example))}</pre>"
    yield "</details>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    meaning = parameter.get("description") or parameter.get("schema", {}).get("type", "")
    required = "yes" if parameter.get("required") else ""
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code><td>{escape(parameter['in'])}<td>{required}"
        f"<td>{escape(str(meaning))}</tr>"
    )


def _curl(path: str, method: str, operation: Mapping[str, Any]) -> str:
    words = [f"curl -X {method.upper()} http://127.0.0.1:8000{path}"]
    if operation.get("security"):
        words.append('-H "X-API-Key: $KEY"')
    if any(each["name"] == "Idempotency-Key" and each["required"] for each in operation.get("parameters", [])):
        words.append('-H "Idempotency-Key: $(uuidgen)"')
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {})
    for example in list(body.values())[:1]:
        words.append(f"--json '{json.dumps(example['value'], ensure_ascii=False)}'")
    return " \\\n  ".join(words)


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        meaning = escape(schema.get("description", ""))
        yield f"<details><summary><code>{escape(name)}</code><span>{meaning}</span></summary>"
        yield f"<pre>{escape(_pretty(schema))}</pre></details>"


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
