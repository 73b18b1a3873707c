"""The rooms that own tables, floor by floor: the order in which migrations run."""

ROOMS = ("runtime", "ledger", "identity", "venues", "pricing", "risk", "trading", "funding", "analytics", "audit")
