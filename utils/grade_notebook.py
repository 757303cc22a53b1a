"""A submitted notebook as code cells, and the lesson that it belongs to.

The file may hold anything: it is read as JSON, every part of it is checked, and nothing of it is
run here. Cells are known by the exercise that their metadata names and by the names they bind,
never by their id or place.
"""

from __future__ import annotations

import ast
import builtins
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.exercise_data import FOLDER, Exercise, Lesson, files, load_lesson
from utils.grade_slice import Cell, make_parts

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LARGEST = 150_000_000  # bytes of a notebook's file, outputs among them
MOST = 2_000  # cells
CODE = 2_000_000  # characters of code
HEADER = re.compile(r"^#+ +Exercise +(\d+\.\d+)\b", re.MULTILINE)


class Refused(Exception):
    """A notebook that is not graded. status: invalid notebook, empty or wrong lesson."""

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Official:
    """A lesson as the course hands it out.

    names: what the cell of each exercise binds, by the exercise's id; cells: the source of every
    code cell that is no exercise; slow: those of them tagged so; imports: its import statements.
    """

    lesson: Lesson
    names: dict[str, tuple[str, ...]]
    cells: frozenset[str]
    slow: frozenset[str]
    imports: tuple[str, ...]

    def exercises(self) -> dict[str, dict]:
        """What the learner's process is told of the exercises: no case, and nothing wanted."""
        functions = {exercise.id: exercise.kind == "function" for exercise in self.lesson.exercises}
        return {
            id: {"names": self.names.get(id, ()), "function": is_function}
            for id, is_function in functions.items()
        }


@functools.cache
def officials(notebooks: Path = NOTEBOOKS, folder: Path = FOLDER) -> dict[str, Official]:
    """All lessons by number. Raises ExerciseError for a broken file of the course."""
    made = {}
    for path in files(folder):
        lesson = load_lesson(path)
        found = sorted(notebooks.glob(f"{lesson.number}_*.ipynb"))
        cells = json.loads(found[0].read_text("utf-8"))["cells"] if found else []
        made[lesson.number] = official(lesson, [c for c in cells if c["cell_type"] == "code"])
    return made


def official(lesson: Lesson, cells: list[dict]) -> Official:
    """A lesson with the code cells of its notebook; without them the cases give the names."""
    answers = {cell["metadata"].get("exercise"): source_of(cell) for cell in cells}
    names = {}
    for exercise in lesson.exercises:
        used = set(case_names((exercise,)))
        bound = {n for part in make_parts([Cell(answers.get(exercise.id, ""))]) for n in part.binds}
        names[exercise.id] = tuple(sorted(used & bound or used))
    others = {source_of(cell): cell for cell in cells if not cell["metadata"].get("exercise")}
    slow = {source for source, c in others.items() if "slow" in c["metadata"].get("tags", [])}
    statements = [node for source in others for node in statements_of(source)]
    kinds = (ast.Import, ast.ImportFrom)
    imports = tuple(ast.unparse(node) for node in statements if isinstance(node, kinds))
    return Official(lesson, names, frozenset(others), frozenset(slow), imports)


def statements_of(source: str) -> list[ast.stmt]:
    """The statements of the course's own code, magics left out; none where it is not Python."""
    try:
        return ast.parse(re.sub(r"(?m)^[%!].*$", "", source)).body
    except SyntaxError:
        return []


def case_names(exercises: tuple[Exercise, ...]) -> list[str]:
    """All names that the cases of some exercises take from the notebook."""
    cases = [case for exercise in exercises for case in exercise.cases]
    texts = [f"{case.setup}\n{case.expr}" for case in cases]
    parts = make_parts([Cell(text) for text in [*texts, *(e.expr for e in exercises)]])
    return sorted({name for p in parts for name in p.reads | p.later} - set(dir(builtins)))


def read_notebook(data: bytes) -> list[dict]:
    """The cells of a notebook's file. Raises Refused with the reason."""
    if not data.strip():
        raise Refused("empty", "the file is empty")
    try:
        book = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Refused("invalid notebook", "the file is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Refused("invalid notebook", "the file is not JSON, as a notebook is") from error
    except MemoryError as error:
        raise Refused("invalid notebook", "the file needs too much memory to be read") from error
    if type(book) is not dict or not {"cells", "nbformat"} & set(book):
        raise Refused("invalid notebook", "the file is JSON and no notebook: it has no cells")
    if book.get("nbformat") != 4:
        told = str(book.get("nbformat"))[:20]
        sentence = f"its nbformat is {told}, and 4 is needed; open and save it in JupyterLab"
        raise Refused("invalid notebook", sentence)
    cells = book.get("cells")
    if type(cells) is not list:
        raise Refused("invalid notebook", "its cells are no list")
    if len(cells) > MOST or not all(type(cell) is dict for cell in cells):
        sentence = f"it has more than {MOST:,} cells, or cells that are none"
        raise Refused("invalid notebook", sentence)
    return cells


def code_cells(cells: list[dict]) -> list[dict]:
    """The code cells with code in them. Raises Refused when there are none, or too much."""
    found = [cell for cell in cells if cell.get("cell_type") == "code" and source_of(cell).strip()]
    if not found:
        raise Refused("empty", "the notebook has no code")
    if sum(len(source_of(cell)) for cell in found) > CODE:
        raise Refused("invalid notebook", f"it has more than {CODE:,} characters of code")
    return found


def source_of(cell: dict) -> str:
    """The source of a cell; "" where it is neither text nor a list of texts."""
    source = cell.get("source")
    if type(source) is list and all(type(line) is str for line in source):
        source = "".join(source)
    return source if type(source) is str else ""


def facts(cell: dict) -> dict[str, Any]:
    """The metadata of a cell, {} where it is none."""
    found = cell.get("metadata")
    return found if type(found) is dict else {}


def marked(cell: dict, lesson: Lesson) -> str | None:
    """The exercise that a cell's metadata names, by its id or by nbgrader's grade_id."""
    told = facts(cell)
    graded = told.get("nbgrader")
    name = graded.get("grade_id") if type(graded) is dict else None
    for exercise in lesson.exercises:
        if told.get("exercise") == exercise.id or name == exercise.name:
            return exercise.id
    return None


def lesson_of(cells: list[dict], lessons: dict[str, Official]) -> str | None:
    """The number of the lesson with the most exercises in a notebook; None when none has any."""
    counts = {number: len(exercises_in(cells, one)) for number, one in lessons.items()}
    best = max(counts, key=lambda number: counts[number], default=None)
    return best if best is not None and counts[best] else None


def exercises_in(cells: list[dict], one: Official) -> set[str]:
    """The exercises of a lesson that a notebook tells of, in its cells or in its headers."""
    texts = [source_of(cell) for cell in cells if cell.get("cell_type") == "markdown"]
    heads = {id for text in texts for id in HEADER.findall(text)}
    return exercise_cells(cells, one) | (heads & {exercise.id for exercise in one.lesson.exercises})


def exercise_cells(cells: list[dict], one: Official) -> set[str]:
    """The exercises that have a cell: their metadata says so, or a name that they bind."""
    found = {marked(cell, one.lesson) for cell in cells} - {None}
    code = "\n".join(source_of(cell) for cell in cells if cell.get("cell_type") == "code")
    return found | {id for id, names in one.names.items() if any(binds(code, n) for n in names)}


def binds(code: str, name: str) -> bool:
    """True when a line defines a function of that name or assigns to it."""
    return bool(re.search(rf"^(?:(?:async )?def {name}\b|{name} *=[^=])", code, re.MULTILINE))


def as_cells(cells: list[dict], one: Official) -> list[Cell]:
    """The code cells as utils.grade_slice takes them."""
    made = []
    for cell in cells:
        source, tags = source_of(cell), facts(cell).get("tags")
        slow = source in one.slow or (type(tags) is list and "slow" in tags)
        id = marked(cell, one.lesson)
        made.append(Cell(source, id, id is None and source in one.cells, slow))
    return made
