"""What the gate hands to the desk with a request: whose desk it is, and the board it shows."""

from collections.abc import Callable
from dataclasses import dataclass

from cambista.console.board import Board
from cambista.console.sessions import Session
from cambista.kernel.callers import Caller

SCOPE_KEY = "cambista.console"


@dataclass(frozen=True, slots=True)
class Seat:
    """A signed-in operator's place at one house's board. `note_use`: tell the house that its caller is active."""

    board: Board
    session: Session
    house: str
    note_use: Callable[[Caller], None]
