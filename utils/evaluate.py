"""Expressions evaluated in a learner's namespace, with a time limit and with their prints kept.

This is the one module that runs text as code: the expressions of our exercise files, on what
the learner has already run. It is no sandbox. A worker thread does the work, and at the time
limit an exception is raised in it, again and again. What that does not reach: a single call of
C code that never lets go of Python's lock (such as 10 ** 10 ** 9) holds up the check until it
ends; a thread asleep in C code ends when it wakes; os._exit and a crash of the process end the
kernel; memory has no limit. Whoever needs these must use a process of its own.
"""

from __future__ import annotations

import contextvars
import ctypes
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from utils.compare import show
from utils.jsonform import Gap, NotJson, to_json
from utils.runs import CASE, SETUP, UNREADABLE, Run, failed, unfinished

KEPT = 10_000  # characters of printed text
GRACE = 3.0  # seconds in which a late worker is asked to stop


class Tap:
    """A stand-in for sys.stdout that keeps the start of what one thread prints.

    All other threads print as before. It drops what is beyond KEPT characters, so that endless
    printing costs time only.
    """

    def __init__(self, real: Any, kept: list[str]) -> None:
        self.real, self.kept, self.room, self.thread = real, kept, KEPT, None

    def write(self, text: str) -> int:
        if threading.get_ident() != self.thread:
            return self.real.write(text)
        text = str.__str__(text)
        self.kept.append(text[: self.room])
        self.room -= min(self.room, len(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def evaluate(expr: str, namespace: dict, setup: str = "", seconds: float = 10.0) -> Run:
    """What the expression gives in a copy of the namespace, after the setup lines; never raises.

    Only KeyboardInterrupt passes, after the worker has been asked to stop. When a worker does
    not stop, its prints stay caught, and the Run says that it is alive.
    """
    kept: list[str] = []
    taps = [Tap(sys.stdout, kept), Tap(sys.stderr, kept)]
    box: list[Run] = []

    def work() -> None:
        for tap in taps:
            tap.thread = threading.get_ident()
        box.append(_run(expr, namespace, setup))

    worker = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    real, (sys.stdout, sys.stderr) = (sys.stdout, sys.stderr), taps
    try:
        worker.start()
        worker.join(seconds)
        run = box[0] if box else Run(late=True) if worker.is_alive() else Run(error=UNREADABLE)
    finally:
        alive = not ended(worker)
        if not alive:
            sys.stdout, sys.stderr = real
    return replace(run, alive=alive, printed="".join(kept))


def ended(worker: threading.Thread) -> bool:
    """Ask a thread to stop until it does or GRACE is over; True when it has ended.

    It is asked by SystemExit, on which a thread ends without a word.
    """
    raise_in = getattr(getattr(ctypes, "pythonapi", None), "PyThreadState_SetAsyncExc", None)
    for _ in range(int(GRACE / 0.02)):
        if not worker.is_alive():
            return True
        if raise_in is not None:
            raise_in(ctypes.c_ulong(worker.ident), ctypes.py_object(SystemExit))
        worker.join(0.02)
    return not worker.is_alive()


def _run(expr: str, namespace: dict, setup: str) -> Run:
    """One evaluation, in the worker. Whatever the learner's code raises becomes a Run."""
    code = None
    try:
        code = compile(expr, CASE, "eval")
        scope = dict(namespace)
        if setup:
            exec(compile(setup, SETUP, "exec"), scope)
        form = to_json(eval(code, scope))
        return Run(value=form, unwritten=form is None and unfinished(code, namespace))
    except Gap:
        return Run(gap=True)
    except NotJson as fault:
        return Run(fault=str(fault))
    except BaseException as error:
        run = failed(error, namespace)
        used_none = code is not None and "NoneType" in run.message
        return replace(run, unwritten=used_none and unfinished(code, namespace))


def holds(condition: str, got: Any, want: Any) -> bool:
    """True when a condition of an exercise file is true of two JSON forms; False if it fails."""
    try:
        return bool(eval(compile(condition, CASE, "eval"), {"got": got, "want": want}))
    except Exception:
        return False


def measure(lines: str, got: Any) -> tuple[Any, str | None]:
    """What lines of an exercise file make of a JSON form, and a fault where they cannot.

    They run here, with no time limit, on nothing of the learner's but this form.
    """
    scope = {"got": got}
    try:
        exec(compile(lines, SETUP, "exec"), scope)
        return to_json(scope["got"]), None
    except Exception as error:
        return None, f"a value that cannot be measured ({type(error).__name__}): {show(got)}"


def runner(namespace: dict) -> Callable[[str, str, float], Run]:
    """A function of expression, setup and seconds that evaluates in one namespace."""
    return lambda expr, setup, seconds: evaluate(expr, namespace, setup, seconds)
