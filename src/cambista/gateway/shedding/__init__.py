"""How many requests are in work at once, who waits for how long, and who is refused at once instead."""
