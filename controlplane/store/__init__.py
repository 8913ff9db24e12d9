"""The ledger: everything the walk has seen, proposed, done and learned, in SQLite or PostgreSQL."""
