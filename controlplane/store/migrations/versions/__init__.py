"""One file per step of the schema; the newest is the head."""
