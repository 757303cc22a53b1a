"""A limit on the number of processes for graders that run as root, by a cgroup of Linux.

The usual limit (RLIMIT_NPROC) does not hold for root's processes, and a fork bomb is faster than
anyone who counts. Where root may write no cgroup, as in most containers, `fence` gives None.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

TOP = Path("/sys/fs/cgroup")
SPARE = 8  # processes of bubblewrap itself
ENTER = 'echo $$ > "$0" && exec "$@"'  # for sh: enter the cgroup, then become the command


def fence(name: str, processes: int, top: Path = TOP) -> Path | None:
    """A new cgroup in which at most so many processes may live; None where it cannot be made."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    for parent in (top / "pids", top):  # version 1, version 2
        folder = parent / name
        if not (parent / "cgroup.procs").exists():
            continue
        try:
            folder.mkdir()
            (folder / "pids.max").write_text(str(processes + SPARE))
            return folder
        except OSError:
            remove(folder)
    return None


def sweep(pid: int, top: Path = TOP) -> None:
    """Remove the cgroups that a grading process which was ended has left; see name_for."""
    for parent in (top / "pids", top):
        for folder in parent.glob(name_for(pid, "*")):
            remove(folder)


def name_for(pid: int, mark: str) -> str:
    """The name of a cgroup of the grading process with that number."""
    return f"form-and-facts-{pid}-{mark}"


def inside(command: list[str], folder: Path | None) -> list[str]:
    """The command that enters a cgroup first."""
    if folder is None:
        return command
    return ["/bin/sh", "-c", ENTER, str(folder / "cgroup.procs"), *command]


def remove(folder: Path | None) -> None:
    """Remove a cgroup, ending what is left in it; the last process may take a moment to go.

    bubblewrap killed while it starts leaves a child that waits for it without end.
    """
    for _ in range(20):
        with contextlib.suppress(OSError):
            if folder is None or not folder.exists():
                return
            folder.rmdir()
            return
        with contextlib.suppress(OSError, ValueError):
            for pid in (folder / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.05)
