"""All the SQL of the ledger: writing the books, reading them, and auditing them."""
