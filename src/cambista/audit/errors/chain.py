"""Refusals around the chain: entries, checkpoints and what no longer fits together."""

from cambista.kernel.errors import NotFound, Unavailable


class EntryUnknown(NotFound):
    code = "entry_not_found"
    sentence = "There is no such entry in a checkpoint yet; a new one is in the next, within a minute."


class CheckpointUnknown(NotFound):
    code = "checkpoint_not_found"
    sentence = "There is no checkpoint of that number."


class ChainRolledBack(Unavailable):
    code = "audit_rolled_back"
    sentence = (
        "The database is older than the checkpoints that were exported, or not the one they were made of."
        " See docs/operations.md, restoring."
    )


class JournalForeign(Unavailable):
    code = "journal_foreign"
    sentence = (
        "The journal comes from another PostgreSQL server, whose transactions are numbered higher than this one's:"
        " its new entries would never be sealed. See docs/operations.md, restoring."
    )


class ChainBroken(Unavailable):
    code = "audit_broken"
    sentence = "The record does not fit its checkpoint: `cambista audit verify` says where."
