"""What the gate hands to the desk with a request: whose desk it is, and the board it shows."""

from dataclasses import dataclass

from cambista.console.board import Board
from cambista.console.sessions import Session

SCOPE_KEY = "cambista.console"


@dataclass(frozen=True, slots=True)
class Seat:
    """A signed-in operator's place at one house's board."""

    board: Board
    session: Session
    house: str
