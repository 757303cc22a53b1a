"""Grading over Ray, here on this machine: the same table, a lost worker, and bad clusters."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from submissions import make
from utils import grade, grade_ray
from utils.cluster import ClusterError, connected
from utils.grade_notebook import LARGEST
from utils.grade_pool import lost
from utils.grade_ray import Cluster, check_machines, with_bytes
from utils.grade_records import (
    Result,
    Settings,
    Submission,
    as_json,
    settings_from,
    submission_from,
)
from utils.grade_sandbox import no_sandbox

HAS_RAY = importlib.util.find_spec("ray") is not None  # CI has it, a learner need not
BOX = "--no-sandbox" if no_sandbox() else "--require-sandbox"
with_ray = pytest.mark.skipif(not (HAS_RAY or os.environ.get("CI")), reason="Ray is not installed")
LEAVES = "import os\nos._exit(7)"


@pytest.fixture(autouse=True)
def processes_of_ray_find_this_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def flaky(submission: Submission, settings: Settings) -> Result:
    """Ada's first worker is lost, each of Ben's; the others give a row. Attempts are counted."""
    attempts = Path(os.environ["FORM_AND_FACTS_ATTEMPTS"]) / submission.name
    with attempts.open("a") as file:
        file.write("x")
    if submission.name == "ben" or (submission.name == "ada" and attempts.read_text() == "x"):
        os._exit(9)
    return Result(submission.name, submission.file, "ok", detail=submission.data.decode())


@with_ray
def test_a_cluster_gives_the_same_table_as_this_machine(tmp_path, capsys):
    found = tmp_path / "in"
    books = {"ada": make.submission(make.answers()), "cleo": [1], "dan": make.blank("00")}
    books["ben"] = make.submission(make.answers() | make.WRONG, LEAVES)
    for name, book in books.items():
        make.write(found / f"{name}.ipynb", book)
    line = [str(found), "--hidden", str(make.HIDDEN), "--no-seconds", BOX, "--out"]
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    assert grade.main([*line, str(here)]) == 0
    assert grade.main([*line, str(there), "--ray", "local"]) == 0
    assert here.read_bytes() == there.read_bytes()
    assert "ada,ada.ipynb,ok," in there.read_text("utf-8")
    assert "4 of 4 graded" in capsys.readouterr().err
    assert grade.main([*line, str(there), "--ray", "local", "--resume"]) == 0
    assert "4 of 4 are graded already." in capsys.readouterr().err


@with_ray
def test_a_lost_worker_costs_one_retry_and_no_submission(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grade_ray, "grade_there", flaky)
    monkeypatch.setenv("FORM_AND_FACTS_ATTEMPTS", str(tmp_path))
    submissions = []
    for name in ("ada", "ben", "cleo"):
        path = tmp_path / f"{name}.ipynb"
        path.write_text(f"of {name}")
        submissions.append(Submission(name, path.name, str(path)))
    with Cluster(Settings(sandbox=False), "local", 2) as cluster:
        rows = {one.name: result for one, result in cluster.results(submissions)}
    assert {name: row.status for name, row in rows.items()} == {
        "ada": "ok",
        "ben": "grader error",
        "cleo": "ok",
    }
    assert [len((tmp_path / name).read_text()) for name in rows] == [
        {"ada": 2, "ben": 2, "cleo": 1}[name] for name in rows
    ]
    assert rows["ada"].detail == "of ada" and "the worker was lost (" in rows["ben"].detail
    said = capsys.readouterr().err
    assert said.count("it is tried again.") == 2 and "'ada': the worker was lost (" in said


@with_ray
def test_machines_that_cannot_grade_are_named(monkeypatch):
    ray = connected(None, "")
    try:
        check_machines(ray, False, {})
        monkeypatch.setattr(grade_ray, "machine", no_box)
        check_machines(ray, False, {})
        with pytest.raises(ClusterError, match=r"has no sandbox \(it was sold\), and without one"):
            check_machines(ray, True, {})
        monkeypatch.setattr(grade_ray, "machine", no_course)
        with pytest.raises(ClusterError, match=r"cannot grade \(.*No module named 'utils'"):
            check_machines(ray, False, {})
        monkeypatch.setattr(grade_ray, "machine", another)
        with pytest.raises(ClusterError, match="holds another state of the course; copy this"):
            check_machines(ray, False, {})
    finally:
        ray.shutdown()


def no_box() -> tuple[str, str]:
    return "it was sold", grade_ray.fingerprint(Settings()).hex()


def no_course() -> tuple[str, str]:
    raise ModuleNotFoundError("No module named 'utils'")


def another() -> tuple[str, str]:
    return "", "00"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("127.0.0.1:1", "No Ray cluster answers at 127.0.0.1:1 ("),
        ("somewhere", "No Ray cluster answers at somewhere (an address is HOST:PORT); "),
    ],
)
@with_ray
def test_a_cluster_that_does_not_answer_is_one_sentence(tmp_path, capsys, address, sentence):
    make.write(tmp_path / "in" / "ada.ipynb", make.blank("00"))
    line = [str(tmp_path / "in"), "--out", str(tmp_path / "g.csv"), "--no-sandbox"]
    assert grade.main([*line, "--ray", address]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(sentence) and said.endswith(grade_ray.WITHOUT)
    assert not (tmp_path / "g.csv").exists()


def test_without_ray_installed_the_mend_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    make.write(tmp_path / "in" / "ada.ipynb", make.blank("00"))
    line = [str(tmp_path / "in"), "--out", str(tmp_path / "g.csv"), "--no-sandbox"]
    assert grade.main([*line, "--ray", "local"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith('Ray is not installed; run: python -m pip install ".[scale]", or ')


def test_what_travels_has_its_bytes_or_its_reason(tmp_path):
    path = tmp_path / "ada.ipynb"
    path.write_bytes(b"\x00\xff")
    one = with_bytes(Submission("ada", "ada.ipynb", str(path)))
    assert (one.path, one.data, one.problem) == ("", b"\x00\xff", None)
    assert submission_from(as_json(one)) == one
    assert settings_from(as_json(Settings("01"))) == Settings("01")
    gone = with_bytes(Submission("ben", "ben.ipynb", str(tmp_path / "ben.ipynb")))
    assert gone.problem[0] == "grader error" and "cannot be read" in gone.problem[1]
    bad = Submission("cleo", "c", problem=("invalid notebook", "it is no notebook"))
    assert with_bytes(bad) is bad
    with path.open("ab") as file:
        file.truncate(LARGEST + 1)
    large = with_bytes(Submission("ada", "ada.ipynb", str(path)))
    assert large.problem[0] == "invalid notebook" and large.data is None


def test_a_lost_submission_still_has_a_row():
    row = lost(Submission("ada", "a.ipynb"), Settings("01", sandbox=False), "the worker was lost")
    assert (row.name, row.status, row.lesson, row.sandbox) == ("ada", "grader error", "01", "none")
    assert row.feedback == ("the worker was lost",)
