"""The process that grades one submission, and what ends it.

One JSON line comes in with the submission and the settings, one goes out with the result. A
notebook that is a trap for its reader harms this process alone. When the pipe to it closes, the
process that started it is gone: then it ends too, with all that it started.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import threading
import time

import psutil

from utils.grade_cgroup import sweep
from utils.grade_one import grade_one
from utils.grade_records import as_json, settings_from, submission_from
from utils.grade_tree import NEVER, alive, end_tree

READING = 6 << 30  # bytes of memory that reading a notebook may take here
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl


def main() -> None:
    """Grade what the first line names, and print the result."""
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints must not get into the reply
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=watch_parent, daemon=True).start()
    adopt_orphans()
    limit_memory()
    submission = submission_from(request["submission"])
    result = grade_one(submission, settings_from(request["settings"]))
    end_children()
    print(json.dumps(as_json(result)), file=replies, flush=True)
    os._exit(0)  # the thread that watches stdin would hold up an ordinary end


def watch_parent() -> None:
    """End everything when stdin closes."""
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.read(1):
            continue
    end_children()
    sweep(os.getpid())
    os._exit(1)


def adopt_orphans() -> None:
    """On Linux, children whose parent has ended become ours, so that they can be found."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def limit_memory() -> None:
    """A notebook that swells when it is read gives a MemoryError instead of a full machine."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = READING if hard == resource.RLIM_INFINITY else min(READING, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def end_children() -> None:
    """End all that this process has started and that has been left to it, even as it is ended."""
    until = time.monotonic() + NEVER
    while (children := alive(psutil.Process().children())) and time.monotonic() < until:
        for child in children:
            end_tree(child.pid)


if __name__ == "__main__":
    main()
