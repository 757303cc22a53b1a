"""Processes with all that they started: found, and ended for good."""

from __future__ import annotations

import contextlib
import os
import time

import psutil

NEVER = 3.0  # seconds in which an ended process must be gone


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it that are alive."""
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def end_tree(pid: int) -> None:
    """Kill a process and all below it, and wait until they are gone."""
    until = time.monotonic() + NEVER
    while (tree := alive(family(pid))) and time.monotonic() < until:
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(tree, timeout=0.2)


def end_marked(mark: str) -> None:
    """Kill what left the tree but still carries a folder's name: in its path, or in its command."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            told = [process.environ().get("PYTHONPATH", ""), *process.cmdline()]
            if process.pid != os.getpid() and any(mark in part for part in told):
                end_tree(process.pid)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are more than an entry in the process table."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def memory_of(processes: list[psutil.Process], enough: int) -> int:
    """Bytes of memory that some processes hold; a page that they share counts once beyond enough.

    What each holds is quick to read and counts shared pages for every one; so only where that is
    too much is the exact figure read, if the system gives it.
    """
    held = sum(_memory(process, exact=False) for process in processes)
    if held <= enough or len(processes) == 1:
        return held
    return sum(_memory(process, exact=True) for process in processes)


def _memory(process: psutil.Process, exact: bool) -> int:
    with contextlib.suppress(psutil.Error, NotImplementedError):
        if exact:
            full = process.memory_full_info()
            return getattr(full, "pss", full.uss)
        return process.memory_info().rss
    return 0
