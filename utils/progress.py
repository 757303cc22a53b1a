"""What a learner has done so far: one small JSON file, and the table over all lessons.

Two notebooks may write it in turn, each reading it anew before. Two that write in the very same
moment may lose one of the two changes; the file itself is always whole.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from utils.exercise_data import Exercise, Lesson

ROOT = Path(__file__).resolve().parent.parent
OPEN = "not attempted"
OUTCOMES = (OPEN, "wrong", "error", "right")
SAYS = {OPEN: "open", "wrong": "not right yet", "error": "not right yet", "right": "right"}


@dataclass(frozen=True)
class Record:
    """One exercise: the last outcome, and whether it was ever right.

    attempts: checks of something written; hints: stages shown; asked: the solution was asked
    for; answer: the prediction or the choices, in JSON form.
    """

    outcome: str = OPEN
    right: bool = False
    attempts: int = 0
    hints: int = 0
    asked: bool = False
    answer: Any = None


Records = dict[str, Record]  # by the exercise's id


def progress_path() -> Path:
    """FORM_AND_FACTS_PROGRESS, else results/progress.json of this copy of the course."""
    named = os.environ.get("FORM_AND_FACTS_PROGRESS", "").strip()
    return Path(named).expanduser().absolute() if named else ROOT / "results" / "progress.json"


def load(path: Path) -> tuple[Records, str | None]:
    """The records, and a sentence when the file could not be used. Never raises.

    A broken file is set aside, as progress.broken.json beside it.
    """
    try:
        return _records(json.loads(path.read_text(encoding="utf-8"))), None
    except FileNotFoundError:
        return {}, None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}, _set_aside(path)


def _records(value: Any) -> Records:
    """Raises ValueError, TypeError, KeyError or AttributeError for any other shape."""
    return {str(id): _record(entry) for id, entry in value["exercises"].items()}


def _record(entry: Mapping[str, Any]) -> Record:
    names = {f.name for f in fields(Record)}
    record = Record(**{key: value for key, value in entry.items() if key in names})
    flags = type(record.right) is type(record.asked) is bool
    counts = type(record.attempts) is type(record.hints) is int
    if not (flags and counts and record.outcome in OUTCOMES):
        raise ValueError("a record of another shape")
    return record


def _set_aside(path: Path) -> str:
    """Move a broken file out of the way: the sentence that says so."""
    aside = path.with_name(f"{path.stem}.broken{path.suffix}")
    start = f"Your progress so far cannot be read from {path.name}"
    try:
        os.replace(path, aside)
    except OSError as error:
        return f"{start} ({_reason(error)}); this session counts from zero."
    return f"{start}; it was set aside as {aside.name}, and the count starts anew."


def save(path: Path, records: Records) -> str | None:
    """Write the records, to a temporary file renamed when whole; a sentence if it cannot be.

    Never raises.
    """
    value = {"version": 1, "exercises": {id: asdict(records[id]) for id in sorted(records)}}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(value, indent=1) + "\n")
    except (OSError, ValueError, TypeError) as error:
        return (
            f"Your progress cannot be written to {path.name} ({_reason(error)}); it is kept until "
            "this kernel ends. FORM_AND_FACTS_PROGRESS can name another file."
        )
    return None


def _write(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def table(lessons: Iterable[Lesson], records: Records) -> list[str]:
    """The lines of the table: a header a lesson, a line an exercise, and the sum."""
    lines, got, of = [], 0, 0
    for lesson in (lesson for lesson in lessons if lesson.exercises):
        rows = [(e, records.get(e.id, Record())) for e in lesson.exercises]
        earned = sum(e.points for e, record in rows if record.right)
        most = sum(e.points for e, _ in rows)
        got, of = got + earned, of + most
        lines.append(f"Lesson {lesson.number}, {lesson.title}: {earned} of {most} points")
        lines += [_line(e, record) for e, record in rows]
    return [*lines, f"All lessons: {got} of {of} points"]


def _line(exercise: Exercise, record: Record) -> str:
    points = f"{exercise.points if record.right else 0}/{exercise.points}"
    counts = {"tries": record.attempts, "hints": record.hints}
    told = ", ".join(f"{name} {n}" for name, n in counts.items() if n)
    said = SAYS["right" if record.right else record.outcome]
    end = f"  ({told})" if told else ""
    return f"  {exercise.id:<5} {said:<14} {points:>5}  {exercise.title}{end}"
