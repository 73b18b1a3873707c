"""All the SQL of funding, a file a subject."""
