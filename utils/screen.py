"""What one sees while it runs: the table filling, a progress bar, the last sample answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from utils import parallel
from utils.finetune import Step
from utils.report import cells, table

EVERY = 15.0  # seconds between lines where there is no terminal to draw on


class Screen:
    """Draws on a terminal; elsewhere (a log, a notebook's pipe) prints a line now and then.

    Of several processes the main one does.
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        self.console = console or Console(quiet=not parallel.is_main())
        self.title = title
        self.rows: list[dict] = []
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )
        self.task = self.progress.add_task("starting", total=None)
        self.live = Live(console=self.console, get_renderable=self._draw, refresh_per_second=2)
        self.label, self.done, self.total, self.told = "", 0, 0, 0.0

    @contextmanager
    def open(self) -> Iterator[Screen]:
        """Show while the block runs; the finished table stays on the screen."""
        if not self.console.is_terminal or self.console.quiet:
            yield self
            self.console.print(table(self.rows, self.title), width=190)
            return
        with self.live:
            yield self
            self.progress.remove_task(self.task)

    def begin(self, label: str, total: int) -> None:
        """Start a step of `total` units."""
        self.label, self.done, self.total, self.told = label, 0, total, time.monotonic()
        self.progress.reset(self.task, description=label, total=total)
        if not self.console.is_terminal:
            self.say(f"{label} ...")

    def tick(self, count: int) -> None:
        """`count` more units are done."""
        self.done += count
        self.progress.update(self.task, completed=self.done)
        if not self.console.is_terminal and time.monotonic() - self.told > EVERY:
            self.told = time.monotonic()
            self.say(f"{self.label}: {self.done} of {self.total}")

    def step(self, step: Step) -> None:
        """One training step is done."""
        label = f"{self.label.split(' · ')[0]} · loss {step.loss:.2f}"
        self.label, self.total = label, step.total
        self.progress.update(self.task, description=label, total=step.total)
        self.tick(step.done - self.done)

    def add(self, row: dict) -> None:
        """A row of the table is finished."""
        self.rows.append(row)
        if not self.console.is_terminal:
            self.say("  ".join(cells(row)))

    def say(self, text: str) -> None:
        """Print a line above the table; model text is never read as markup."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _draw(self) -> Group:
        return Group(table(self.rows, self.title), self.progress)
