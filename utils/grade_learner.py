"""The learner's side of grading: runs the cells of one notebook, and evaluates expressions.

The process that utils.grade_kernel starts, in the sandbox where there is one. It is a plain
Python child with IPython's shell, not a Jupyter kernel: the shell brings magics, `display` and
top-level `await`, and a pipe needs no network, no ports and no second process to watch. One JSON
line comes in, one goes out. Learner's code lives in this process and may do here what it likes,
forged replies included; that is why no wanted value ever enters it, and why utils.grade_kernel
believes nothing that it says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

from utils.evaluate import evaluate
from utils.grade_slice import Cell, Part, chosen, closure, make_parts
from utils.runs import Run, failed

READY = b'{"ready": true}\n'


def main() -> None:
    """Answer requests until the pipe closes. The limits are the first argument, as JSON."""
    limit(json.loads(sys.argv[1]))
    learner = Learner()  # before the pipes are closed to it, so that a failure can be read
    requests, replies = private_pipes()
    replies.write(READY)
    for line in requests:
        request = json.loads(line)
        answer = learner.answer(request)
        reply = json.dumps({"id": request["id"], **answer})
        with contextlib.suppress(KeyboardInterrupt):
            replies.write(reply.encode("ascii") + b"\n")


def limit(limits: dict[str, int]) -> None:
    """Set the limits that the system knows, each for one process; Windows has none of them.

    The process also gets a lower priority than the grader, which has to end it in time.

    data: bytes of writable memory; cpu: seconds; disk: bytes of one file; files: open ones;
    processes: of this account. macOS refuses some: what it refuses is left out.
    """
    try:
        import resource
    except ImportError:
        return
    os.nice(5)
    names = {"data": "DATA", "cpu": "CPU", "disk": "FSIZE", "files": "NOFILE", "processes": "NPROC"}
    wanted = {getattr(resource, f"RLIMIT_{names[key]}"): value for key, value in limits.items()}
    for kind, value in {**wanted, resource.RLIMIT_CORE: 0}.items():
        with contextlib.suppress(ValueError, OSError):
            hard = value + 5 * (kind == resource.RLIMIT_CPU)  # the signal first, then the end
            resource.setrlimit(kind, (value, hard))


def private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under other numbers; stdin, stdout and stderr lead nowhere from now on."""
    sys.stdout.flush()
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return requests, replies


class Learner:
    """The notebook in this process: its parts, its namespace, and what its exercises defined."""

    def __init__(self) -> None:
        self.shell = make_shell()
        self.parts: list[Part] = []
        self.done: set[int] = set()
        self.exercises: dict[str, dict] = {}  # names: what its cell binds; function: true or not
        self.cells: list[str | None] = []  # the exercise of each cell by its metadata
        self.kept: dict[str, dict[str, Any]] = {}  # exercise -> name -> what its last cell bound

    def answer(self, request: dict) -> dict:
        """The reply to one request: plan, step or ask."""
        if request["do"] == "plan":
            return {"steps": self.plan(request)}
        if request["do"] == "step":
            run = self.step(request["step"], request["seconds"])
        else:
            run = self.ask(request)
        return {"run": dataclasses.asdict(run)}

    def plan(self, request: dict) -> list[list[int]]:
        """Number and cell of each part to run, in order."""
        self.exercises = request["exercises"]
        cells = [Cell(**cell) for cell in request["cells"]]
        self.cells = [cell.exercise for cell in cells]
        transform = self.shell.input_transformer_manager.transform_cell
        self.parts = make_parts(cells, request["imports"], transform)
        own = {name for exercise in self.exercises.values() for name in exercise["names"]}
        hold = {i for i, id in enumerate(self.cells) if id in self.exercises}
        hold |= {p.cell for p in self.parts if own & p.binds and not p.official}
        steps = chosen(self.parts, hold, request["names"])
        return [[i, self.parts[i].cell] for i in steps]

    def step(self, i: int, seconds: float) -> Run:
        """Run one part, as Run's error, gap or late say."""
        part = self.parts[i]
        self.done.add(i)
        error, late = run_cell(self.shell, part.source, seconds)
        for id, exercise in self.exercises.items():
            self.keep(id, exercise, part)
        if late:
            return Run(late=True)
        return Run() if error is None else failed(error, self.shell.user_ns)

    def keep(self, id: str, exercise: dict, part: Part) -> None:
        """Remember what a cell bound for an exercise, so that later cells do not take it away."""
        marked = self.cells[part.cell] == id
        for name in part.binds.intersection(exercise["names"], self.shell.user_ns):
            value = self.shell.user_ns[name]
            if marked or not exercise["function"] or callable(value):
                self.kept.setdefault(id, {})[name] = value

    def ask(self, request: dict) -> Run:
        """Evaluate; where a name is missing that a part left out would bind, run that first."""
        run = self.evaluate(request)
        for _ in range(5):
            places = [i for i in closure(self.parts, lacks(run)) if i not in self.done]
            if not places:
                break
            for i in places:
                self.step(i, request["seconds"])
            run = self.evaluate(request)
        return run

    def evaluate(self, request: dict) -> Run:
        """One expression, with the names of its exercise as the exercise's cell bound them."""
        space, kept = self.shell.user_ns, self.kept.get(request["exercise"], {})
        before = {name: space[name] for name in kept if name in space}
        space.update(kept)
        try:
            return evaluate(request["expr"], space, request["setup"], request["seconds"])
        except KeyboardInterrupt:  # a late alarm, or one that the learner's code sets off
            return Run(late=True)
        finally:
            space.update(before)


def lacks(run: Run) -> str:
    """The name whose absence ended a run; "" for any other end."""
    if run.missing:
        return run.missing
    said = run.message.split("'") if "NameError" in run.error else []
    return said[1] if len(said) > 2 else ""


def make_shell() -> Any:
    """IPython's shell, without history, tracebacks or a display."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    shell.showtraceback = shell.showsyntaxerror = lambda *args, **options: None
    shell.enable_gui = lambda gui=None: None  # %matplotlib asks for one
    return shell


def run_cell(shell: Any, source: str, seconds: float) -> tuple[BaseException | None, bool]:
    """Run a cell: what it raised, or None; and whether it was interrupted after the seconds."""
    rang = threading.Event()
    error = None
    try:
        with alarm(seconds, rang):
            result = shell.run_cell(source, silent=True)
            error = result.error_before_exec or result.error_in_exec
    except BaseException as raised:  # an alarm between two lines of ours, a patched shell
        error = raised
    return error, rang.is_set()


@contextlib.contextmanager
def alarm(seconds: float, rang: threading.Event) -> Iterator[None]:
    """Interrupt the main thread after so many seconds, and again until the body has ended."""
    over = threading.Event()

    def ring() -> None:
        wait = seconds
        while not over.wait(wait):
            rang.set()
            wait = 0.5
            interrupt()

    thread = threading.Thread(target=ring, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(1)


def interrupt() -> None:
    """Ctrl-C in the main thread; where the system can, it wakes a sleeping one."""
    main_thread = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main_thread is not None:
        signal.pthread_kill(main_thread, signal.SIGINT)
    else:
        import _thread

        _thread.interrupt_main()


if __name__ == "__main__":
    main()
