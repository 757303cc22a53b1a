"""The teacher's hidden cases: read from a file that stays with the grader, and judged last.

    [["1.4".case]]
    expr = "wilson(7, 9)"
    want = [0.4526, 0.9368]
    tolerance = 1e-3
    message = "Is z squared where it should be?"

A case has the fields of utils/exercises/NN.toml. Only `expr` and `setup` ever reach the learner's
process. Let `expr` give the value itself: a yes or no can be guessed.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace

from utils.exercise_cases import Case, read_case
from utils.exercise_data import Exercise, Lesson
from utils.exercise_fields import ExerciseError, known, require, tables
from utils.judge import RIGHT, WRONG, Ask, Verdict, judge

NAME = "hidden cases"


def read_hidden(text: str, lessons: list[Lesson]) -> dict[str, tuple[Case, ...]]:
    """The cases by exercise. Raises ExerciseError for a file that is not as described."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExerciseError(f"{NAME}: not TOML: {error}") from error
    exercises = {exercise.id: exercise for lesson in lessons for exercise in lesson.exercises}
    found = {}
    for id, entry in table.items():
        at = f"{NAME}, exercise {id}"
        require(id in exercises, at, "there is no such exercise")
        require(exercises[id].kind == "function", at, "only functions can have cases")
        require(isinstance(entry, dict), at, f'write the cases as [["{id}".case]]')
        known(entry, {"case"}, at)
        rows = tables(entry, "case", at)
        found[id] = tuple(read_case(row, f"{at}, case {i}") for i, row in enumerate(rows, 1))
    return found


def judge_both(exercise: Exercise, hidden: tuple[Case, ...], ask: Ask) -> Verdict:
    """The verdict on the known cases, and where these are right, on the hidden ones."""
    verdict = judge(exercise, ask)
    if verdict.outcome != RIGHT or not hidden:
        return verdict
    second = judge(replace(exercise, cases=hidden), ask)
    return verdict if second.outcome == RIGHT else concealed(exercise, hidden, second)


def concealed(exercise: Exercise, hidden: tuple[Case, ...], verdict: Verdict) -> Verdict:
    """A verdict whose lines tell nothing of a hidden case but its message."""
    number = verdict.case or 1
    lines = (
        f"Exercise {exercise.id}, {exercise.title}: not right yet (0 of {exercise.points}).",
        f"  The cases you know are right; of {len(hidden)} others, number {number} is not.",
        f"  Likely cause: {hidden[number - 1].message}",
    )
    return Verdict(WRONG, 0, lines, number)
