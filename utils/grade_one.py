"""One submission graded: `grade_one(submission, settings) -> Result`. It never raises.

The notebook is read here as data, its code runs in a process of its own (utils.grade_kernel), and
the verdict on every exercise is computed here. When that process ends early, by a crash, a limit
or its own hand, another is started without the cell or the exercise it ended in, so that one
fault costs one exercise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from utils.exercise_data import Exercise
from utils.grade_hidden import judge_both, read_hidden
from utils.grade_kernel import Ended, Kernel
from utils.grade_notebook import (
    LARGEST,
    Official,
    Refused,
    as_cells,
    case_names,
    code_cells,
    exercise_cells,
    lesson_of,
    officials,
    read_notebook,
)
from utils.grade_records import (
    FAULT,
    INVALID,
    MEMORY,
    TIMEOUT,
    WRONG_LESSON,
    Result,
    Settings,
    Submission,
    box_of,
)
from utils.grade_sandbox import make_box
from utils.grade_work import Work, conclude, fault, finished, note
from utils.runs import Run

STARTS = 4  # processes for one submission
BASE = 120.0  # seconds for a submission, and twice what its exercises take beyond the usual
USUAL = 10.0


def grade_one(submission: Submission, settings: Settings) -> Result:
    """Grade a notebook by the settings; whatever happens becomes the status of the result."""
    start = time.monotonic()
    box = box_of(settings)
    base = Result(submission.name, submission.file, FAULT, settings.lesson, sandbox=box)
    try:
        base = blank(base, officials().get(settings.lesson or ""))
        result = graded(submission, settings, base)
    except Refused as refused:
        result = finished(base, refused.status, str(refused))
    except Ended as end:
        result = finished(base, end.status, str(end))
    except Exception as error:
        result = finished(base, FAULT, f"{type(error).__name__}: {error}")
    return replace(result, seconds=round(time.monotonic() - start, 1))


def blank(base: Result, one: Official | None) -> Result:
    """A result without points for a lesson, or for none."""
    if one is None:
        return base
    exercises = one.lesson.exercises
    points = {exercise.id: 0 for exercise in exercises}
    most = sum(exercise.points for exercise in exercises)
    return replace(base, lesson=one.lesson.number, points=points, max=most)


def graded(submission: Submission, settings: Settings, base: Result) -> Result:
    """The result for a notebook that can be read. Raises Refused for others."""
    if submission.problem:
        raise Refused(*submission.problem)
    book = read_notebook(content(submission))
    code = code_cells(book)
    number = lesson_of(book, officials())
    if number is None or number != (settings.lesson or number):
        held = f"it holds lesson {number}" if number else "it holds no exercise of the course"
        raise Refused(WRONG_LESSON, held)
    one = officials()[number]
    cells = as_cells(code, one)
    hidden = read_hidden(settings.hidden, [o.lesson for o in officials().values()])
    seconds = settings.limits.timeout or time_for(one.lesson.exercises)
    work = Work(one, cells, hidden, seconds)
    examine(work, replace(settings, limits=replace(settings.limits, timeout=seconds)))
    return conclude(work, blank(base, one), exercise_cells(code, one))


def content(submission: Submission) -> bytes:
    """The bytes of the file. Raises Refused when there are too many."""
    if submission.data is not None:
        return submission.data
    path = Path(submission.path)
    if path.stat().st_size > LARGEST:
        raise Refused(INVALID, f"the file is larger than {LARGEST // 10**6} MB")
    return path.read_bytes()


def time_for(exercises: tuple[Exercise, ...]) -> float:
    """The seconds that a lesson gets when none are given."""
    return BASE + 2 * sum(max(0.0, exercise.seconds - USUAL) for exercise in exercises)


def time_for_cell(seconds: float, exercises: tuple[Exercise, ...]) -> float:
    """The seconds of one cell: a quarter of all, more where an exercise is slow by itself."""
    longest = max((exercise.seconds for exercise in exercises), default=USUAL)
    return max(seconds / 4, min(seconds / 2, longest))


def examine(work: Work, settings: Settings) -> None:
    """Fill in the verdicts, with another process after each early end."""
    deadline = time.monotonic() + work.seconds
    for _ in range(STARTS):
        box = make_box(settings.limits, settings.sandbox, settings.secrets)
        work.at = None
        try:
            with Kernel(box, settings.limits, deadline) as kernel:
                return run_through(work, kernel)
        except Ended as end:
            if end.status == FAULT:
                raise
            note(work, end)
        if time.monotonic() > deadline:
            return None
    return None


def run_through(work: Work, kernel: Kernel) -> None:
    """Run the cells that are needed, then judge the exercises that have no verdict yet."""
    exercises = work.one.lesson.exercises
    most = time_for_cell(work.seconds, exercises)
    hidden = tuple(replace(e, cases=work.hidden[e.id]) for e in exercises if e.id in work.hidden)
    for step, cell in plan(work, kernel, case_names((*exercises, *hidden))):
        work.at = cell
        if cell not in work.left_out:
            run = kernel.run(most, do="step", step=step)
            if what := fault(run):
                work.faults[cell] = what
                work.ends += [MEMORY] if "MemoryError" in run.error else []
    for exercise in exercises:
        if exercise.id not in work.verdicts:
            work.at = exercise
            ask = watched(kernel.asker(exercise.id), work)
            work.verdicts[exercise.id] = judge_both(exercise, work.hidden.get(exercise.id, ()), ask)


def plan(work: Work, kernel: Kernel, names: list[str]) -> list[tuple[int, int]]:
    """Number and cell of each part to run, in order."""
    request = {
        "cells": [asdict(cell) for cell in work.cells],
        "exercises": work.one.exercises(),
        "imports": work.one.imports,
        "names": names,
    }
    steps = kernel.request(USUAL, do="plan", **request).get("steps")
    rows = steps if type(steps) is list else []
    pairs = [tuple(row) for row in rows if type(row) is list and len(row) == 2]
    count = len(work.cells)
    return [(s, c) for s, c in pairs if type(s) is type(c) is int and 0 <= c < count]


def watched(ask: Callable[..., Run], work: Work) -> Callable[..., Run]:
    """The same, but what runs on after its time ends the process; memory errors are noted."""

    def checked(expr: str, setup: str, seconds: float) -> Run:
        run = ask(expr, setup, seconds)
        if run.alive:
            raise Ended(TIMEOUT, f"its code did not stop after {seconds:g} seconds")
        if run.late:
            work.faults[-1] = "ran out of time when it was judged"
        if "MemoryError" in run.error:
            work.ends.append(MEMORY)
        return run

    return checked
