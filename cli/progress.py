"""What a long command shows while it works: a live table on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shared.src.domain.clock import Clock

LINES_SHOWN = 8
STYLES = {"running": "green", "stopped": "dim", "starting": "yellow", "restarting": "yellow", "unhealthy": "red"}
MEGABYTE = 1_000_000


def parts_table(document: dict[str, Any], *, title: str = "") -> Table:
    """A status document as a table."""
    table = Table(title=title or None, title_justify="left", header_style="bold", expand=False)
    for name, side in (("part", "left"), ("state", "left"), ("port", "right"), ("pid", "right"), ("restarts", "right")):
        table.add_column(name, justify="right" if side == "right" else "left")
    table.add_column("memory", justify="right")
    table.add_column("detail", overflow="fold")
    for group in ("stack", "services"):
        for name, part in document[group].items():
            table.add_row(*_row(name, part))
        table.add_section()
    return table


def _row(name: str, part: dict[str, Any]) -> tuple[str | Text, ...]:
    style = "green" if part["healthy"] else STYLES.get(part["state"], "red")
    memory = f"{part['rss_bytes'] / MEGABYTE:.0f} MB" if part["rss_bytes"] else ""
    return (
        name,
        Text(part["state"], style=style),
        str(part["port"] or ""),
        str(part["pid"] or ""),
        str(part["restarts"] or ""),
        memory,
        Text(part["detail"] or ""),
    )


class Progress:
    """Collects lines and draws them; the line of figures at the bottom is replaced as it changes."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._began = clock.monotonic()
        self._lines: deque[str] = deque(maxlen=LINES_SHOWN)
        self._figures = ""
        self._status: Callable[[], dict[str, Any]] | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self._draw, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def watch(self, status: Callable[[], dict[str, Any]]) -> None:
        """Show this status document as a table from now on."""
        self._status = status

    def say(self, text: str) -> None:
        """Something happened."""
        line = f"[{self._clock.monotonic() - self._began:6.1f} s] {text}"
        self._lines.append(line)
        if self._live is None:
            self._console.print(line, markup=False)

    def figures(self, text: str) -> None:
        """How far it is: a line that replaces itself on a terminal."""
        self._figures = text
        if self._live is None:
            self.say(text)

    def _draw(self) -> Group:
        shown: list[Any] = [parts_table(self._status())] if self._status is not None else []
        shown += [Text(line, style="dim") for line in self._lines]
        if self._figures:
            shown.append(Text(self._figures, style="bold"))
        return Group(*shown)
