"""A lesson's source as cells, and all that is wrong with it, each fault with file and line.

The source is a jupytext percent file. docs/exercises.md says how an exercise is marked in it.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from utils.exercise_data import Exercise, Lesson

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
START = re.compile(r"# ?%%")
HEADER = re.compile(r"^#+ +Exercise +(\d+\.\d+)(.*)$", re.MULTILINE)
CHECK = re.compile(r'check\("(\d+\.\d+)"\)')
KEYS = {"exercise", "tags", "title", "jupyter", "slideshow", "editable", "deletable"}
Fault = tuple[int, str]  # line of the source from 1, and a sentence


class LessonError(Exception):
    """A source that no notebook can be made of; a line for each fault, with file and line."""


@dataclass(frozen=True)
class Cell:
    """One cell of a source; `line` is that of its `# %%`. A check cell has `checks` set."""

    kind: str
    source: str
    line: int
    metadata: dict[str, Any]

    @property
    def exercise(self) -> str | None:
        """The exercise that the cell is marked as."""
        return self.metadata.get("exercise")

    @property
    def checks(self) -> str | None:
        """The exercise that the cell checks, when it does that and nothing else."""
        found = CHECK.fullmatch(self.source.strip()) if self.kind == "code" else None
        return found[1] if found else None


def read_lesson(text: str, name: str, lesson: Lesson) -> list[Cell]:
    """The cells of a source that has no fault; raises LessonError with all it has.

    `name` is the file as the messages give it; `lesson` holds the exercises of its TOML.
    """
    cells = read_cells(text, name)
    found = [*marks(cells), *code_faults(cells), *header_faults(cells), *pairing(cells, lesson)]
    if found:
        lines = [f"{name}, line {line}: {fault}" for line, fault in sorted(set(found))]
        raise LessonError("\n".join(lines))
    return cells


def read_cells(text: str, name: str) -> list[Cell]:
    """The cells as jupytext reads them, each with its line."""
    import jupytext

    try:
        cells = jupytext.reads(text, fmt="py:percent").cells
    except Exception as error:  # jupytext and nbformat raise many kinds
        raise LessonError(f"{name}, line 1: jupytext cannot read it: {error}") from error
    lines = [i for i, line in enumerate(text.splitlines(), 1) if START.match(line)]
    if len(lines) != len(cells):
        reason = "text stands before the first `# %%`, or a line inside a string begins with it"
        raise LessonError(f"{name}, line 1: it does not fall into cells: {reason}")
    for cell in cells:
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's own note of blank lines
    pairs = zip(cells, lines, strict=True)
    return [Cell(c.cell_type, c.source, line, dict(c.metadata)) for c, line in pairs]


def full(source: str) -> str:
    """The source of a cell without its markers, and without a `my_guess = ...` before them."""
    given = _given(source)
    lines = [line for i, line in enumerate(source.split("\n")) if i not in given]
    return "\n".join(line for line in lines if line.strip() not in (BEGIN, END))


def stripped(source: str) -> str:
    """The source of a cell with `...` for each solution, indented as its marker is.

    Where a `my_guess = ...` stands before the marker, that is all the learner needs.
    """
    lines, inside, given = [], False, _given(source)
    for line in source.split("\n"):
        if line.strip() == BEGIN and not (line == BEGIN and given):
            lines.append(line.replace(BEGIN, "...").rstrip())
        if line.strip() in (BEGIN, END):
            inside = line.strip() == BEGIN
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def _given(source: str) -> set[int]:
    """The lines, from 0, that set a name to `...` or to what holds it, before a solution."""
    before, marker, _ = f"\n{source}".partition(f"\n{BEGIN}\n")
    tree = parsed(before[1:]) if marker else ast.Module([], [])
    nodes = [] if isinstance(tree, SyntaxError) else tree.body
    kept = [n for n in nodes if isinstance(n, ast.Assign) and _holds_gap(n.value)]
    return {line for n in kept for line in range(n.lineno - 1, n.end_lineno)}


def headed(source: str, exercises: dict[str, Exercise]) -> str:
    """Markdown whose exercise headers have got their title, points, minutes and difficulty."""

    def fill(found: re.Match) -> str:
        e = exercises[found[1]]
        points, minutes = _counted(e.points, "point"), _counted(e.minutes, "minute")
        told = f"{points}, about {minutes}, difficulty {e.difficulty} of 3"
        return f"### Exercise {e.id}: {e.title}\n*{told}*"

    return HEADER.sub(fill, source)


def _holds_gap(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Constant) and n.value is ... for n in ast.walk(node))


def _counted(count: float, what: str) -> str:
    return f"{count:g} {what}" + ("" if count == 1 else "s")


def marks(cells: list[Cell]) -> Iterator[Fault]:
    """Faults of the solution markers: misspelt, unbalanced, at an odd place."""
    for cell in cells:
        begun: tuple[int, str] | None = None
        count = 0
        for line, text in enumerate(cell.source.split("\n"), cell.line + 1):
            mark = text.strip()
            if mark == BEGIN:
                count += 1
                if begun:
                    yield line, f"a second {BEGIN} before the {END} of line {begun[0]}"
                begun = (line, text)
            elif mark == END:
                if begun is None:
                    yield line, f"{END} without a {BEGIN} before it in this cell"
                elif begun[1].index("#") != text.index("#"):
                    yield line, f"{END} is not indented as the {BEGIN} of line {begun[0]}"
                begun = None
            elif resembles(mark):
                yield line, f"{mark!r} is misspelt; write {BEGIN} or {END}"
        if begun:
            yield begun[0], f"{BEGIN} without an {END} in this cell"
        if count and not cell.exercise:
            yield cell.line, 'a solution in a cell that is no exercise; add exercise="1.2" to it'
        if cell.exercise and not count:
            yield cell.line, f"exercise {cell.exercise} holds no {BEGIN}"


def resembles(line: str) -> bool:
    """True for a comment that was surely meant as one of the two markers."""
    if not line.startswith("#"):
        return False
    text = " ".join(line.lstrip("# ").upper().split())
    near = [difflib.SequenceMatcher(None, text, mark[4:]).ratio() for mark in (BEGIN, END)]
    return max(near) >= 0.85 or bool(re.match(r"###\s*(BEGIN|END)\b", line, re.IGNORECASE))


def code_faults(cells: list[Cell]) -> Iterator[Fault]:
    """Cells that are not Python, before or after the solutions are out; unknown metadata."""
    for cell in cells:
        extra = sorted(set(cell.metadata) - KEYS)
        if extra:
            yield (
                cell.line,
                f"unknown after `# %%`: {extra[0]}; there are: {', '.join(sorted(KEYS))}",
            )
        if cell.kind == "markdown" and cell.exercise:
            yield cell.line, "an exercise must be a code cell"
        if cell.kind == "code":
            yield from _code(cell)


def _code(cell: Cell) -> Iterator[Fault]:
    trees = [parsed(source) for source in (cell.source, stripped(cell.source))]
    for tree, when in zip(trees, ("", " when the solution is out"), strict=True):
        if isinstance(tree, SyntaxError):
            line = cell.line + (tree.lineno or 0) if not when else cell.line
            yield line, f"not Python{when}: {tree.msg}"
            return
    for node in ast.walk(trees[0]):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if called and node.func.id == "check" and cell.checks is None:
            yield cell.line + node.lineno, 'a check is alone in its cell, as in check("1.2")'


def parsed(source: str) -> ast.Module | SyntaxError:
    """The tree of a cell's code, magics left out; the error when it has none."""
    text = "\n".join(re.sub(r"^\s*[%!].*", "", line) for line in source.split("\n"))
    try:
        return compile(text, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        return error


def header_faults(cells: list[Cell]) -> Iterator[Fault]:
    """Headers that say more than their number: the rest comes from the TOML."""
    if not cells or cells[0].kind != "markdown":
        yield (cells[0].line if cells else 1), "the first cell must be markdown, with the title"
    for cell, found in headers(cells):
        if found[0] != f"### Exercise {found[1]}":
            line = cell.line + 1 + cell.source[: found.start()].count("\n")
            yield line, f"write the header as `### Exercise {found[1]}`; make build adds the rest"


def headers(cells: list[Cell]) -> list[tuple[Cell, re.Match]]:
    """The exercise headers of all markdown cells."""
    texts = [cell for cell in cells if cell.kind == "markdown"]
    return [(cell, found) for cell in texts for found in HEADER.finditer(cell.source)]


def pairing(cells: list[Cell], lesson: Lesson) -> Iterator[Fault]:
    """Exercises of the TOML, headers, exercise cells and check cells: one of each, in order."""
    known = [exercise.id for exercise in lesson.exercises]
    heads = [(found[1], cell.line) for cell, found in headers(cells)]
    bodies = [(cell.exercise, cell.line) for cell in cells if cell.exercise]
    checks = [(cell.checks, cell.line) for cell in cells if cell.checks]
    for kind, found in (("header", heads), ("cell", bodies), ("check", checks)):
        for i, (id, line) in enumerate(found):
            if id not in known:
                yield line, f"exercise {id} is not in {lesson.number}.toml"
            if id in [other for other, _ in found[:i]]:
                yield line, f"a second {kind} of exercise {id}"
    lines = {kind: dict(found) for kind, found in (("h", heads), ("b", bodies), ("c", checks))}
    for id, line in bodies:
        if not lines["h"].get(id, line) < line:
            yield line, f"no header `### Exercise {id}` before the exercise's cell"
        if not lines["c"].get(id, 0) > line:
            yield line, f'exercise {id} has no check cell after it; add check("{id}")'
    for kind, found in (("check", checks), ("header", heads)):
        for id, line in found:
            if id in known and id not in lines["b"]:
                yield line, f'a {kind} of exercise {id} without its cell, # %% exercise="{id}"'
    for id in known:
        if not any(id in there for there in lines.values()):
            yield 1, f"exercise {id} of {lesson.number}.toml has no cell"
