"""The folder for nbgrader, and one lesson taken all the way through nbgrader itself.

The lesson is the one that needs no language model; its embedder is kept away as well, so that the
cells between the exercises fail at once and only what is graded is run. nbgrader is installed
beside the course's packages on the first run, in build/nbgrader-venv.
"""

from __future__ import annotations

import copy
import csv
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest

from tools import build, nbgrader, nbgrader_venv
from tools.lesson import LessonError
from utils.exercise_data import load_all

ROOT = build.ROOT
NAME = "04_find_the_passage"
LESSON = next(lesson for lesson in load_all() if lesson.number == "04")
POINTS = {exercise.id: exercise.points for exercise in LESSON.exercises}
SOLUTIONS = json.loads((ROOT / build.SOLUTIONS).read_text("utf-8"))
ANSWERS = tomllib.loads((ROOT / "tests" / "exercises" / "04.toml").read_text("utf-8"))
FAULTY = {id: ANSWERS[id]["wrong"][0] for id in ("4.2", "4.4", "4.7")}
NOISY = "import sys\nprint('noise', file=sys.stderr)\n"
ALL = """
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config
api = NbGraderAPI(config=Config({"CourseDirectory": {"root": "."}}))
for name in sorted(api.get_source_assignments()):
    print(name, api.generate_assignment(name)["success"])
"""


@pytest.fixture(scope="module", name="python")
def make_python() -> Path:
    """The Python of an environment with nbgrader."""
    try:
        return nbgrader_venv.make_venv(nbgrader.VENV, ROOT)
    except nbgrader_venv.VenvError as error:
        pytest.skip(f"nbgrader cannot be installed here: {error}")


def run(folder: Path, python: Path, *command: str) -> str:
    """Run a program of that Python's folder; nbgrader looks for others of its own on PATH."""
    (folder / "no-embedder").mkdir(exist_ok=True)
    env = os.environ | {
        "PATH": os.pathsep.join((str(python.parent), os.environ.get("PATH", ""))),
        "PYTHONPATH": str(ROOT),
        "FORM_AND_FACTS_EMBEDDER": str(folder / "no-embedder"),
    }
    program = str(nbgrader_venv.script(python.parent.parent, command[0]))
    call = [program, *command[1:]]
    ended = subprocess.run(call, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def answered(book: dict, answers: dict[str, str]) -> dict:
    """A copy of a notebook with these answers in the cells of the exercises."""
    book = copy.deepcopy(book)
    for cell in book["cells"]:
        cell["source"] = answers.get(cell["metadata"].get("exercise"), cell["source"])
    return book


def without_ids(book: dict) -> dict:
    """A notebook whose cells lost their ids, as some front ends leave it."""
    for i, cell in enumerate(book["cells"]):
        cell["id"] = f"other-{i}"
    return book


@pytest.fixture(scope="module", name="course")
def make_course(python, tmp_path_factory) -> Path:
    """A course folder in which four people have handed in and everything has been graded."""
    folder = tmp_path_factory.mktemp("course")
    assert nbgrader.main(["04", "--out", str(folder)]) == 0
    run(folder, python, "nbgrader", "generate_assignment", NAME)
    released = json.loads((folder / "release" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    own = json.loads((ROOT / "notebooks" / f"{NAME}.ipynb").read_text("utf-8"))
    wrong = SOLUTIONS | {id: answer["code"] for id, answer in FAULTY.items()}
    handed_in = {
        "right": answered(released, SOLUTIONS),
        "wrong": answered(released, wrong),
        "untouched": released,
        "own-copy": without_ids(answered(own, SOLUTIONS | {"4.1": NOISY + SOLUTIONS["4.1"]})),
    }
    for person, book in handed_in.items():
        path = folder / "submitted" / person / NAME / f"{NAME}.ipynb"
        build.write(path, build.text(book))
    for command in (["autograde", NAME], ["generate_feedback", NAME], ["export"]):
        run(folder, python, "nbgrader", *command)
    return folder


def cells_of(path: Path) -> list:
    """The cells of a notebook, which must be a valid one."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book.cells


def test_the_export_has_the_expected_points(course):
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    most = sum(POINTS.values())
    want = {"right": most, "own-copy": most, "untouched": 0}
    want["wrong"] = most - sum(POINTS[id] for id in FAULTY)
    assert {name: float(row["score"]) for name, row in rows.items()} == want
    assert {float(row["max_score"]) for row in rows.values()} == {most}


def test_the_feedback_says_what_is_wrong(course):
    page = (course / "feedback" / "wrong" / NAME / f"{NAME}.html").read_text("utf-8")
    text = re.sub(r"<[^>]+>", "", page)  # the colours of the traceback
    assert text.count("AssertionError: Exercise") == len(FAULTY)
    for cell in cells_of(course / "autograded" / "wrong" / NAME / f"{NAME}.ipynb"):
        id = next(
            (id for id in FAULTY if f'"{id}"' in cell.source and "graded." in cell.source), ""
        )
        if id:
            said = cell.outputs[-1]["evalue"]
            assert said.startswith(f"Exercise {id}, ") and FAULTY[id]["says"] in said


def test_the_teachers_own_progress_stays_alone(course):
    assert (course / "autograded" / "right" / NAME / "progress.json").is_file()
    assert not list((course / "feedback").rglob("progress.json"))


def test_the_release_is_the_courses_notebook_with_test_cells(course):
    released = cells_of(course / "release" / NAME / f"{NAME}.ipynb")
    ours = cells_of(ROOT / "notebooks" / f"{NAME}.ipynb")
    checks = [cell for cell in released if cell.metadata.get("nbgrader", {}).get("grade")]
    assert [cell.metadata.nbgrader.points for cell in checks] == list(POINTS.values())
    assert all(not cell.metadata.editable for cell in checks)
    assert all(nbgrader.ON_ERROR in cell.metadata.tags for cell in checks)
    # nbgrader leaves its `...` for every solution, also below a prediction that is open already
    doubled = re.compile(r"( = \.\.\.)\n\.\.\.\Z")
    kept = [doubled.sub(r"\1", cell.source) for cell in released if cell not in checks]
    comment = ours[0].source.partition("\n\n")
    assert kept == [comment[2], *(c.source for c in ours[1:] if not c.source.startswith("check("))]


def test_nbgrader_takes_every_lesson(python, tmp_path):
    nbgrader.make(tmp_path, [])
    told = run(tmp_path, python, "python", "-c", ALL).split("\n")
    names = [path.stem for path in build.sources(ROOT)]
    assert [line for line in told if line] == [f"{name} True" for name in names]


@pytest.mark.parametrize("path", build.sources(ROOT), ids=lambda path: path.stem)
def test_the_points_of_a_source_are_those_of_its_exercises(path):
    cells = nbgrader.assignment(path, ROOT)["cells"]
    marks = [cell["metadata"].get("nbgrader", {}) for cell in cells]
    lesson = next(lesson for lesson in load_all() if lesson.number == path.name[:2])
    assert sum(mark.get("points", 0) for mark in marks) == sum(e.points for e in lesson.exercises)
    assert sum(mark.get("solution", False) for mark in marks) == len(lesson.exercises)


def test_an_unknown_lesson_is_named(tmp_path, capsys):
    assert nbgrader.main(["99", "--out", str(tmp_path)]) == 1
    assert "there is no lesson '99'; there are: 00_start_here" in capsys.readouterr().err
    with pytest.raises(LessonError):
        nbgrader.make(tmp_path, ["04", "x"])
    assert list(tmp_path.iterdir()) == []


def test_what_nbgrader_has_put_there_stays(tmp_path):
    (tmp_path / "submitted").mkdir()
    (tmp_path / "gradebook.db").write_bytes(b"grades")
    assert nbgrader.make(tmp_path, ["00", "01"]) == ["00_start_here", "01_measure_first"]
    nbgrader.make(tmp_path, ["00"])
    assert (tmp_path / "gradebook.db").read_bytes() == b"grades"
    assert len(list((tmp_path / "source").iterdir())) == 2


def test_an_environment_that_cannot_be_made_says_why(tmp_path):
    with pytest.raises(nbgrader_venv.VenvError, match="no group nbgrader"):
        (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
        nbgrader_venv.make_venv(tmp_path / "venv", tmp_path)
    absent = '[project]\nname = "x"\n[project.optional-dependencies]\nnbgrader = ["./absent.whl"]\n'
    (tmp_path / "pyproject.toml").write_text(absent)
    with pytest.raises(nbgrader_venv.VenvError, match=r"venv could not be made: .*absent\.whl"):
        nbgrader_venv.make_venv(tmp_path / "venv", tmp_path)
