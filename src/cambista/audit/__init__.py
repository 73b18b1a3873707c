"""What proves the house's deeds and debts. Owns schema `audit`."""

from cambista.audit.errors.chain import (
    ChainBroken,
    ChainRolledBack,
    CheckpointUnknown,
    EntryUnknown,
    JournalForeign,
)
from cambista.audit.errors.solvency import (
    CertificateUnknown,
    CertificationUnderWay,
    DayInvalid,
    LiabilitiesDiffer,
    LiabilitiesTooMany,
    LiabilityNegative,
    ProofUnknown,
)
from cambista.audit.rules.chain import entry_hash
from cambista.audit.rules.checkpoints import CheckpointMalformed, read_checkpoint
from cambista.audit.rules.liabilities import node_sum
from cambista.audit.rules.merkle import root_from_inclusion
from cambista.audit.rules.solvency import parse_day, signed_message
from cambista.audit.service.checking import check_bundle
from cambista.audit.service.door import READERS, Audit
from cambista.audit.service.exporting import Export
from cambista.audit.service.keys import AuditKey, signed_by
from cambista.audit.service.script import verifier_script
from cambista.audit.service.sealer import SealerState
from cambista.audit.service.sinks import open_sinks
from cambista.audit.service.solvency import Solvency
from cambista.audit.service.subjects import subjects_about
from cambista.audit.settings import AuditSettings
from cambista.audit.types.chain import (
    ConsistencyProof,
    EntryFilter,
    EntryProof,
    Finding,
    ListedEntry,
    SinkState,
    Verdict,
    Wrong,
)
from cambista.audit.types.checkpoints import Checkpoint, TreeHead
from cambista.audit.types.entries import Entry
from cambista.audit.types.exports import ExportScope, PublicKey
from cambista.audit.types.solvency import Certificate, LiabilityProof, OwnProofs

__all__ = [
    "READERS",
    "Audit",
    "AuditKey",
    "AuditSettings",
    "Certificate",
    "CertificateUnknown",
    "CertificationUnderWay",
    "ChainBroken",
    "ChainRolledBack",
    "Checkpoint",
    "CheckpointMalformed",
    "CheckpointUnknown",
    "ConsistencyProof",
    "DayInvalid",
    "Entry",
    "EntryFilter",
    "EntryProof",
    "EntryUnknown",
    "Export",
    "ExportScope",
    "Finding",
    "JournalForeign",
    "LiabilitiesDiffer",
    "LiabilitiesTooMany",
    "LiabilityNegative",
    "LiabilityProof",
    "ListedEntry",
    "OwnProofs",
    "ProofUnknown",
    "PublicKey",
    "SealerState",
    "SinkState",
    "Solvency",
    "TreeHead",
    "Verdict",
    "Wrong",
    "check_bundle",
    "entry_hash",
    "node_sum",
    "open_sinks",
    "parse_day",
    "read_checkpoint",
    "root_from_inclusion",
    "signed_by",
    "signed_message",
    "subjects_about",
    "verifier_script",
]
