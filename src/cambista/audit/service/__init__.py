"""Use cases of the audit, a file a subject."""
