"""The grader's side of one learner's process: requests, replies, limits, and its end.

A reply is a line of JSON that the learner may have forged: its length, its shape and the type of
every field are checked, and a line without the number of the request just made is dropped. The
number is drawn at random for each request, so a reply prepared earlier, or printed, answers
nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from utils.evaluate import GRACE, KEPT
from utils.grade_cgroup import fence, inside, name_for, remove
from utils.grade_sandbox import MB, Box, Limits
from utils.grade_tree import NEVER, end_marked, end_tree, family, memory_of
from utils.jsonform import Gap, NotJson, to_json
from utils.runs import MESSAGE, Run

LINE = 8 * MB  # bytes of one reply
JUNK = 1_000  # lines that are no reply to the request
SENT = 64 * MB  # bytes of all that one process may send
TICK = 0.1  # seconds between two looks at the process
START = 60.0  # seconds until the process must be ready
SLACK = 5.0  # seconds that a reply may come late, for a machine that is busy


class Ended(Exception):
    """The learner's process is over. status: timeout, killed, memory or grader error."""

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Kernel:
    """One learner's process; use it in a with statement, which ends it and all it started."""

    def __init__(self, box: Box, limits: Limits, deadline: float) -> None:
        self.box, self.limits, self.deadline = box, limits, deadline
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115, close() closes it
        cwd = None if box.sandboxed else box.folder / "work"
        self.fence = fence(name_for(os.getpid(), box.folder.name[-8:]), limits.processes)
        self.process = subprocess.Popen(
            inside(box.command, self.fence),
            env=box.env,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            start_new_session=True,
        )
        self.looked = 0.0
        self.lines: queue.Queue[bytes | None] = queue.Queue(maxsize=100)
        pipes = (self.process.stdout, self.lines)
        self.reader = threading.Thread(target=read, args=pipes, daemon=True)
        self.reader.start()

    def __enter__(self) -> Kernel:
        try:
            self.ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def ready(self) -> None:
        """Wait for the first line; what went wrong before it is the grader's own fault."""
        try:
            line = self.next_line(time.monotonic() + START)
        except Ended as end:
            self.errors.seek(0)
            said = self.errors.read(2000).decode("utf-8", "replace").strip().splitlines()
            reason = said[-1] if said else str(end)
            raise Ended("grader error", f"the learner's process did not start: {reason}") from end
        if line.strip() != b'{"ready": true}':
            raise Ended("grader error", "the learner's process began with another line than ready")

    def request(self, seconds: float, **fields: Any) -> dict:
        """The reply to a request, which must come within the seconds and some slack."""
        number = secrets.token_hex(8)
        text = json.dumps({"id": number, "seconds": seconds, **fields}).encode("ascii") + b"\n"
        until = min(time.monotonic() + seconds + GRACE + SLACK, self.deadline)
        sender = threading.Thread(target=send, args=(self.process.stdin, text), daemon=True)
        sender.start()
        for _ in range(JUNK):
            reply = parsed(self.next_line(until))
            if reply is not None and reply.get("id") == number:
                self.watch()  # so that the cell or the exercise in hand is the one to blame
                return reply
        raise Ended("killed", "its code wrote to the grader's pipe")

    def run(self, seconds: float, **fields: Any) -> Run:
        """The Run that a request gives; one that has not the shape of a Run is an error."""
        return read_run(self.request(seconds, **fields).get("run"))

    def asker(self, exercise: str) -> Callable[[str, str, float], Run]:
        """The function that utils.judge asks with, for one exercise."""

        def ask(expr: str, setup: str, seconds: float) -> Run:
            return self.run(seconds, do="ask", exercise=exercise, expr=expr, setup=setup)

        return ask

    def next_line(self, until: float) -> bytes:
        """The next line, while the process keeps its limits. Raises Ended."""
        while True:
            if time.monotonic() > until:
                raise Ended("timeout", "no time is left: its code did not come to an end")
            if time.monotonic() > self.looked + TICK:
                self.watch()
            with contextlib.suppress(queue.Empty):
                line = self.lines.get(timeout=TICK)
                if line is None:
                    raise self.gone()
                return line

    def watch(self) -> None:
        """Raise Ended when the process and its children hold too much memory or are too many."""
        tree = family(self.process.pid)
        if len(tree) > self.limits.processes:
            raise Ended("killed", f"its code started more than {self.limits.processes} processes")
        self.looked = time.monotonic()
        if memory_of(tree, self.limits.memory * MB) > self.limits.memory * MB:
            raise Ended("memory", f"its code used more than {self.limits.memory:,} MB of memory")

    def gone(self) -> Ended:
        """Why the pipe is closed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(NEVER)
        code = self.process.returncode
        if code is None:
            return Ended("killed", f"its process sent more than {LINE // MB} MB at once")
        if code in (-24, 128 + 24):  # SIGXCPU
            return Ended("timeout", "no processor time is left")
        return Ended("killed", "its process ended, by os._exit, a signal or a crash")

    def close(self) -> None:
        """End the process with all that it started, and remove its folder."""
        end_tree(self.process.pid)
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(NEVER)
        if not self.box.sandboxed:
            end_marked(str(self.box.folder))
        while self.reader.is_alive():  # it may wait for room in the queue
            with contextlib.suppress(queue.Empty):
                self.lines.get(timeout=TICK)
        self.errors.close()
        remove(self.fence)
        shutil.rmtree(self.box.folder, ignore_errors=True)


def send(pipe: Any, text: bytes) -> None:
    """Write a request; a process that reads no more ends the writing when it is ended."""
    with contextlib.suppress(OSError, ValueError):
        pipe.write(text)
        pipe.flush()


def read(pipe: Any, lines: queue.Queue) -> None:
    """Put the lines of a pipe into a queue, None at the end or when they grow beyond the limits."""
    left, buffer = SENT, b""
    with contextlib.suppress(OSError, ValueError):
        while chunk := os.read(pipe.fileno(), 1 << 16):
            left -= len(chunk)
            *whole, buffer = (buffer + chunk).split(b"\n")
            for line in whole:
                lines.put(line)
            if left < 0 or len(buffer) > LINE:
                break
    lines.put(None)


def parsed(line: bytes) -> dict | None:
    """The object that a line holds; None for anything else."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError, MemoryError):
        return None
    return value if type(value) is dict else None


def read_run(fields: Any) -> Run:
    """A Run from the JSON of a reply, every field checked and cut to its length."""
    if type(fields) is not dict:
        return Run(error=("a reply that cannot be read",))
    flags = {name: fields.get(name) is True for name in ("gap", "unwritten", "late", "alive")}
    texts = {name: text(fields.get(name), MESSAGE) for name in ("message", "line")}
    faults = {name: text(fields.get(name), MESSAGE) or None for name in ("fault", "missing")}
    names = fields.get("error")
    names = tuple(text(n, 100) for n in names[:50]) if type(names) is list else ()
    number = fields.get("number")
    number = number if type(number) is int and 0 <= number < 10**6 else 0
    try:
        value = to_json(fields.get("value"))
    except (NotJson, Gap, RecursionError) as error:
        value, faults["fault"] = None, str(error)[:MESSAGE]
    printed = text(fields.get("printed"), KEPT)
    rest = {"error": names, "number": number, "printed": printed, "value": value}
    return Run(**flags, **texts, **faults, **rest)


def text(value: Any, most: int) -> str:
    """A string cut to its length; "" for anything else."""
    return value[:most] if type(value) is str else ""
