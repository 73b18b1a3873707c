"""What proves the house's deeds and debts. Owns schema `audit`."""

__all__: list[str] = []
