"""The desk's panels: each a pure function from a snapshot to markup."""
