"""All the SQL of trading, a file a subject."""
