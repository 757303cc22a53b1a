"""Make the notebooks of all lessons from solutions/NN_name.py; `make build` calls it.

`python tools/build.py` writes notebooks/NN_name.ipynb, with the solutions taken out, and
utils/exercises/solutions.json. `--execute [NAMES]` runs the lessons named, or all, into
solutions/NN_name.ipynb, outputs kept. `--check` writes nothing and names what differs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import published  # noqa: E402
from tools.execute import KERNEL, NOTE, executed  # noqa: E402
from tools.lesson import Cell, LessonError, full, headed, read_lesson, stripped  # noqa: E402
from utils.exercise_data import ExerciseError, Lesson, load_lesson  # noqa: E402

EXERCISES = Path("utils") / "exercises"
SOLUTIONS = EXERCISES / "solutions.json"
SETUP = "-setup"  # how the id of the first cell ends
HIDDEN = {"tags": ["setup"], "jupyter": {"source_hidden": True}}  # folded away in JupyterLab
TIME = "{computing time}"  # in the first cell of a source: from the last cell of the executed one
MEASURED = re.compile(r"Executed on ([\d-]+), on (.+ cores), .* in (\d+) seconds")
Notebook = dict[str, Any]


def sources(root: Path) -> list[Path]:
    """The sources of the lessons, in order."""
    return sorted((root / "solutions").glob("[0-9][0-9]_*.py"))


def load_source(path: Path, root: Path) -> tuple[list[Cell], Lesson]:
    """Cells and exercises of one lesson. Raises LessonError or ExerciseError."""
    toml = root / EXERCISES / f"{path.name[:2]}.toml"
    lesson = load_lesson(toml) if toml.exists() else Lesson(path.name[:2], path.stem, ())
    name = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    text = text.replace(TIME, computing_time(path)) if TIME in text else text
    return read_lesson(text, name, lesson), lesson


def notebook(path: Path, root: Path, student: bool) -> Notebook:
    """One lesson as a notebook without outputs: as the learner gets it, or with solutions."""
    cells, lesson = load_source(path, root)
    by_id = {exercise.id: exercise for exercise in lesson.exercises}
    made = []
    for i, cell in enumerate(cells):
        source = headed(cell.source, by_id) if cell.kind == "markdown" else cell.source
        if cell.kind == "code":
            source = stripped(source) if student else full(source)
        if i == 0:
            name = path.relative_to(root).as_posix()
            source = f"<!-- made from {name} by make build; edit that -->\n\n{source}"
        made.append(as_json(cell, source, cell_id(cell, lesson.number, i), metadata(cell, by_id)))
    value = {"cells": made, "metadata": KERNEL, "nbformat": 4, "nbformat_minor": 5}
    return with_first_cell(value, path.name[:2], root)


def computing_time(path: Path) -> str:
    """How long the lesson computed when it was executed last, and where, from its last cell."""
    cells = loaded(path.with_suffix(".ipynb")).get("cells", [])
    told = MEASURED.search("".join(cells[-1]["source"])) if cells else None
    if told is None:
        return "not measured yet"
    day, machine, seconds = told.groups()
    return f"{seconds} seconds on {machine} without a GPU, measured on {day}"


def with_first_cell(value: Notebook, number: str, root: Path) -> Notebook:
    """A notebook, executed or not, whose first code cell is the one that serves Colab.

    A cell that is there already and says the same is kept, with its count.
    """
    source = published.first_cell(published.address(root))
    new = as_json(Cell("code", source, 0, {}), source, number + SETUP, dict(HIDDEN))
    old = [cell for cell in value["cells"] if cell["id"] == new["id"]]
    cells = [cell for cell in value["cells"] if cell["id"] != new["id"]]
    if old and parts([old[0]]) == parts([new]):
        new = old[0]
    place = next((i for i, c in enumerate(cells) if c["cell_type"] == "code"), len(cells))
    return value | {"cells": [*cells[:place], new, *cells[place:]]}


def as_json(cell: Cell, source: str, id: str, facts: dict) -> dict:
    """One cell in the form of a notebook file."""
    made = {"cell_type": cell.kind, "id": id, "metadata": facts}
    made["source"] = source.splitlines(keepends=True)
    return made | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {})


def cell_id(cell: Cell, number: str, position: int) -> str:
    """A cell's id: from its exercise, else from its position."""
    for kind, id in (("exercise", cell.exercise), ("check", cell.checks)):
        if id:
            return f"{number}-{kind}-{id.replace('.', '-')}"
    return f"{number}-{position:03d}"


def metadata(cell: Cell, exercises: dict) -> dict:
    """A cell's own metadata, and nbgrader's for an exercise and for its check."""
    exercise = exercises.get(cell.exercise or cell.checks)
    if exercise is None:
        return cell.metadata
    solved = cell.exercise is not None
    name = exercise.name if solved else f"{exercise.name}_check"
    grading = {"grade_id": name, "schema_version": 3, "task": False, "locked": not solved}
    grading |= {"solution": True, "grade": False} if solved else {"solution": False, "grade": True}
    grading |= {} if solved else {"points": exercise.points}
    return {**cell.metadata, "nbgrader": grading}


def solutions(root: Path) -> dict[str, str]:
    """The source of each exercise's cell, by the exercise's id."""
    cells = [cell for path in sources(root) for cell in load_source(path, root)[0]]
    return {cell.exercise: full(cell.source) for cell in cells if cell.exercise}


def text(value: Any) -> str:
    """The bytes of a JSON file, the same each time."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def made(root: Path) -> dict[Path, str]:
    """All that is made without running a lesson: path below root -> text. LessonError."""
    paths = {path: Path("notebooks") / f"{path.stem}.ipynb" for path in sources(root)}
    faults = []
    for path in paths:
        try:
            load_source(path, root)
        except (LessonError, ExerciseError) as error:
            faults.append(str(error))
    if faults:
        raise LessonError("\n".join(faults))
    found = {target: text(notebook(path, root, True)) for path, target in paths.items()}
    for path in paths:
        ran = path.with_suffix(".ipynb")
        if cells := loaded(ran):
            value = with_first_cell(cells, path.name[:2], root)
            value["cells"][0]["source"] = notebook(path, root, False)["cells"][0]["source"]
            found[ran.relative_to(root)] = text(value)
    return {**found, SOLUTIONS: text(solutions(root))}


def stale(root: Path) -> list[str]:
    """A sentence for each committed file that is not what the sources give."""
    wanted = made(root)
    differ = [path for path, value in wanted.items() if read(root / path) != value]
    names = [f"{path.as_posix()} differs from its source; run: make build" for path in differ]
    stems = {path.stem for path in sources(root)}
    for path in sources(root):
        if lesson_parts(loaded(path.with_suffix(".ipynb"))) != lesson_parts(
            notebook(path, root, False)
        ):
            name = path.with_suffix(".ipynb").relative_to(root).as_posix()
            command = f"python tools/build.py --execute {path.stem}"
            names.append(f"{name} differs from its source; run: {command}")
    for folder in ("notebooks", "solutions"):
        for path in sorted((root / folder).glob("[0-9][0-9]_*.ipynb")):
            if path.stem not in stems:
                names.append(f"{folder}/{path.name} has no source; remove it")
    return names


def read(path: Path) -> str:
    """The text of a file, "" for one that is missing."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def loaded(path: Path) -> Notebook:
    """A notebook that is there and whole, {} for any other."""
    try:
        value = json.loads(read(path))
        parts(value["cells"])
        return value
    except (ValueError, KeyError, TypeError):
        return {}


def parts(cells: list[dict]) -> list[tuple]:
    """Kind, id, metadata and text of each cell."""
    return [(c["cell_type"], c["id"], c["metadata"], "".join(c["source"])) for c in cells]


def lesson_parts(value: Notebook) -> list[tuple]:
    """What of a notebook comes from its source: not the first cell, nor the note at the end."""
    made = [c for c in value.get("cells", []) if c["id"] != NOTE and not c["id"].endswith(SETUP)]
    return parts(made)


def write(path: Path, value: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".tmp")
    part.write_text(value, encoding="utf-8", newline="\n")
    part.replace(path)


def build(root: Path, names: list[str] | None) -> None:
    """Write what is made; then run the lessons named, all for an empty list, none for None."""
    chosen = [p for p in sources(root) if names == [] or {p.stem, p.name[:2]} & set(names or [])]
    unknown = [n for n in names or [] if n not in {x for p in chosen for x in (p.stem, p.name[:2])}]
    if unknown:
        listed = ", ".join(path.stem for path in sources(root))
        raise LessonError(f"there is no lesson {unknown[0]!r}; there are: {listed}")
    for path, value in made(root).items():
        write(root / path, value)
    print(f"lessons made: {len(sources(root))}")
    for path in chosen:
        value = executed(notebook(path, root, student=False), path.stem, root)
        write(path.with_suffix(".ipynb"), text(value))
        for made_of, fresh in made(root).items():  # they name the time just measured
            write(root / made_of, fresh)
        print(f"{path.stem}: {''.join(value['cells'][-1]['source'])}")


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Make, execute or compare; 0 when all is well, else 1 and the reasons."""
    about = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python tools/build.py", description=about)
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    parser.add_argument("--execute", nargs="*", metavar="NAME", help="lessons to run; none: all")
    options = parser.parse_args(arguments)
    try:
        if not options.check:
            build(root, options.execute)
            return 0
        found = stale(root)
    except (LessonError, ExerciseError) as error:
        found = [str(error)]
    print("\n".join(found) or "the notebooks are what the sources give")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
