"""All SQL of the audit, a file a subject."""
