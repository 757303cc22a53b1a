"""What the grader believes of a reply, and how processes end."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time

import psutil
import pytest

from utils import grade_kernel
from utils.grade_cgroup import fence, inside, remove
from utils.grade_kernel import Ended, Kernel, parsed, read, read_run
from utils.grade_sandbox import Limits, make_box, no_sandbox
from utils.grade_tree import end_marked, end_tree, family, memory_of
from utils.runs import Run

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
BOXES = [False] + [True] * (not no_sandbox())


@pytest.mark.parametrize(
    ("fields", "run"),
    [
        ({"value": [1, "a", None]}, Run(value=[1, "a", None])),
        ({"gap": True, "late": 1, "alive": "yes"}, Run(gap=True)),
        ({"error": ["ValueError", 3, {}], "message": "x" * 999}, Run(error=("ValueError", "", ""))),
        ({"number": -1, "line": 7, "printed": ["x"], "missing": "f"}, Run(missing="f")),
        ({"fault": {"a": 1}, "unknown": 3}, Run()),
    ],
)
def test_every_field_is_checked(fields, run):
    got = read_run(fields)
    assert (got.value, got.gap, got.late, got.alive) == (run.value, run.gap, run.late, run.alive)
    assert (got.error, got.missing, got.number, got.printed) == (run.error, run.missing, 0, "")
    assert got.line == "" and len(got.message) <= 300


@pytest.mark.parametrize("fields", [None, 3, "run", [], [["value", 1]]])
def test_a_run_of_another_shape_is_an_error(fields):
    assert read_run(fields).error and not read_run(fields).valued


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[" * 200 + "]" * 200, "nested more than 50 deep"),
        (json.dumps(list(range(100_001))), "holds more than"),
        (json.dumps("x" * 1_000_001), "a string of 1,000,001 characters"),
        (str(10**2_000), "a whole number of"),
    ],
)
def test_a_value_too_large_is_a_fault(text, fault):
    run = read_run({"value": json.loads(text)})
    assert run.value is None and fault in run.fault and not run.valued


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b"\xff", b"[" * 10**6, b"9" * 10**5])
def test_a_line_that_is_no_object_is_none(line):
    assert parsed(line) is None


class Pipe:
    """What `read` takes: an object with a file number."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.fileno = process.stdout.fileno


@pytest.mark.parametrize("text", ["'x' * 9_000_000", r"'{}\n' * 3_000_000"])
def test_a_pipe_is_read_up_to_its_limits(text, monkeypatch):
    monkeypatch.setattr(grade_kernel, "LINE", 100_000)
    monkeypatch.setattr(grade_kernel, "SENT", 1_000_000)
    lines: queue.Queue = queue.Queue()
    command = [sys.executable, "-c", f"print({text})"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        read(Pipe(process), lines)
        process.kill()
    found = []
    while (line := lines.get_nowait()) is not None:
        found.append(line)
    assert sum(map(len, found)) <= 1_100_000


@pytest.mark.parametrize("sandboxed", BOXES)
def test_requests_are_answered_and_the_process_ends(sandboxed):
    limits = Limits(timeout=60)
    box = make_box(limits, sandboxed)
    with Kernel(box, limits, time.monotonic() + 60) as kernel:
        pid = kernel.process.pid
        cells = [{"source": "def f(): return [1, 2]", "exercise": "1.1"}]
        plan = {"exercises": {"1.1": {"names": ["f"], "function": True}}, "imports": []}
        reply = kernel.request(10, do="plan", cells=cells, names=["f"], **plan)
        assert reply["steps"] == [[0, 0]]
        assert kernel.run(10, do="step", step=0) == Run()
        assert kernel.asker("1.1")("f()", "", 5) == Run(value=[1, 2])
        assert kernel.asker("1.1")("g()", "", 5).missing == "g"
    assert family(pid) == [] and not box.folder.exists()


def test_a_process_that_cannot_start_is_the_graders_error():
    box = make_box(Limits(), False)
    box.command[1:] = ["-c", "raise SystemExit('no such thing')"]
    with pytest.raises(Ended, match="did not start: no such thing") as raised:
        Kernel(box, Limits(), time.monotonic() + 60).__enter__()
    assert raised.value.status == "grader error" and not box.folder.exists()


def test_a_tree_is_ended_with_all_below_it():
    code = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code, *SLEEPER])
    until = time.monotonic() + 30
    while len(family(process.pid)) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    tree = family(process.pid)
    assert len(tree) == 2 and 0 < memory_of(tree, 0) <= memory_of(tree, 1 << 40)
    end_tree(process.pid)
    process.wait(10)
    assert not [one for one in tree if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(("more", "path"), [([], "/nowhere/mark-4711"), (["/mark-4711/x"], "")])
def test_what_left_the_tree_is_found_by_its_mark(more, path):
    process = subprocess.Popen([*SLEEPER, *more], env={"PYTHONPATH": path})
    end_marked("mark-4711")
    process.wait(10)  # raises while it runs


def test_what_is_left_in_a_cgroup_is_ended_with_it():
    folder = fence("form-and-facts-left", 4)
    if folder is None:
        pytest.skip("only root, and only with a cgroup to write")
    process = subprocess.Popen(inside(SLEEPER, folder))
    until = time.monotonic() + 30
    while not (folder / "cgroup.procs").read_text() and time.monotonic() < until:
        time.sleep(0.05)
    reaper = threading.Thread(target=process.wait)
    reaper.start()
    remove(folder)
    reaper.join(10)
    assert process.returncode == -9 and not folder.exists()


def test_a_cgroup_stops_a_process_from_making_more():
    folder = fence("form-and-facts-test", 4)
    if folder is None:
        pytest.skip("only root, and only with a cgroup to write")
    code = "import os\nn = 0\ntry:\n while n < 40:\n  n += 1\n  if os.fork() == 0: os._exit(0)\n"
    code += "except OSError: print('stopped at', n)"
    command = inside([sys.executable, "-c", code], folder)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        remove(folder)
    assert done.stdout.startswith("stopped at") and not folder.exists()
    assert inside(["x"], None) == ["x"]
