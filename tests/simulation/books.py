"""The reference model's books: plain dictionaries of accounts and holds, and nothing clever."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

Name = tuple[str, str, str]  # kind, owner, asset
FREE_KINDS = ("world", "spread", "suspense")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Account:
    posted: int = 0
    held: int = 0
    frozen: bool = False
    booked_at: datetime = LONG_AGO


@dataclass
class Held:
    account: Name
    units: int
    expires_at: datetime
    status: str = "open"


@dataclass
class Moved:
    """A transfer the model has seen: what it moved, and which transfer undid it (itself, where it is an undoing)."""

    legs: list[tuple[Name, Name, int]]
    undone_by: UUID | None = None


@dataclass
class ReferenceBooks:
    accounts: dict[Name, Account] = field(default_factory=dict)
    holds: dict[UUID, Held] = field(default_factory=dict)
    transfers: dict[UUID, Moved] = field(default_factory=dict)

    def account(self, name: Name) -> Account:
        return self.accounts.setdefault(name, Account())

    def posted(self, name: Name) -> int:
        return self.accounts[name].posted if name in self.accounts else 0

    def available(self, name: Name) -> int:
        account = self.accounts.get(name)
        return account.posted - account.held if account else 0

    def frozen(self, *names: Name) -> bool:
        return any(name in self.accounts and self.accounts[name].frozen for name in names)

    def booking_time(self, names: list[Name], now: datetime) -> datetime:
        """Booked times never fall in an account, so a clock that went back books at the latest time it has seen."""
        return max([now, *(self.accounts[name].booked_at for name in names if name in self.accounts)])

    def short(self, legs: list[tuple[Name, Name, int]], hold: UUID | None = None) -> list[Name]:
        """Accounts that could not pay all these legs together; what `hold` sets aside is there to be spent."""
        change: dict[Name, int] = {}
        for source, destination, units in legs:
            change[source] = change.get(source, 0) - units
            change[destination] = change.get(destination, 0) + units
        freed = self.holds.get(hold) if hold else None
        lacking = []
        for name, units in change.items():
            extra = freed.units if freed is not None and freed.account == name else 0
            if name[0] not in FREE_KINDS and units < 0 and self.available(name) + extra + units < 0:
                lacking.append(name)
        return lacking

    def move(self, id: UUID, legs: list[tuple[Name, Name, int]], now: datetime, hold: UUID | None = None) -> None:
        """Post a transfer; the hold it names is spent, and what is left of it is free again."""
        assert id not in self.transfers, f"transfer {id} twice"
        self.transfers[id] = Moved(legs)
        if hold is not None:
            self.close(hold, "captured")
        booked = self.booking_time([name for leg in legs for name in leg[:2]], now)
        for source, destination, units in legs:
            self.account(source).posted -= units
            self.account(destination).posted += units
            self.account(source).booked_at = self.account(destination).booked_at = booked

    def hold(self, id: UUID, name: Name, units: int, expires_at: datetime) -> None:
        assert id not in self.holds, f"hold {id} twice"
        self.holds[id] = Held(name, units, expires_at)
        self.account(name).held += units

    def close(self, id: UUID, status: str) -> None:
        held = self.holds[id]
        assert held.status == "open", f"hold {id} is {held.status}"
        held.status = status
        self.account(held.account).held -= held.units

    def expire(self, now: datetime) -> int:
        """Free what was held until now or earlier; how many holds."""
        due = [id for id, held in self.holds.items() if held.status == "open" and held.expires_at <= now]
        for id in due:
            self.close(id, "expired")
        return len(due)
