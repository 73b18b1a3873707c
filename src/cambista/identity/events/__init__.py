"""Facts identity announces, a file a subject."""
