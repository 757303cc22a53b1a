"""The JSON form of any object, so that answers written in different styles can be compared.

It holds None, bool, int, float (NaN and inf too), str, list, and dict with str keys.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import types
from collections import deque
from collections.abc import Iterable
from typing import Any

MOST = 100_000  # values in one answer
DEEPEST = 50  # lists in lists
LONGEST = 1_000_000  # characters of one string
LARGE = 4_000  # bits of the largest whole number
ARRAYS = {"numpy", "torch", "pandas", "jax", "jaxlib", "tensorflow"}
LISTS = (list, tuple, deque, range, type({}.keys()), type({}.values()), type({}.items()))


class NotJson(Exception):
    """A value without a JSON form; the message says what it is, as in "a generator"."""


class Gap(Exception):
    """The value holds `...`, which stands for what the learner has yet to write."""


class _Room:
    """How many more values one answer may hold."""

    def __init__(self) -> None:
        self.left = MOST

    def take(self, n: int, what: str) -> None:
        self.left -= n
        if self.left < 0:
            raise NotJson(f"{what}, which holds more than the {MOST:,} values a check reads")


def to_json(value: Any) -> Any:
    """The JSON form of a value; raises NotJson, or Gap for `...` anywhere in it.

    Tuples, sets (sorted), arrays, tensors, dataclasses, enums, dates and pydantic models have
    one. No `__eq__` or `__repr__` is called; an array's `tolist` and a model's `model_dump` are.
    """
    try:
        return _form(value, _Room(), 0)
    except (NotJson, Gap):
        raise
    except Exception as error:
        raise NotJson(f"an object of type {_name(value)} that cannot be read") from error


def _form(value: Any, room: _Room, depth: int) -> Any:
    room.take(1, "a value")
    if depth > DEEPEST:
        raise NotJson(f"a value nested more than {DEEPEST} deep")
    if value is ...:
        raise Gap
    kind = type(value)
    if value is None or kind is bool:
        return value
    if issubclass(kind, enum.Enum):
        return _form(value.value, room, depth + 1)
    if issubclass(kind, str):
        return _text(str.__str__(value))
    if issubclass(kind, int):
        return _whole(int.__index__(value))
    if issubclass(kind, (float, decimal.Decimal, fractions.Fraction)):
        return float.__float__(value) if issubclass(kind, float) else float(value)
    return _many(value, kind, room, depth + 1)


def _text(value: str) -> str:
    if len(value) > LONGEST:
        raise NotJson(f"a string of {len(value):,} characters")
    return value


def _whole(value: int) -> int:
    if value.bit_length() > LARGE:
        raise NotJson(f"a whole number of {value.bit_length():,} bits")
    return value


def _many(value: Any, kind: type, room: _Room, depth: int) -> Any:
    if issubclass(kind, LISTS):
        base = next(base for base in LISTS if issubclass(kind, base))
        return _items(base.__iter__(value), base.__len__(value), _name(value), room, depth)
    if issubclass(kind, (set, frozenset)):
        base = set if issubclass(kind, set) else frozenset
        count = base.__len__(value)
        return sorted(_items(base.__iter__(value), count, "set", room, depth), key=_order)
    if issubclass(kind, dict):
        return _dict(dict.items(value), dict.__len__(value), room, depth)
    if dataclasses.is_dataclass(kind):
        pairs = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(kind)]
        return _dict(pairs, len(pairs), room, depth)
    if kind.__module__.split(".")[0] in ARRAYS and hasattr(kind, "tolist"):
        return _array(value, room, depth)
    return _other(value, kind, room, depth)


def _items(items: Iterable, count: int, name: str, room: _Room, depth: int) -> list:
    room.take(count, f"a {name} of {count:,} items")
    room.left += count  # each item takes its own place as it is read
    return [_form(item, room, depth) for item in items]


def _dict(pairs: Iterable[tuple], count: int, room: _Room, depth: int) -> dict[str, Any]:
    room.take(count, f"a dict of {count:,} items")
    return {_key(key): _form(value, room, depth) for key, value in pairs}


def _key(key: Any) -> str:
    """A dict's key as JSON has it: text as it is, True as true, None as null, 3 as 3."""
    form = _form(key, _Room(), 0)
    if form is None or type(form) is bool:
        return {None: "null", True: "true", False: "false"}[form]
    if type(form) not in (str, int, float):
        raise NotJson("a dict whose keys are neither text nor numbers")
    return str(form)


def _array(value: Any, room: _Room, depth: int) -> Any:
    """A numpy or torch scalar as a number, an array or a tensor as lists of numbers."""
    size = value.numel() if hasattr(type(value), "numel") else getattr(value, "size", 1)
    size = size if type(size) is int else 1
    room.take(size, f"an array of {size:,} numbers")
    room.left += size
    return _form(value.tolist(), room, depth)


def _other(value: Any, kind: type, room: _Room, depth: int) -> Any:
    if issubclass(kind, (datetime.date, datetime.time)):
        return value.isoformat()
    if issubclass(kind, pathlib.PurePath):
        return _text(str(value))
    if hasattr(kind, "model_dump") and hasattr(kind, "model_fields"):
        return _form(kind.model_dump(value), room, depth)
    if hasattr(kind, "__next__"):
        raise NotJson(f"a {_name(value)}, which gives its items only once: put list(...) around it")
    if issubclass(kind, types.CoroutineType):
        value.close()
        raise NotJson("a coroutine: an `async def` function gives its value only to `await`")
    if callable(value):
        raise NotJson(f"the {_name(value)} itself: are the brackets of a call missing?")
    raise NotJson(f"an object of type {_name(value)}")


def _name(value: Any) -> str:
    """The name of a value's type; "unknown" for a type that hides it."""
    try:
        return str.__str__(type.__dict__["__name__"].__get__(type(value)))[:60]
    except Exception:
        return "unknown"


def _order(form: Any) -> tuple:
    number = type(form) in (int, float, bool)
    return (not number, form if number else 0, repr(form))
