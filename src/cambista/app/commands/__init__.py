"""The commands of `cambista`, one file a subject."""
