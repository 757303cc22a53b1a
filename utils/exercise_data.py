"""The exercises as records, read from the TOML files in utils/exercises (docs/exercises.md).

Only the standard library is used: a grader can read them outside a learner's process.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.exercise_cases import Case, Wrong, read_case
from utils.exercise_fields import (
    NUMBER,
    ExerciseError,
    above,
    code,
    get,
    known,
    require,
    tables,
    texts,
)

__all__ = [
    "FOLDER",
    "Case",
    "Exercise",
    "ExerciseError",
    "Lesson",
    "Question",
    "Wrong",
    "files",
    "load_all",
    "load_exercise",
    "load_lesson",
]

FOLDER = Path(__file__).resolve().parent / "exercises"
TYPES = ("number", "integer", "string", "boolean")
SECONDS = 10.0  # what a case may take unless it says otherwise
COMMON = set("id name title points minutes difficulty hints kind seconds".split())
KEYS = {
    "function": COMMON | {"case"},
    "predict": COMMON | {"expr", "type", "low", "high", "options"},
    "choice": COMMON | {"expr", "question"},
}
KINDS = tuple(KEYS)


@dataclass(frozen=True)
class Question:
    """One choice: its key in the learner's dict (None for a lone string), a reason a choice."""

    key: str | None
    text: str
    right: tuple[str, ...]
    reasons: dict[str, str]


@dataclass(frozen=True)
class Exercise:
    """One exercise. `expr` is what the learner fills in, for the kinds predict and choice."""

    id: str
    name: str
    title: str
    points: int
    minutes: float
    difficulty: int
    hints: tuple[str, ...]
    kind: str = "function"
    seconds: float = SECONDS
    cases: tuple[Case, ...] = ()
    expr: str = ""
    type: str = "number"
    low: float | None = None
    high: float | None = None
    options: tuple[Any, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Lesson:
    """The exercises of one lesson, in their order; number as in the file's name, "01"."""

    number: str
    title: str
    exercises: tuple[Exercise, ...]


def load_all(folder: Path = FOLDER) -> list[Lesson]:
    """All lessons in order. Raises ExerciseError; a name may stand in one lesson only."""
    lessons = [load_lesson(path) for path in files(folder)]
    seen: dict[str, str] = {}
    for exercise in (exercise for lesson in lessons for exercise in lesson.exercises):
        other = seen.setdefault(exercise.name, exercise.id)
        both = f"the name of exercise {other} too; rename one"
        require(other == exercise.id, f"exercise {exercise.id}", f"{exercise.name} is {both}")
    return lessons


def files(folder: Path = FOLDER) -> list[Path]:
    """The files of the lessons, in order."""
    return sorted(folder.glob("[0-9][0-9].toml"))


def load_exercise(id: str, folder: Path = FOLDER) -> Exercise:
    """One exercise, of which only its lesson's file is read. Raises ExerciseError."""
    if not isinstance(id, str):
        raise ExerciseError('give the number of the exercise in quotes, as in check("1.2")')
    lesson = id.split(".")[0].zfill(2)
    path = next((path for path in files(folder) if path.stem == lesson), None)
    there = load_lesson(path).exercises if path else ()
    for exercise in there:
        if exercise.id == id:
            return exercise
    listed = [e.id for e in there] or [f"{path.stem}.x" for path in files(folder)]
    raise ExerciseError(f"there is no exercise {id[:20]!r}; there are: {', '.join(listed)}")


def load_lesson(path: Path) -> Lesson:
    """One file. Raises ExerciseError for one that is missing, no TOML, or not as described."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExerciseError(f"{path.name}: cannot be read: {error}") from error
    known(table, {"title", "exercise"}, path.name)
    exercises = tuple(_exercise(row, path) for row in tables(table, "exercise", path.name))
    for part in ("id", "name"):
        values = [getattr(exercise, part) for exercise in exercises]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ExerciseError(f"{path.name}: the {part} {twice[0]} stands there twice")
    return Lesson(path.stem, get(table, "title", str, path.name), exercises)


def _exercise(row: dict, path: Path) -> Exercise:
    at = f"{path.name}, exercise {row.get('id', 'without id')}"
    id = get(row, "id", str, at)
    kind = get(row, "kind", str, at, "function")
    require(kind in KINDS, at, f"`kind` must be one of {', '.join(KINDS)}")
    known(row, KEYS[kind], at)
    lesson = int(path.stem)
    require(re.fullmatch(rf"{lesson}\.[1-9]\d*", id), at, f"`id` must look like {lesson}.1")
    name = get(row, "name", str, at)
    require(re.fullmatch(r"[a-z][a-z0-9_]*", name), at, "`name` must look like share_valid")
    difficulty = get(row, "difficulty", int, at)
    require(difficulty in (1, 2, 3), at, "`difficulty` must be 1, 2 or 3")
    hints = texts(row, "hints", at)
    require(hints or kind == "predict", at, "`hints` must hold at least one stage")
    return Exercise(
        id,
        name,
        get(row, "title", str, at),
        above(row, "points", int, at),
        above(row, "minutes", NUMBER, at),
        difficulty,
        hints,
        kind,
        above(row, "seconds", NUMBER, at, SECONDS),
        **MAKERS[kind](row, at),
    )


def _function(row: dict, at: str) -> dict:
    rows = tables(row, "case", at)
    require(rows, at, "has no case; add at least one [[exercise.case]]")
    return {"cases": tuple(read_case(case, f"{at}, case {i}") for i, case in enumerate(rows, 1))}


def _predict(row: dict, at: str) -> dict:
    type = get(row, "type", str, at, "number")
    require(type in TYPES, at, f"`type` must be one of {', '.join(TYPES)}")
    low, high = (get(row, key, NUMBER, at, None) for key in ("low", "high"))
    require(low is None or high is None or low <= high, at, "`low` is above `high`")
    fields = {"type": type, "low": low, "high": high, "expr": code(row, "expr", at)}
    return {**fields, "options": tuple(get(row, "options", list, at, []))}


def _choice(row: dict, at: str) -> dict:
    rows = tables(row, "question", at)
    questions = tuple(_question(q, f"{at}, question {i}") for i, q in enumerate(rows, 1))
    keys = [question.key for question in questions]
    require(keys, at, "has no question; add at least one [[exercise.question]]")
    require(len(set(keys)) == len(keys), at, "two questions have the same `key`")
    require(None not in keys or len(keys) == 1, at, "each of several questions needs a `key`")
    return {"expr": code(row, "expr", at), "questions": questions}


MAKERS = {"function": _function, "predict": _predict, "choice": _choice}


def _question(row: dict, at: str) -> Question:
    known(row, {"key", "text", "right", "reasons"}, at)
    reasons = get(row, "reasons", dict, at)
    full = all(isinstance(text, str) and text.strip() for text in reasons.values())
    require(full and len(reasons) > 1, at, "`reasons` must give two choices or more, with a text")
    right = row.get("right")
    right = texts({"right": [right] if isinstance(right, str) else right}, "right", at)
    require(right and set(right) <= set(reasons), at, "`right` must be among the `reasons`")
    return Question(get(row, "key", str, at, None), get(row, "text", str, at, ""), right, reasons)
