"""The command line of grading, on small classes of right and wrong notebooks."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from submissions import make
from utils import grade, grade_one, grade_pool
from utils.exercise_data import load_all
from utils.grade_cgroup import TOP, name_for
from utils.grade_one import time_for, time_for_cell
from utils.grade_pool import Pool
from utils.grade_records import Result, Settings, Submission
from utils.grade_sandbox import ROOT, no_sandbox

BOXES = ["--no-sandbox"] + ["--require-sandbox"] * (not no_sandbox())
LESSONS = [lesson.number for lesson in load_all()]


def write(folder: Path, **books: object) -> Path:
    """A folder with notebooks."""
    for name, book in books.items():
        make.write(folder / f"{name}.ipynb", book)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def graded(book: object, **settings: object) -> Result:
    """The result for one notebook."""
    one = Submission("ada", "ada.ipynb", data=json.dumps(book).encode("ascii"))
    return grade_one.grade_one(one, Settings(sandbox=not no_sandbox(), **settings))


@pytest.mark.parametrize("number", LESSONS)
def test_right_answers_of_every_lesson_get_full_marks(number):
    result = graded(make.submission(make.answers(number), number=number))
    assert (result.status, result.total, result.detail) == ("ok", result.max, "")
    assert result.lesson == number and sum(result.points.values()) == result.total


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_as_handed_out_is_not_attempted_and_no_error(number):
    result = graded(make.blank(number))
    assert (result.status, result.total) == ("ok", 0)
    assert result.detail == "; ".join(f"{id}: not attempted" for id in result.points)


@pytest.mark.parametrize("sandbox", BOXES)
def test_a_class_with_and_without_a_sandbox(tmp_path, capsys, sandbox):
    wrong = make.submission(make.answers() | make.WRONG, "import os\nprint(os.getcwd())")
    write(tmp_path / "in", ada=make.submission(make.answers()), ben=wrong)
    out = tmp_path / "grades.csv"
    arguments = [str(tmp_path / "in"), "--out", str(out), "--jobs", "2", sandbox]
    assert grade.main(arguments) == 0
    said = capsys.readouterr().err
    assert ("WARNING: no sandbox: it was switched off." in said) == (sandbox == "--no-sandbox")
    got = [(row["name"], row["status"], row["total"], row["sandbox"]) for row in rows(out)]
    used = "none" if sandbox == "--no-sandbox" else "bubblewrap"
    assert got == [("ada", "ok", "11", used), ("ben", "ok", "2", used)]


def test_the_same_input_gives_the_same_bytes(tmp_path):
    write(tmp_path / "in", ada=make.submission(make.answers()), bad=[1])
    write(tmp_path / "in", raises=make.submission(make.answers(), "raise ValueError(object())"))
    outs = [tmp_path / name / "grades.csv" for name in ("one", "two")]
    for out, jobs in zip(outs, "12", strict=True):
        arguments = [str(tmp_path / "in"), "--out", str(out), "--no-seconds", "--jobs", jobs]
        assert grade.main(arguments) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert "object at ..." in outs[0].read_text("utf-8")


def test_resume_after_ctrl_c_grades_nothing_twice(tmp_path, monkeypatch, capsys):
    names = ("ada", "ben", "cleo")
    write(tmp_path / "in", **dict.fromkeys(names, make.blank("00")))
    out = tmp_path / "grades.csv"
    arguments = [str(tmp_path / "in"), "--out", str(out), "--jobs", "1"]
    counted = []
    real = Pool.grade

    def interrupted(self: Pool, submission: Submission) -> Result:
        counted.append(submission.name)
        if len(counted) == 2:
            until = time.monotonic() + 60
            while "ada" not in (tmp_path / "grades.csv.journal").read_text("utf-8"):
                assert time.monotonic() < until
            raise KeyboardInterrupt
        return real(self, submission)

    monkeypatch.setattr(Pool, "grade", interrupted)
    assert grade.main(arguments) == grade.STOPPED
    assert "--resume goes on from here" in capsys.readouterr().err
    assert [row["name"] for row in rows(out)] == ["ada"]
    first = counted.copy()
    assert grade.main([*arguments, "--resume"]) == 0
    assert [row["name"] for row in rows(out)] == list(names)
    assert (
        counted[len(first) :] == ["ben", "cleo"] and "1 of 3 are graded" in capsys.readouterr().err
    )
    before = out.read_bytes()
    assert grade.main([*arguments, "--resume"]) == 0
    assert out.read_bytes() == before and len(counted) == len(first) + 2


def test_a_worker_that_is_lost_is_replaced_once(tmp_path, monkeypatch):
    lost = iter([b"", b'{"odd": 1}', json.dumps(vars(Result("ada", "a", "ok"))).encode()])
    monkeypatch.setattr(Pool, "work", lambda self, submission: next(lost))
    with Pool(Settings(), 1, tmp_path) as pool:
        first = pool.grade(Submission("ada", "a"))
        second = pool.grade(Submission("ada", "a")) if first.status == "grader error" else first
    assert (first.status, first.detail) == ("grader error", "the worker was lost (KeyError)")
    assert second.status == "ok"


def test_a_worker_without_end_is_ended():
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE)
    with worker, pytest.raises(subprocess.TimeoutExpired):
        grade_pool.line_of(worker, 0.5)


def left_cgroups(processes: list[psutil.Process]) -> list[Path]:
    """The cgroups that some processes, ended by now, have made."""
    return [p for one in processes for p in TOP.glob(f"**/{name_for(one.pid, '*')}")]


def gone(path: Path) -> bool:
    """True when a path vanishes within some seconds."""
    until = time.monotonic() + 10
    while path.exists() and time.monotonic() < until:
        time.sleep(0.1)
    return not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT] if sys.platform != "win32" else [])
def test_when_the_grader_is_ended_its_workers_end_too(tmp_path, how):
    write(tmp_path / "in", ada=make.submission(make.answers(), "while True: pass"))
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "utils.grade", str(tmp_path / "in"), "--out"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "g.csv")],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until = time.monotonic() + 60
    below: list[psutil.Process] = []
    while len(below) < 2 and time.monotonic() < until:
        time.sleep(0.1)
        below = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, how)
    status = process.wait(60)
    _, alive = psutil.wait_procs(below, timeout=30)
    assert len(below) >= 2 and alive == []
    assert [path for path in left_cgroups(below) if not gone(path)] == []
    if how == signal.SIGINT:
        assert status == grade.STOPPED and rows(tmp_path / "g.csv") == []
        assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere is neither a folder nor a zip; give one of the two"),
        ([".", "--lesson", "99"], "there is no lesson 99; there are: 00, 01"),
        ([".", "--hidden", "nowhere.toml"], "nowhere.toml"),
        (["empty"], "empty holds no submission"),
    ],
)
def test_bad_input_gets_a_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert grade.main([*arguments, "--out", "out/grades.csv"]) == 2
    assert sentence in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [["--jobs", "-1"], ["--timeout", "0"], ["--memory", "3"]])
def test_bad_options_are_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        grade.parse(["x", "--out", "y", *wrong])
    assert "must be above 0" in capsys.readouterr().err


def test_a_sandbox_can_be_required(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grade, "no_sandbox", lambda: "there is none here")
    write(tmp_path / "in", ada=make.blank("00"))
    arguments = [str(tmp_path / "in"), "--out", str(tmp_path / "g.csv"), "--require-sandbox"]
    assert grade.main(arguments) == 2
    assert capsys.readouterr().err == "There is no sandbox: there is none here.\n"


def test_where_the_sandbox_fails_nothing_is_run_without_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    one = Submission("ada", "ada.ipynb", data=json.dumps(make.blank("00")).encode("ascii"))
    result = grade_one.grade_one(one, Settings(sandbox=True))
    assert (result.status, result.total, result.sandbox) == ("grader error", 0, "bubblewrap")


def test_a_lesson_gets_the_time_that_its_exercises_need():
    lessons = {lesson.number: lesson.exercises for lesson in load_all()}
    longest = max(exercise.seconds for exercise in lessons["06"])
    assert time_for(lessons["00"]) == grade_one.BASE
    assert time_for(lessons["06"]) == grade_one.BASE + 2 * (longest - grade_one.USUAL)
    assert time_for_cell(120, lessons["00"]) == 30 and time_for_cell(900, lessons["06"]) == longest
