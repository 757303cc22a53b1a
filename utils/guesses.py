"""The likely cause of a fault that the exercise itself has no message for."""

from __future__ import annotations

import re
from typing import Any

from utils.exercise_data import Exercise
from utils.runs import Run

NO_RETURN = "it gives None: a `return` is missing, or one of the paths ends without one"
ENDLESS = "a loop that never ends"
BY_TYPE = {
    "RecursionError": "a function that calls itself without ever coming to an end",
    "UnboundLocalError": "a name that is read before it is set in the same function",
    "ZeroDivisionError": "a division by a count or a sum that is 0 here",
    "KeyError": "a key that this dict does not have",
    "IndexError": "a place beyond the end of the list",
    "NameError": "a name that is misspelt, or set in a cell that has not been run",
    "ModuleNotFoundError": "a package that is not installed, or a misspelt name after `import`",
}
BY_TEXT = {  # a pattern in the error's text
    r"for \^=?: '(int|float)": "in Python a power is written **, as in x ** 0.5",
    r"multiply sequence by non-int": "a list is repeated by a whole number, such as len(...)",
    r"required positional argument|positional arguments? but": (
        "the function takes other arguments than the exercise says: compare its first line"
    ),
}
IN_CASE = {  # the same, where the error came in the line of the check, not in the learner's
    r"'NoneType' object|NoneType'? and|and 'NoneType'": NO_RETURN,
    r"object is not callable": "this name holds a value, no function: write it with `def`",
}


MODULES = {name: f"import {name}" for name in "math re json itertools collections random".split()}
MODULES |= {"numpy": "import numpy", "np": "import numpy as np", "torch": "import torch"}


def of_error(run: Run) -> list[str]:
    """What usually lies behind an error, or behind no answer in time: at most one sentence."""
    if run.alive:
        return [f"{ENDLESS}; it still runs, so restart the kernel (Kernel, Restart)"]
    if run.late:
        return [f"{ENDLESS}, or far more work than is needed"]
    patterns = BY_TEXT if run.line else {**BY_TEXT, **IN_CASE}
    fits = [text for pattern, text in patterns.items() if re.search(pattern, run.message)]
    by_type = [BY_TYPE[name] for name in run.error if name in BY_TYPE]
    return (_unimported(run) + fits + by_type)[:1]


def _unimported(run: Run) -> list[str]:
    """A name that is one of the usual modules, or the short name of one."""
    found = re.match(r"name '(\w+)' is not defined", run.message)
    name = found[1] if found and "NameError" in run.error else ""
    if name not in MODULES:
        return []
    return [f"a module that is not imported: write `{MODULES[name]}` in this cell"]


def of_prediction(exercise: Exercise, value: Any) -> list[str]:
    """Why a prediction was not accepted, where that can be told: at most one sentence."""
    if exercise.type not in ("number", "integer"):
        return []
    if type(value) is bool:
        return ["True and False are no numbers"]
    if type(value) is str:
        return _of_text(exercise, value)
    if type(value) not in (int, float) or value != value:
        return []
    if exercise.high == 1 and 1 < value <= 100:
        return [f"that is a percentage: write the share, {value / 100:g}"]
    if exercise.type == "integer" and 0 < value < 1:
        return ["that is a share: write how many, a whole number"]
    return []


def _of_text(exercise: Exercise, value: str) -> list[str]:
    found = re.fullmatch(r"\s*([+-]?[0-9]*[.,]?[0-9]+)\s*(%?)\s*", value)
    if not found:
        return ["that is text: write a number, without quotes"]
    number = float(found[1].replace(",", "."))
    number = number / 100 if exercise.high == 1 and (found[2] or number > 1) else number
    return [f"that is text: write {number:g}, without quotes"]
