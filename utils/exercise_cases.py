"""The cases of an exercise as records, and how they are read from a table.

Only the standard library is used: a grader can read them outside a learner's process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from utils.exercise_fields import NUMBER, above, code, get, known, require, tables, value_of

CASE = set("expr setup want want_json raises tolerance message wrong measure seconds".split())


@dataclass(frozen=True)
class Wrong:
    """A known fault and what to say about it. One of value, expr, when and error is set.

    value: a JSON value, alone in a tuple, since it may be None; expr: gives the wrong value in
    the learner's namespace; when: is true of `got` and `want`; error: an exception's name, whose
    text must hold `says` where that is given.
    """

    message: str
    value: tuple[Any, ...] = ()
    expr: str | None = None
    when: str | None = None
    error: str | None = None
    says: str = ""


@dataclass(frozen=True)
class Case:
    """One expression and the JSON value wanted, or the exception that must be raised.

    measure: lines that make of the value, under the name `got`, the one to compare; they run
    where the verdict is computed, so what they find is no word of the learner's. seconds: its own
    time limit; None for the exercise's.
    """

    expr: str
    message: str
    want: Any = None
    raises: str | None = None
    setup: str = ""
    tolerance: float = 0.0
    wrong: tuple[Wrong, ...] = ()
    measure: str = ""
    seconds: float | None = None


def read_case(row: dict, at: str) -> Case:
    """One case from its table; `at` is where it stands, for the message of an ExerciseError."""
    known(row, CASE, at)
    given = [key for key in ("want", "want_json", "raises") if key in row]
    require(len(given) == 1, at, "needs exactly one of `want`, `want_json` and `raises`")
    tolerance = get(row, "tolerance", NUMBER, at, 0.0)
    require(tolerance >= 0, at, "`tolerance` must be 0 or more")
    seconds = above(row, "seconds", NUMBER, at) if "seconds" in row else None
    rows = tables(row, "wrong", at)
    return Case(
        code(row, "expr", at),
        get(row, "message", str, at),
        None if given == ["raises"] else value_of(row, given[0], at),
        get(row, "raises", str, at, None),
        code(row, "setup", at, "exec"),
        tolerance,
        tuple(_wrong(wrong, f"{at}, wrong {i}") for i, wrong in enumerate(rows, 1)),
        code(row, "measure", at, "exec"),
        seconds,
    )


def _wrong(row: dict, at: str) -> Wrong:
    known(row, set("value value_json expr when error says message".split()), at)
    given = [key for key in ("value", "value_json", "expr", "when", "error") if key in row]
    require(len(given) == 1, at, "needs exactly one of value, value_json, expr, when and error")
    message, key = get(row, "message", str, at), given[0]
    says = get(row, "says", str, at, "")
    require(key == "error" or not says, at, "`says` goes with `error` alone")
    if key.startswith("value"):
        return Wrong(message, (value_of(row, key, at),))
    if key == "error":
        return Wrong(message, error=get(row, key, str, at), says=says)
    return Wrong(message, **{key: code(row, key, at)})
