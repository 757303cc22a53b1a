"""The corpus of hostile and broken submissions, graded as one batch through the command line."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import psutil
import pytest

from submissions import make
from utils.grade_cgroup import fence, remove
from utils.grade_sandbox import ROOT, no_sandbox

LIMITS = ["--lesson", "01", "--timeout", "30", "--memory", "800", "--jobs", "2"]
SLEEP = "98765"  # the seconds that the child left behind asks for
pytestmark = pytest.mark.skipif(bool(no_sandbox()), reason=no_sandbox())


def run(*arguments: object, seconds: float = 800) -> subprocess.CompletedProcess:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "utils.grade", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def seen(found: list[dict[str, str]]) -> Counter:
    """Name, status and total of each row; the apostrophe against formulas taken off."""
    return Counter((row["name"].lstrip("'"), row["status"], row["total"]) for row in found)


def wanted(expected: list[make.Expected]) -> Counter:
    """The same of what is expected."""
    return Counter((row.name, row.status, str(row.score)) for row in expected)


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every plain file below a folder, and where its links lead."""
    paths = [p for p in sorted(folder.rglob("*")) if not p.is_dir() and p.suffix != ".pyc"]
    found = {}
    for path in paths:
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def left_running() -> list[str]:
    """The command lines of grading processes and of the corpus's own children."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if any(mark in line for mark in ("utils.grade_", f"sleep {SLEEP}", "bwrap")):
                found.append(line[:80])
    return found


def bombs_spread() -> bool:
    """True where only looking limits the number of processes: for root without a cgroup."""
    made = fence("form-and-facts-try", 10)
    remove(made)
    return made is None and getattr(os, "geteuid", lambda: 1)() == 0


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The corpus after one run: its folder, the run, the rows, and the hashes before it."""
    folder = tmp_path_factory.mktemp("corpus")
    expected = make.make(folder / "in", {"fork_bomb"} if bombs_spread() else set())
    kept = [folder / "in", ROOT / "utils" / "exercises", make.HERE]
    before = [hashes(place) for place in kept]
    out = folder / "grades.csv"
    arguments = ["--out", out, "--hidden", make.HIDDEN, "--feedback", folder / "feedback"]
    done = run(folder / "in", *LIMITS, *arguments, "--require-sandbox")
    assert out.exists(), done.stderr
    after = [hashes(place) for place in kept]
    return folder, expected, done, rows(out), (before, after)


def test_there_are_at_least_forty_hostile_ones():
    honest = {"a_right_first", "m_right_middle", "zz_right_last", "wrong_answers"}
    names = [entry["name"] for entry in make.entries()]
    assert len(set(names)) == len(names)
    assert len(set(names) - honest) + len(make.FILES) >= 40
    assert all(entry["why"] for entry in make.entries())


def test_every_submission_has_its_row_with_the_status_and_score_expected(graded):
    _, expected, done, found, _ = graded
    got, want = seen(found), wanted(expected)
    assert (got - want, want - got) == (Counter(), Counter()), done.stderr[-3000:]
    assert done.returncode == 0


def test_right_submissions_have_full_marks_at_every_place(graded):
    found = graded[3]
    order = [row["name"] for row in found]
    for name in ("a_right_first", "m_right_middle", "zz_right_last"):
        assert found[order.index(name)]["total"] == found[order.index(name)]["max"] == "11"


def test_no_point_was_forged(graded):
    """Whoever starts from wrong answers has no more than wrong answers give."""
    found = {row["name"]: row for row in graded[3]}
    honest = int(found["wrong_answers"]["total"])
    forgers = [entry["name"] for entry in make.entries() if entry.get("answers") == "wrong"]
    assert len(forgers) > 15
    assert max(int(found[name]["total"]) for name in forgers) == honest


def test_nothing_is_left_running(graded):
    until = time.monotonic() + 10
    while left_running() and time.monotonic() < until:
        time.sleep(0.2)
    assert left_running() == []


def test_the_files_of_the_teacher_are_as_before(graded):
    before, after = graded[4]
    assert before == after


def test_details_name_what_happened(graded):
    detail = {row["name"]: row["detail"] for row in graded[3]}
    assert bombs_spread() or "more than 64 processes" in detail["fork_bomb"]
    assert "memory" in detail["memory_bomb"].lower()  # its own error, or our look at it
    assert "1.4: no cell of it" in detail["cell_deleted"]
    assert "nbformat is 3" in detail["old_format"]
    assert "it holds lesson 02" in detail["other_lesson"]
    assert "a link, which is not followed" in detail["link"]
    assert detail["a_right_first"] == ""


def test_feedback_shows_no_hidden_case_and_runs_no_script(graded):
    folder = graded[0] / "feedback"
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert len(texts) == 2 * len(graded[3])
    told = [text for name, text in texts.items() if name.startswith("hard_coded-")]
    assert all("of 2 others, number 1 is not" in text for text in told) and len(told) == 2
    assert not [name for name, text in texts.items() if "wilson(7, 9)" in text]
    pages = [text for name, text in texts.items() if name.endswith(".html")]
    assert not [text for text in pages if "<script" in text.lower()]
    assert any("&lt;script&gt;alert(1)" in text for text in pages)


def test_a_zip_with_traps(tmp_path):
    expected = make.make_zip(tmp_path / "class.zip")
    out = tmp_path / "out" / "grades.csv"
    done = run(tmp_path / "class.zip", "--out", out, *LIMITS)
    assert seen(rows(out)) == wanted(expected), done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["class.zip", "out"]
    with zipfile.ZipFile(tmp_path / "class.zip") as archive:
        assert not list(tmp_path.parent.rglob("outside.ipynb")) and archive.testzip() is None
