"""Where a demo's run shows on the terminal: the addresses, then one line that keeps changing."""

from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

LINE_EVERY_S = 5.0


class Display:
    """On a terminal one live line; elsewhere a plain line every `LINE_EVERY_S`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._said_s = 0.0

    def announce(self, url: str, home: Path, *, console: bool) -> None:
        """Say where the house can be seen."""
        say = self._console.print
        say(f"[bold green]The demo is open[/]  {url}")
        say(f"  API        {url}/docs")
        if console:
            say(f"  Console    {url}/console  (sign in with the key in the file below)", soft_wrap=True)
        say(f"  Admin key  {home / 'admin.key'}", soft_wrap=True)
        say("  Stop with Ctrl-C")

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, elapsed_s: float, line: str) -> None:
        if self._live is not None:
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"))
        elif elapsed_s - self._said_s >= LINE_EVERY_S:
            self._said_s = elapsed_s
            self._console.print(line, markup=False, soft_wrap=True)
