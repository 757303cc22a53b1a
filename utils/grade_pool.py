"""Many submissions graded side by side, each in a worker process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from utils.grade_cgroup import sweep
from utils.grade_notebook import officials
from utils.grade_one import time_for
from utils.grade_records import FAULT, Result, Settings, Submission, as_json, box_of, result_from
from utils.grade_tree import end_marked, end_tree

ROOT = Path(__file__).resolve().parent.parent
EXTRA = 180.0  # seconds beyond a submission's own, for starting, reading and a busy machine
TRIES = 2  # a worker that was lost is replaced once


class Pool:
    """Workers, at most `jobs` at a time. Leave it by its with statement, which ends them all.

    scratch: where they keep their folders; what one that is ended leaves there is the caller's
    to remove.
    """

    def __init__(self, settings: Settings, jobs: int, scratch: Path) -> None:
        self.settings = settings
        self.scratch = scratch
        self.env = {**os.environ, "TMPDIR": str(scratch)}
        self.threads = ThreadPoolExecutor(max_workers=jobs)
        self.running: set[int] = set()
        self.lock, self.closed = threading.Lock(), False
        longest = max(time_for(one.lesson.exercises) for one in officials().values())
        self.seconds = (settings.limits.timeout or longest) + EXTRA

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers; what they were at is lost."""
        with self.lock:
            self.closed = True
            for pid in self.running:
                end_tree(pid)
        self.threads.shutdown(cancel_futures=True)
        end_marked(str(self.scratch))

    def results(self, submissions: list[Submission]) -> Iterator[tuple[Submission, Result]]:
        """Each submission with its result, in the order in which they are done."""
        waiting = {self.threads.submit(self.grade, one): one for one in submissions}
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield waiting.pop(future), future.result()

    def grade(self, submission: Submission) -> Result:
        """The result from a worker, or from a second one when the first is lost."""
        said = "the worker was not started"
        for _ in range(TRIES):
            if self.closed:
                break
            try:
                return result_from(json.loads(self.work(submission)))
            except subprocess.TimeoutExpired:
                said = f"the worker gave no result in {self.seconds:g} seconds"
            except Exception as error:  # no submission is lost, whatever happens to its worker
                said = f"the worker was lost ({type(error).__name__})"
        return lost(submission, self.settings, said)

    def work(self, submission: Submission) -> bytes:
        """What one worker prints. Its stdin stays open: when this process ends, so does it."""
        command = [sys.executable, "-m", "utils.grade_worker"]
        request = {"submission": as_json(submission), "settings": as_json(self.settings)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        worker = subprocess.Popen(command, cwd=ROOT, env=self.env, start_new_session=True, **pipes)
        with self.lock:
            self.running.add(worker.pid)
        try:
            if self.closed:
                return b""
            worker.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            worker.stdin.flush()
            return line_of(worker, self.seconds)
        finally:
            end_tree(worker.pid)
            sweep(worker.pid)
            with self.lock:
                self.running.discard(worker.pid)
            with contextlib.suppress(OSError):
                worker.stdin.close()
            worker.stdout.close()
            worker.wait()


def lost(submission: Submission, settings: Settings, said: str) -> Result:
    """The row of a submission whose workers gave nothing."""
    base = Result(submission.name, submission.file, FAULT, settings.lesson)
    return replace(base, sandbox=box_of(settings), detail=said, feedback=(said,))


def line_of(worker: subprocess.Popen, seconds: float) -> bytes:
    """The one line that a worker prints. Raises TimeoutExpired."""
    late = threading.Event()

    def end() -> None:
        late.set()
        end_tree(worker.pid)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        said = worker.stdout.readline()
        if late.is_set():
            raise subprocess.TimeoutExpired("worker", seconds)
        return said
    finally:
        timer.cancel()
