"""JSON forms compared, described and shown (utils.jsonform makes them). Standard library only."""

from __future__ import annotations

import math
from typing import Any

SHOWN = 200  # characters of a value in a message
KINDS = {bool: "a truth value", int: "a number", float: "a number", str: "a string"} | {
    list: "a list",
    dict: "a dict",
    type(None): "None",
}


def same(got: Any, want: Any, tolerance: float = 0.0) -> bool:
    """True when two JSON forms are equal, each number within an absolute tolerance.

    1 and 1.0 are the same, 1 and True are not; NaN is the same as NaN, inf as inf.
    """
    if _number(got) and _number(want):
        return _near(got, want, tolerance)
    if type(got) is not type(want):
        return False
    if type(got) is list:
        pairs = zip(got, want, strict=False)
        return len(got) == len(want) and all(same(a, b, tolerance) for a, b in pairs)
    if type(got) is dict:
        return got.keys() == want.keys() and all(same(got[k], want[k], tolerance) for k in got)
    return got == want


def _number(form: Any) -> bool:
    return type(form) in (int, float)


def _near(a: float, b: float, tolerance: float) -> bool:
    if a == b or (a != a and b != b):
        return True
    try:
        return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= tolerance
    except OverflowError:  # a whole number beyond the floats
        return False


def difference(got: Any, want: Any, tolerance: float = 0.0, at: str = "yours") -> str | None:
    """Where two JSON forms first differ, as a sentence; None where showing both says it all."""
    if same(got, want, tolerance):
        return None
    kinds = [KINDS[type(form)] for form in (got, want)]
    if kinds[0] != kinds[1]:
        return f"{at} is {kinds[0]}, and {kinds[1]} is wanted"
    if type(got) is str:
        return _letters(got, want, at)
    if type(got) is list:
        return _places(got, want, tolerance, at)
    if type(got) is dict:
        return _keys(got, want, tolerance, at)
    return None if at == "yours" else f"{at} is {show(got)}, and {show(want)} is wanted"


def _letters(got: str, want: str, at: str) -> str | None:
    if "".join(got.lower().split()) == "".join(want.lower().split()):
        return f"{at} differs only in spaces or capital letters"
    return None if at == "yours" else f"{at} is {show(got)}, and {show(want)} is wanted"


def _places(got: list, want: list, tolerance: float, at: str) -> str | None:
    if len(got) != len(want):
        items = "item" if len(got) == 1 else "items"
        return f"{at} has {len(got)} {items}; wanted: {len(want)}"
    pairs = enumerate(zip(got, want, strict=True))
    wrong = (i for i, (a, b) in pairs if not same(a, b, tolerance))
    i = next(wrong, None)
    return None if i is None else difference(got[i], want[i], tolerance, f"{at}[{i}]")


def _keys(got: dict, want: dict, tolerance: float, at: str) -> str | None:
    for key in want:
        if key not in got:
            return f"{at} has no key {show(key)}"
        if not same(got[key], want[key], tolerance):
            return difference(got[key], want[key], tolerance, f"{at}[{show(key)}]")
    extra = [key for key in got if key not in want]
    return f"{at} has a key too much, {show(extra[0])}" if extra else None


def show(form: Any) -> str:
    """A JSON form as Python writes it, a long one cut with its length told."""
    text = repr(form)
    if len(text) <= SHOWN:
        return text
    return f"{text[: SHOWN - 50]} ... {text[-20:]} ({len(text):,} characters)"
