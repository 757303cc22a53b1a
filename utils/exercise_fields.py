"""Single values out of the tables of an exercise file, each checked, with errors that name it.

`at` is where a value stands, as a message begins: "01.toml, exercise 1.2, case 3".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

NUMBER = (int, float)
NEVER = object()  # stands for a key that must be there
WORDS: dict[Any, str] = {
    str: "must be text",
    int: "must be a whole number",
    NUMBER: "must be a number",
    list: "must be a list",
    dict: "must be a table",
}


class ExerciseError(Exception):
    """A file of exercises cannot be used; the message names file, exercise and reason."""


def value_of(row: dict, key: str, at: str) -> Any:
    """The JSON value under a key; one that ends in _json holds it as text, where null may be."""
    value = row[key]
    try:
        return json.loads(value) if key.endswith("_json") else json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise ExerciseError(f"{at}: `{key}` is no JSON value: {error}") from error


def code(row: dict, key: str, at: str, mode: str = "eval") -> str:
    """Python text that compiles; setup lines may be missing."""
    text = get(row, key, str, at, "" if mode == "exec" else NEVER)
    try:
        compile(text, key, mode)
    except (SyntaxError, ValueError) as error:
        raise ExerciseError(f"{at}: `{key}` is not Python: {error}") from error
    return text


def get(row: dict, key: str, kind: Any, at: str, default: Any = NEVER) -> Any:
    """The value of a key when it has the right type; text must hold more than blanks."""
    if key not in row and default is not NEVER:
        return default
    require(key in row, at, f"`{key}` is missing")
    value = row[key]
    right = isinstance(value, kind) and not isinstance(value, bool)
    require(right and (kind is not str or value.strip()), at, f"`{key}` {WORDS[kind]}")
    return value


def above(row: dict, key: str, kind: Any, at: str, default: Any = NEVER) -> Any:
    """A number above 0."""
    value = get(row, key, kind, at, default)
    require(value > 0, at, f"`{key}` must be above 0")
    return value


def texts(row: dict, key: str, at: str) -> tuple[str, ...]:
    """A list of texts; none when the key is missing."""
    values = get(row, key, list, at, [])
    require(all(isinstance(v, str) and v.strip() for v in values), at, f"`{key}` must hold texts")
    return tuple(values)


def tables(row: dict, key: str, at: str) -> Sequence[dict]:
    """A list of tables; none when the key is missing."""
    values = get(row, key, list, at, [])
    require(all(isinstance(value, dict) for value in values), at, f"`{key}` must hold tables")
    return values


def known(row: dict, keys: set[str], at: str) -> None:
    """Refuse a key that is not among `keys`, as a slip of the pen would be."""
    extra = ", ".join(f"`{key}`" for key in sorted(set(row) - keys))
    require(not extra, at, f"unknown: {extra}; there are: {', '.join(sorted(keys))}")


def require(condition: Any, at: str, reason: str) -> None:
    """Raises ExerciseError with place and reason unless the condition holds."""
    if not condition:
        raise ExerciseError(f"{at}: {reason}")
