"""What stands in for utils.check while a notebook is graded: the same names, and nothing happens.

The grader judges outside of the learner's process, so a check in a notebook decides nothing, and
no exercise counts as passed: lessons go on with the course's own functions.
"""

from __future__ import annotations

from typing import Any


def check(exercise: str) -> None:
    """Nothing is checked here."""


def hint(exercise: str) -> None:
    """No hint is given here."""


def solution(exercise: str) -> None:
    """No solution is shown here."""


def progress() -> None:
    """No progress is kept here."""


def passed(exercise: str) -> bool:
    """False: a lesson then uses the course's own function."""
    return False


def answered(exercise: str) -> Any:
    """None, as before any prediction."""
    return None
