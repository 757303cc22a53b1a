"""What all widgets share: shown live where a person can click, else as a plain table.

Nothing here starts a thread. Work is done in the kernel's main thread, where the interrupt of the
menu reaches it; while it runs, or while a cell runs, further clicks wait or are dropped.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from utils.widget_html import Table, sentence

VIEW = "application/vnd.jupyter.widget-view+json"
PAUSE = 0.2  # seconds: a click handled this soon after the last was made while that one ran
STOPPED = "Stopped. What is shown so far stays; to begin again, repeat the last step."
_shown: dict[str, tuple[str, list[Panel]]] = {}  # by cell: the run that showed them, and they


def live() -> bool:
    """True where a front end that can show widgets started this kernel.

    FORM_AND_FACTS_HEADLESS=1 says no, =0 says yes; else JupyterLab and Notebook, Colab and
    VS Code are known by what they leave. nbclient and nbgrader leave nothing.
    """
    shell = _shell()
    if not hasattr(shell, "kernel"):
        return False
    named = os.environ.get("FORM_AND_FACTS_HEADLESS", "").strip()
    if named:
        return named == "0"
    known = "JPY_SESSION_NAME" in os.environ or "google.colab" in sys.modules
    return known or "__vsc_ipynb_file__" in shell.user_ns


class Panel:
    """One widget. A subclass gives `tables`, and the controls of the live form."""

    def __init__(self) -> None:
        self.note = ""
        self.still = False  # True for what has nothing to click
        self.busy = self.again = False
        self.done = 0.0  # when the last job ended, on the clock of time.monotonic
        self._box = self._body = self._line = self._handle = None

    def tables(self) -> list[Table]:
        """What the stored form shows."""
        raise NotImplementedError

    def now(self) -> list[Table]:
        """What the live form shows."""
        return self.tables()

    def controls(self, widgets) -> list:
        """The ipywidgets to click and to type into; `widgets` is the package."""
        return []

    def picture(self) -> Markup:
        """What is drawn above the tables in the live form alone."""
        return Markup()

    def show(self) -> None:
        """Display it below the cell."""
        from IPython.display import display

        self._handle = display(self, display_id=True)

    def refresh(self) -> None:
        """Bring the stored form, which a page without a kernel shows, up to date."""
        if self._handle is not None:
            self._handle.update(self)

    def after_cell(self) -> None:
        """Refresh once when the cell that is running has ended, or was stopped."""
        shell = _shell()
        if shell is None:
            return

        def once(*_: Any) -> None:
            shell.events.unregister("post_run_cell", once)
            self.refresh()

        shell.events.register("post_run_cell", once)

    def __repr__(self) -> str:
        texts = [table.text() for table in self.tables()]
        return "\n\n".join([*texts, self.note] if self.note else texts)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """Plain text and a table for every reader, and the widget where one can be used."""
        html = _joined(self.tables()) + (sentence(self.note) if self.note else Markup())
        found: dict[str, Any] = {"text/plain": repr(self), "text/html": str(html)}
        if live() and not self.still:
            found[VIEW] = self.box()._repr_mimebundle_()[VIEW]
        return found

    def box(self):
        """The live form, made when first asked for."""
        if self._box is None:
            import ipywidgets as widgets

            self._line, self._body = widgets.HTML(), widgets.HTML()
            self._box = widgets.VBox([*self.controls(widgets), self._line, self._body])
            self.paint()
            _keep(self)
        return self._box

    def paint(self) -> None:
        """Bring the live form up to date."""
        if self._box is not None:
            self._line.value = str(sentence(self.note))
            self._body.value = str(self.picture() + _joined(self.now()))

    def say(self, note: str) -> None:
        """Show a sentence."""
        self.note = note
        if self._box is not None:
            self._line.value = str(sentence(note))

    def close(self) -> None:
        """Take the live form away, so that its models can be let go."""
        waiting = [self._box] if self._box is not None else []
        self._box = None
        for widget in waiting:
            waiting.extend(getattr(widget, "children", ()))
            widget.close()

    def work(self, job: Callable[[], None]) -> None:
        """Do the job of a click where the interrupt reaches it; of many at once, do the last."""
        self.again = True
        if not self.busy:
            self.busy = True
            on_main(lambda: self._do(job))

    def early(self) -> bool:
        """True for a click that was made while a job was running.

        In the main thread such a click is handled right after the job, not during it.
        """
        main = threading.current_thread() is threading.main_thread()
        return self.busy or (main and time.monotonic() - self.done < PAUSE)

    def _do(self, job: Callable[[], None]) -> None:
        try:
            while self.again:
                self.again = False
                self.guarded(job)
        except KeyboardInterrupt:
            self.again = False
        finally:
            self.busy, self.done = False, time.monotonic()

    def guarded(self, job: Callable[[], None]) -> None:
        """Do a job; an error becomes a sentence, an interrupt too before it goes on."""
        try:
            job()
        except KeyboardInterrupt:
            self.say(STOPPED)
            raise
        except Exception as error:
            reason = next((line for line in str(error).splitlines() if line.strip()), "")
            self.say(f"This did not work ({type(error).__name__}): {reason}")


def _joined(tables: list[Table]) -> Markup:
    return Markup("").join(table.html() for table in tables)


def on_main(job: Callable[[], None]) -> None:
    """Do a job in the main thread: at once there, else when the running cell has ended.

    Newer kernels handle clicks in another thread, which no interrupt can stop.
    """
    if threading.current_thread() is threading.main_thread():
        job()
    else:
        _shell().kernel.io_loop.add_callback(_interruptible, job)


def _interruptible(job: Callable[[], None]) -> None:
    """Between cells a kernel ignores the interrupt: let it through while the job is done."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        job()
    finally:
        signal.signal(signal.SIGINT, before)


def _keep(panel: Panel) -> None:
    """Hold a live panel until its cell is run again: then close those of the run before."""
    parent = getattr(_shell(), "get_parent", dict)() or {}
    cell = parent.get("metadata", {}).get("cellId")
    if cell is None:
        return
    run = parent.get("header", {}).get("msg_id", "")
    before, panels = _shown.get(cell, (run, []))
    if before != run:
        for old in panels:
            old.close()
        panels = []
    _shown[cell] = (run, [*panels, panel])


def _shell():
    """IPython's shell, None outside of it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if hasattr(ipython, "get_ipython") else None
