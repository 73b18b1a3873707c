"""The stand-alone verifier stands alone: one file, Python 3.9, the standard library; and its edges."""

import ast
import json
import sys
from pathlib import Path

import pytest

from cambista.audit import verifier_script
from cambista.audit.verifier import cambista_verify as script


def test_it_is_of_python_3_9_and_imports_the_standard_library_alone() -> None:
    tree = ast.parse(verifier_script(), feature_version=(3, 9))
    imported = {
        each.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names
    }
    imported |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)
    assert "cambista" not in imported


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"[]", b"{}", b'{"statement": []}', b'{"certificate": 1}', b"\xff\xfe", b"[" * 5000]
)
def test_a_file_of_another_kind_is_unreadable(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert script.main([str(tmp_path / "file")]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_a_file_that_is_not_there_or_a_key_that_is_none_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([str(tmp_path / "nothing")]) == 2
    (tmp_path / "file").write_text("{}")
    assert script.main([str(tmp_path / "file"), "--key", "abc"]) == 2
    assert "the key is not 32 bytes" in capsys.readouterr().err


@pytest.mark.parametrize(
    "lines",
    [
        [{"kind": "manifest"}],
        [{"kind": "manifest", "form": "cambista.bundle.v1", "mode": "range"}, {"kind": "end"}],
        [{"kind": "end"}],
        [{"kind": "manifest", "form": "cambista.bundle.v1", "mode": "range"}, {"kind": "key"}, {"kind": "end"}],
    ],
)
def test_a_hollow_bundle_is_bad_and_not_a_crash(
    tmp_path: Path, lines: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle").write_bytes(b"".join(script.canonical(line) + b"\n" for line in lines))
    assert script.main([str(tmp_path / "bundle")]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("BAD ")


@pytest.mark.parametrize("content", ["{}", "1", "null", '{"assets": 3}', '{"form": "cambista.solvency.v1"}'])
def test_a_hollow_certificate_is_bad_and_not_a_crash(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "certificate").write_text(json.dumps({"statement": {"of": json.loads(content)}}))
    assert script.main([str(tmp_path / "certificate")]) == 1
    assert "BAD " in capsys.readouterr().out


def test_a_key_may_come_as_base64_hex_or_a_file(tmp_path: Path) -> None:
    import base64

    raw = bytes(range(32))
    (tmp_path / "audit.pub").write_text(base64.b64encode(raw).decode() + "\n")
    for given in (base64.b64encode(raw).decode(), raw.hex(), str(tmp_path / "audit.pub")):
        assert script.read_key(given) == raw
    assert script.read_key(None) is None


@pytest.mark.parametrize(
    ("text", "scale"), [("1", 2), ("1.0", 2), ("+1.00", 2), ("1e2", 0), ("٣.00", 2), (" 1.00", 2), ("", 0), (100, 0)]
)
def test_an_amount_is_read_exactly_or_refused(text: object, scale: int) -> None:
    with pytest.raises(script.Bad):
        script.units_of(text, scale, "here")


def test_amounts_of_any_size_are_read() -> None:
    assert script.units_of("340282366920938463463374607431768211456", 0, "here") == 2**128
    assert script.units_of("-0.05", 2, "here") == -5
