"""How much one address and one caller may ask in a minute: policies, counters in memory or in Redis, and headers."""
