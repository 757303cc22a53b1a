"""Every exercise of the course against wrong and right answers from tests/exercises/NN.toml.

    [["1.2".wrong]]          # at least three a function or choice, one a prediction
    code = "def share(flags): return sum(flags)"
    says = "that is a count"     # a part of what the check prints
    [["1.2".right]]          # at least two, differently written
    code = "share = lambda flags: sum(flags) / len(flags)"

`before` at the top of the file, or in an entry, is code that runs first, as the cells above do.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

import pytest

from sample_lesson import make_notebook, run_cell  # noqa: F401
from tools import build
from tools.lesson import stripped
from utils import check as course
from utils.exercise_data import Exercise, load_all

ANSWERS = Path(__file__).resolve().parent / "exercises"
EXERCISES = [exercise for lesson in load_all() for exercise in lesson.exercises]


def answers(exercise: Exercise, folder: Path = ANSWERS) -> dict:
    """The entry of an exercise, {} where there is none; "before" holds what runs first."""
    path = folder / f"{int(exercise.id.split('.')[0]):02d}.toml"
    table = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    entry = table.get(exercise.id, {})
    return {"before": table.get("before", ""), **entry} if entry else {}


def lacks(exercise: Exercise, entry: dict) -> list[str]:
    """What an exercise's entry is short of, as sentences."""
    file = f"tests/exercises/{int(exercise.id.split('.')[0]):02d}.toml"
    found = []
    for kind, least in (("wrong", 1 if exercise.kind == "predict" else 3), ("right", 2)):
        rows = entry.get(kind, [])
        if len({row.get("code") for row in rows}) < least:
            found.append(f"{file}: exercise {exercise.id} needs {least} different `{kind}` answers")
        for row in rows:
            says = row.get("says") if kind == "wrong" else "-"
            if not (row.get("code") and says):
                found.append(
                    f"{file}: a {kind} answer of exercise {exercise.id} lacks code or says"
                )
    return found


def said(exercise: Exercise, code: str, folder: Path, capsys) -> tuple[str, str]:
    """The outcome of a check after the code has run in a fresh namespace, and what it printed."""
    course._last.clear()
    capsys.readouterr()
    run_cell(folder, f'{code}\n\ncheck("{exercise.id}")\n')
    return course._last.get(exercise.id, "none"), capsys.readouterr().out


@functools.cache
def cells() -> dict[str, str]:
    """What the learner finds in the cell of each exercise."""
    found = [
        cell
        for path in build.sources(build.ROOT)
        for cell in build.load_source(path, build.ROOT)[0]
    ]
    return {cell.exercise: stripped(cell.source) for cell in found if cell.exercise}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for cells, and a progress file apart from the reader's own."""
    monkeypatch.setenv("FORM_AND_FACTS_PROGRESS", str(tmp_path / "progress.json"))
    (tmp_path / "cells").mkdir(exist_ok=True)
    return tmp_path / "cells"


def test_every_exercise_has_its_answers():
    assert [lack for e in EXERCISES for lack in lacks(e, answers(e))] == []


def test_no_answers_stand_for_an_exercise_that_is_gone():
    known = {exercise.id for exercise in EXERCISES} | {"before"}
    for path in sorted(ANSWERS.glob("*.toml")):
        assert set(tomllib.loads(path.read_text("utf-8"))) <= known, path.name


def test_every_exercise_is_judged_as_its_answers_say(folder, capsys):
    faults = [fault for e in EXERCISES for fault in judged(e, answers(e), folder, capsys)]
    assert faults == []


def judged(exercise: Exercise, entry: dict, folder: Path, capsys) -> list[str]:
    """A sentence for each answer that is not judged as it should be, the empty cell among them."""
    found = []
    before = entry.get("before", "")
    for what, code in (("an empty cell", ""), ("the cell as handed out", cells()[exercise.id])):
        outcome, text = said(exercise, f"{before}\n{code}", folder, capsys)
        if outcome != "not attempted":
            found.append(f"{exercise.id}: {what} is {outcome}:\n{text}")
    for kind in ("wrong", "right"):
        for i, row in enumerate(entry.get(kind, []), 1):
            code = f"{before}\n{row.get('before', '')}\n{row['code']}"
            outcome, text = said(exercise, code, folder, capsys)
            if (outcome == "right") != (kind == "right") or row.get("says", "") not in text:
                found.append(f"{exercise.id}, {kind} answer {i} is {outcome}:\n{text}")
    return found


ENTRY = {
    "before": "import math",
    "wrong": [
        {"code": "def share(f): return 0.75", "says": "fraction of invalid"},
        {"code": "def share(f): return sum(f)", "says": "that is a count"},
        {"code": "def share(f): return 1 / 0", "says": "ZeroDivisionError"},
    ],
    "right": [
        {"code": "def share(f):\n    assert f or fail()\n    return sum(f) / len(f)", "before": ""},
        {"code": "def share(f):\n    if f: return math.fsum(f) / len(f)\n    raise ValueError"},
    ],
}
ENTRY["right"][0]["before"] = "def fail(): raise ValueError('none')"


def test_the_rule_itself(notebook, folder, capsys):
    exercise = course.load_exercise("1.1", course.FOLDER)
    assert lacks(exercise, ENTRY) == [] and judged(exercise, ENTRY, folder, capsys) == []
    assert lacks(exercise, {}) == [
        "tests/exercises/01.toml: exercise 1.1 needs 3 different `wrong` answers",
        "tests/exercises/01.toml: exercise 1.1 needs 2 different `right` answers",
    ]
    twice = {**ENTRY, "right": ENTRY["right"][:1] * 2, "wrong": [{"code": "x"}] * 3}
    assert len(lacks(exercise, twice)) == 5
    swapped = {"wrong": [{**ENTRY["right"][1], "says": "x", "before": "import math"}]}
    assert "1.1, wrong answer 1 is right" in judged(exercise, swapped, folder, capsys)[0]
    mute = {"wrong": [{"code": "def share(f): return 3", "says": "no such words"}]}
    assert "1.1, wrong answer 1 is wrong:\nExercise" in judged(exercise, mute, folder, capsys)[0]


def test_answers_are_read_from_the_file_of_the_lesson(tmp_path, notebook):
    exercise = course.load_exercise("1.1", course.FOLDER)
    assert answers(exercise, tmp_path) == {}
    text = 'before = "import math"\n[["1.1".wrong]]\ncode = "x"\nsays = "y"\n'
    (tmp_path / "01.toml").write_text(text)
    wanted = {"before": "import math", "wrong": [{"code": "x", "says": "y"}]}
    assert answers(exercise, tmp_path) == wanted
