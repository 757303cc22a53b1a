"""A column map for one gradebook, read from a TOML file; utils/grade_profiles has two.

docs/teaching/grading.md lists the keys.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from utils.grade_tables import ColumnsError

FOLDER = Path(__file__).resolve().parent / "grade_profiles"
WITHOUT = ("leave out", "blank", "zero")


@dataclass(frozen=True)
class Rule:
    """How a grade finds its person: what these two columns hold is the same.

    A pattern picks a part of the cell: its first group, or the whole match.
    """

    grades: str
    roster: str
    grades_pattern: str = ""
    roster_pattern: str = ""


@dataclass(frozen=True)
class Column:
    """One column of the file written, filled from the first of these that gives something.

    points: a column of numbers in the grades, such as total, max or 1.2; text: the same in each
    row. A column with none of them stays empty.
    """

    name: str
    roster: str = ""
    grades: str = ""
    points: str = ""
    text: str = ""


@dataclass(frozen=True)
class Profile:
    """The map. scale: "points" as they are, or what full marks are to be worth.

    without_grade: what becomes of people of the roster who have no grade; hold: statuses whose
    grade is not carried over; points_row: the first cell of a row with the points possible;
    roster_from: where a roster is to be had, "" when none is needed; roster_skip: the pattern of
    first cells of rows that are no people.
    """

    name: str
    column: tuple[Column, ...]
    match: tuple[Rule, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    decimals: int = 2
    decimal_mark: str = "."
    scale: str | float = "points"
    without_grade: str = WITHOUT[0]
    hold: tuple[str, ...] = ()
    points_row: str = ""
    roster_from: str = ""
    roster_skip: str = ""


def load_profile(name: str, folder: Path = FOLDER) -> Profile:
    """A profile by its name, or by the path of a file of one's own. Raises ColumnsError."""
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.toml")))
        raise ColumnsError(f"there is no profile {name!r}; there are {there}, or name a .toml file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ColumnsError(f"the profile {path.name} cannot be read: {error}") from error
    try:
        return profile_from(table, path.name)
    except ColumnsError as error:
        raise ColumnsError(f"the profile {path.name}: {error}") from error


def profile_from(table: dict[str, Any], name: str) -> Profile:
    """A profile from its table, every value checked. Raises ColumnsError."""
    known(table, {field.name for field in fields(Profile)} - {"name"}, "")
    given = dict(table)
    given["column"] = tuple(parts(table, "column", Column))
    given["match"] = tuple(parts(table, "match", Rule))
    if isinstance(given.get("hold"), list):
        given["hold"] = tuple(given["hold"])
    profile = Profile(name, **given)
    for fault in faults(profile):
        raise ColumnsError(fault)
    return profile


def parts(table: dict, key: str, kind: type) -> Iterator[Any]:
    """The records under [[column]] or [[match]]."""
    rows = table.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ColumnsError(f"write each {key} under a line [[{key}]]")
    for i, row in enumerate(rows, 1):
        known(row, {field.name for field in fields(kind)}, f"{key} {i}: ")
        if not all(isinstance(value, str) for value in row.values()):
            raise ColumnsError(f"{key} {i}: all values must be texts in quotes")
        needed = ("name",) if kind is Column else ("grades", "roster")
        for name in needed:
            if not row.get(name, "").strip():
                raise ColumnsError(f"{key} {i}: `{name}` is missing")
        yield kind(**row)


def known(row: dict, keys: set[str], at: str) -> None:
    """Refuse a key that is not among `keys`, as a slip of the pen would be."""
    for key in row:
        if key not in keys:
            raise ColumnsError(f"{at}`{key}` is unknown; there are: {', '.join(sorted(keys))}")


def faults(profile: Profile) -> Iterator[str]:
    """A sentence for each value that cannot be used."""
    scale, decimals = profile.scale, profile.decimals
    number = isinstance(scale, (int, float)) and not isinstance(scale, bool) and scale > 0
    if not profile.column:
        yield "it has no [[column]]"
    for key in ("delimiter", "decimal_mark"):
        value = getattr(profile, key)
        if not (isinstance(value, str) and len(value) == 1):
            yield f"`{key}` must be one character"
    if type(decimals) is not int or not 0 <= decimals <= 6:
        yield "`decimals` must be a whole number from 0 to 6"
    if scale != "points" and not number:
        yield '`scale` must be "points" or a number above 0'
    if profile.without_grade not in WITHOUT:
        yield f"`without_grade` must be one of: {', '.join(WITHOUT)}"
    if not is_encoding(profile.encoding):
        yield f"`encoding` {profile.encoding!r} is unknown; write utf-8"
    if type(profile.hold) is not tuple or not all(isinstance(s, str) for s in profile.hold):
        yield "`hold` must be a list of statuses"
    for key in ("points_row", "roster_from"):
        if not isinstance(getattr(profile, key), str):
            yield f"`{key}` must be a text"
    patterns = [p for rule in profile.match for p in (rule.grades_pattern, rule.roster_pattern)]
    for pattern in (profile.roster_skip, *patterns):
        if not is_pattern(pattern):
            yield f"{pattern!r} is no pattern that Python's re can read"


def is_encoding(name: Any) -> bool:
    """True for an encoding that Python knows."""
    try:
        return isinstance(name, str) and bool(codecs.lookup(name))
    except LookupError:
        return False


def is_pattern(text: Any) -> bool:
    """True for a regular expression that compiles."""
    try:
        return isinstance(text, str) and re.compile(text) is not None
    except re.error:
        return False
