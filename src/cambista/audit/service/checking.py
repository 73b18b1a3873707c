"""Checks a bundle in a file, without a house."""

from pathlib import Path

from cambista.audit.rules.checking import BundleCheck
from cambista.audit.service.keys import signed_by
from cambista.audit.types.chain import Verdict


def check_bundle(path: Path, trusted: bytes | None = None) -> Verdict:
    """Check an exported file; `trusted` is the audit key one has from elsewhere. Raises OSError when unreadable."""
    with path.open("rb") as lines:
        return BundleCheck(signed_by, trusted).run(lines)
