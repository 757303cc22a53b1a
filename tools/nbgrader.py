"""Make a course folder for nbgrader from the sources of the lessons; `make nbgrader` calls it.

`python tools/nbgrader.py [NAMES]` writes build/nbgrader: nbgrader_config.py, and source/ with one
assignment a lesson. `--out FOLDER` names another folder. `--install` also makes an environment
in build/nbgrader-venv that holds nbgrader and sees all that is installed here.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path = [str(ROOT), *(p for p in sys.path if Path(p or ".").resolve() != ROOT / "tools")]

from tools import build  # noqa: E402
from tools.lesson import Cell, LessonError, headed  # noqa: E402
from tools.nbgrader_venv import VenvError, make_venv, script  # noqa: E402
from utils.exercise_data import ExerciseError  # noqa: E402

OUT = ROOT / "build" / "nbgrader"
VENV = ROOT / "build" / "nbgrader-venv"
TEST = 'from utils import graded\n\nassert graded.passes("{0}"), graded.feedback("{0}")'
ON_ERROR = "raises-exception"  # with this tag JupyterLab runs on after a test that fails
SECONDS = 900  # a cell may take
CONFIG = f"""\
# Made by `make nbgrader`; nbgrader reads it in this folder.
import os

# Trainings are left out while grading, and each submission gets a progress file of its own,
# beside its notebook, instead of the teacher's.
os.environ["FORM_AND_FACTS_TRAIN"] = "0"
os.environ["FORM_AND_FACTS_PROGRESS"] = "progress.json"

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "form-and-facts"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "progress.json"]
c.ClearSolutions.code_stub = {{"python": "..."}}  # what the checks know as not attempted
c.Execute.skip_cells_with_tag = "slow"
c.Execute.timeout = {SECONDS}
"""


def assignment(path: Path, root: Path) -> dict[str, Any]:
    """One lesson as an nbgrader source notebook. Raises LessonError or ExerciseError.

    Solutions stand between their markers; each check cell is a test cell with the points.
    """
    cells, lesson = build.load_source(path, root)
    by_id = {exercise.id: exercise for exercise in lesson.exercises}
    made = []
    for i, cell in enumerate(cells):
        facts = build.metadata(cell, by_id)
        if cell.checks:
            facts = {**facts, "tags": [*facts.get("tags", []), ON_ERROR]}
        id = build.cell_id(cell, lesson.number, i)
        made.append(build.as_json(cell, source_of(cell, by_id), id, facts))
    value = {"cells": made, "metadata": build.KERNEL, "nbformat": 4, "nbformat_minor": 5}
    return build.with_first_cell(value, lesson.number, root)


def source_of(cell: Cell, exercises: dict) -> str:
    """The text of a cell as nbgrader is to have it."""
    if cell.checks:
        return TEST.format(cell.checks)
    return headed(cell.source, exercises) if cell.kind == "markdown" else cell.source


def chosen(names: list[str], root: Path) -> list[Path]:
    """The sources of the lessons named, by number or by name; all for none. LessonError."""
    found = [p for p in build.sources(root) if not names or {p.stem, p.name[:2]} & set(names)]
    known = {name for path in found for name in (path.stem, path.name[:2])}
    for name in names:
        if name not in known:
            listed = ", ".join(path.stem for path in build.sources(root))
            raise LessonError(f"there is no lesson {name!r}; there are: {listed}")
    return found


def make(out: Path, names: list[str], root: Path = ROOT) -> list[str]:
    """Write the course folder and give the names of its assignments.

    What is in the folder already stays: nbgrader keeps its database and submissions there.
    Raises LessonError or ExerciseError.
    """
    made = {path.stem: build.text(assignment(path, root)) for path in chosen(names, root)}
    build.write(out / "nbgrader_config.py", CONFIG)
    for stem, value in made.items():
        build.write(out / "source" / stem / f"{stem}.ipynb", value)
    return list(made)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Make the folder, and say how to go on: 0, or 1 and the reason."""
    about = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python tools/nbgrader.py", description=about)
    parser.add_argument("names", nargs="*", metavar="NAME", help="lessons, as 04; none: all")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder; build/nbgrader")
    parser.add_argument("--install", action="store_true", help="make build/nbgrader-venv too")
    options = parser.parse_args(arguments)
    try:
        names = make(options.out, options.names, root)
        print(f"Assignments in {options.out}: {', '.join(names)}")
        if options.install:
            make_venv(VENV, root)
            print(f"nbgrader is in {VENV}; activate it: {script(VENV, 'activate')}")
    except (LessonError, ExerciseError, VenvError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Next, in that folder: nbgrader generate_assignment {names[0]}")
    print("docs/teaching/grading.md tells the rest of the way.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
