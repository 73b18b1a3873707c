"""All the SQL of identity, a file a subject."""
