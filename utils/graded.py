"""An exercise judged for a grader that goes by exceptions, such as nbgrader.

`assert graded.passes("1.2"), graded.feedback("1.2")` is the test cell that tools/nbgrader.py
writes. It runs in the learner's kernel, so a learner who means to can forge it; utils.grade
judges outside of it.
"""

from __future__ import annotations

import contextlib
import io

from utils.check import check, passed

_said: dict[str, str] = {}  # the feedback of each exercise's last check


def passes(exercise: str) -> bool:
    """Check what the notebook defines, as check does, and True when it is right.

    Only the feedback on a right answer is printed. stderr stays empty whatever the learner's
    code writes there: nbgrader takes all points from a test cell that writes to it.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        check(exercise)
    _said[exercise] = said.getvalue().strip()
    if passed(exercise):
        print(_said[exercise])
    return passed(exercise)


def feedback(exercise: str) -> str:
    """What the last check of the exercise said; "" before one."""
    return _said.get(exercise, "")
