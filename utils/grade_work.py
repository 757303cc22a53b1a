"""What is known of a notebook while it is graded, and the result that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from utils.exercise_data import Case, Exercise
from utils.grade_kernel import Ended
from utils.grade_notebook import Official
from utils.grade_records import KILLED, MEMORY, OK, PARTLY, TIMEOUT, Result, plain
from utils.grade_slice import Cell
from utils.judge import ERROR, OPEN, RIGHT, WRONG, Verdict
from utils.runs import Run

WORST = (MEMORY, KILLED, TIMEOUT)  # which status counts when there are several
SAYS = {WRONG: "not right", ERROR: "an error", OPEN: "not attempted"}


@dataclass
class Work:
    """A notebook being graded: what is known so far, kept over the ends of its processes."""

    one: Official
    cells: list[Cell]
    hidden: dict[str, tuple[Case, ...]]
    seconds: float
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)  # cell -> what it raised
    left_out: set[int] = field(default_factory=set)  # cells that ended a process
    ends: list[str] = field(default_factory=list)  # statuses of those ends
    at: Exercise | int | None = None  # the exercise or the cell in hand


def fault(run: Run) -> str:
    """What a cell raised; "" for nothing, and for what is yet to be written."""
    if run.late:
        return "ran out of time"
    name = run.error[0] if run.error else ""
    name = "NameError" if run.missing and not name else name
    return ": ".join(filter(None, (name, run.message))) if name else ""


def note(work: Work, end: Ended) -> None:
    """What an early end means: the cell is left out from now on, or the exercise has failed."""
    work.ends.append(end.status)
    if isinstance(work.at, Exercise):
        of = f"0 of {work.at.points}"
        head = f"Exercise {work.at.id}, {work.at.title}: an error in your code ({of})."
        work.verdicts[work.at.id] = Verdict(ERROR, 0, (head, f"  While it was judged: {end}."))
    elif work.at is not None:
        work.left_out.add(work.at)
        work.faults[work.at] = str(end)


def conclude(work: Work, base: Result, present: set[str]) -> Result:
    """The result from the verdicts, with a detail for the teacher and lines for the learner."""
    said, lines = [], []
    for cell, what in sorted(work.faults.items()):
        where = "An exercise" if cell < 0 else f"The cell that begins {first(work.cells[cell])!r}"
        said.append(f"{where}: {what}")
        lines.append(plain(f"{where} stopped: {what}"))
    points = {}
    for exercise in work.one.lesson.exercises:
        verdict = work.verdicts.get(exercise.id) or unjudged(exercise, work)
        points[exercise.id] = verdict.points
        lines += ["", *(plain(line) for line in verdict.lines)]
        if exercise.id not in present and verdict.outcome == OPEN:
            said.append(f"{exercise.id}: no cell of it")
            lines.append("  The notebook has no cell of this exercise.")
        elif verdict.outcome != RIGHT:
            said.append(f"{exercise.id}: {SAYS[verdict.outcome]}")
    status = next((s for s in WORST if s in work.ends), PARTLY if work.faults else OK)
    base = replace(base, points=points, total=sum(points.values()))
    return finished(base, status, "; ".join(said), tuple(lines))


def unjudged(exercise: Exercise, work: Work) -> Verdict:
    """The verdict where no process lived long enough."""
    head = f"Exercise {exercise.id}, {exercise.title}: not judged (0 of {exercise.points})."
    reason = "  The notebook's code ended, or used up its time, before it came to this."
    return Verdict(ERROR, 0, (head, reason))


def first(cell: Cell) -> str:
    """The first line of a cell's code, cut short."""
    return next(iter(cell.source.strip().splitlines()), "")[:50]


def finished(base: Result, status: str, detail: str, lines: tuple[str, ...] = ()) -> Result:
    """A result with its status and its texts."""
    said = plain(detail)
    return replace(base, status=status, detail=said, feedback=lines or (said,))
