"""Carry the grades of a class over into a gradebook: its columns, its names, its scale.

`python -m utils.grade_columns grades.csv --profile canvas --out canvas.csv --roster export.csv`
writes what Canvas or Moodle imports. A profile says which columns there are and what fills them;
docs/teaching/grading.md shows how to write one. What cannot be carried over is written to a
second file, with the reason, and said in a sentence.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path

from utils.exercise_data import ExerciseError, load_exercise
from utils.grade_pairing import Carried, carry
from utils.grade_profile import Column, Profile, load_profile
from utils.grade_tables import ColumnsError, Row, Table, harmless, read_table, write_table

HERE = "{assignment}"  # in a column's name: what --assignment gives
NAMED = 8  # people that a sentence names
SCALED = ("total", "max")
BECAME = {"leave out": "left out", "blank": "in the file without one", "zero": "given 0"}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options."""
    about = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m utils.grade_columns", description=about)
    add = parser.add_argument
    add("grades", type=Path, metavar="GRADES", help="the CSV that python -m utils.grade wrote")
    add("--profile", required=True, help="canvas, moodle, or a TOML file of your own")
    add("--out", type=Path, required=True, metavar="CSV", help="the file to write")
    add("--roster", type=Path, metavar="CSV", help="the people, as the gradebook exports them")
    add("--assignment", metavar="NAME", help="the name of the gradebook's column")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Write the file and say what was done: 0, or 1 and the reason."""
    options = parse(arguments)
    aside = options.out.with_name(f"{options.out.stem}.held.csv")
    try:
        profile = load_profile(options.profile)
        for path in filter(None, (options.grades, options.roster)):
            if path.resolve() in (options.out.resolve(), aside.resolve()):
                raise ColumnsError(f"--out would write over {path}; name another file")
        grades = read_table(options.grades)
        roster = read_table(options.roster) if options.roster else None
        carried, lines = carried_over(grades, roster, profile, options.assignment)
        write_table(options.out, lines, profile.delimiter, profile.encoding)
        if carried.held or aside.exists():
            rows = [[*(grade[name] for name in grades.head), why] for grade, why in carried.held]
            write_table(aside, [[*grades.head, "reason"], *rows], ",", "utf-8")
    except ColumnsError as error:
        print(error, file=sys.stderr)
        return 1
    print(*told(carried, profile, options.out, aside), sep="\n")
    return 0


def carried_over(
    grades: Table, roster: Table | None, profile: Profile, assignment: str | None = None
) -> tuple[Carried, list[list[str]]]:
    """Which grade went where, and the lines of the file. Raises ColumnsError."""
    check_columns(grades, roster, profile)
    carried = carry(grades, roster, profile)
    lines = [heading(profile, roster, assignment)]
    if profile.points_row:
        lines.append(points_row([grade for _, grade in carried.pairs if grade], profile))
    for person, grade in carried.pairs:
        lines.append([cell(column, person, grade, profile) for column in profile.column])
    return carried, lines


def check_columns(grades: Table, roster: Table | None, profile: Profile) -> None:
    """Raises ColumnsError for a column that is named and not there, and for a missing roster."""
    if roster is None and profile.roster_from:
        raise ColumnsError(f"{profile.name} needs --roster FILE: {profile.roster_from}")
    asker = f"the profile {profile.name}"
    for name in ("name", "file", "status", "total", "max"):
        grades.need(name, "the grader writes; give the CSV of python -m utils.grade")
    used = [c.grades or c.points for c in profile.column] + [r.grades for r in profile.match]
    for name in filter(None, used):
        grades.need(name, f"{asker} names")
    for name in [c.roster for c in profile.column] + [r.roster for r in profile.match]:
        if name and roster is not None:
            roster.need(name, f"{asker} names")


def heading(profile: Profile, roster: Table | None, assignment: str | None) -> list[str]:
    """The names of the columns; an assignment gets the number it has in the roster's columns."""
    names = [column.name for column in profile.column]
    if not any(HERE in name for name in names):
        return names
    if not (assignment or "").strip():
        raise ColumnsError(f"{profile.name} needs --assignment NAME, a column of the gradebook")
    there = roster.head if roster else ()
    fits = [h for h in there if re.fullmatch(rf"{re.escape(assignment)}(?: \(\d+\))?", h)]
    return [name.replace(HERE, fits[0] if len(fits) == 1 else assignment) for name in names]


def points_row(grades: Sequence[Row], profile: Profile) -> list[str]:
    """The row of the points possible. Raises ColumnsError for grades of several lessons."""
    most = sorted({grade["max"] for grade in grades if grade["max"]})
    if len(most) > 1:
        told = f"the grades are out of {' and of '.join(most)} points, so of several lessons"
        raise ColumnsError(f"{told}; grade one at a time, with --lesson")
    full = {"name": "", "file": "", "max": "".join(most), "total": "".join(most)}
    line = [profile.points_row]
    for column in profile.column[1:]:
        value = number(full, column.points, profile) if column.points in SCALED else None
        line.append(written(value or possible(column.points), profile))
    return line


def possible(id: str) -> Decimal | None:
    """The points of an exercise, None for anything else."""
    try:
        return Decimal(load_exercise(id).points)
    except ExerciseError:
        return None


def cell(column: Column, person: Row | None, grade: Row | None, profile: Profile) -> str:
    """What stands in one cell of a person's row."""
    if column.roster and person and person[column.roster]:
        return person[column.roster]
    if column.points and grade:
        return written(number(grade, column.points, profile), profile)
    if column.points and profile.without_grade == "zero":
        return written(Decimal(0), profile)
    return harmless(grade[column.grades]) if column.grades and grade else column.text


def number(grade: Row, name: str, profile: Profile) -> Decimal | None:
    """The number in a cell of the grades, scaled; None for an empty one. Raises ColumnsError."""
    value, most = (decimal(grade, column) for column in (name, "max"))
    if value is None or profile.scale == "points" or name not in SCALED:
        return value
    return value * Decimal(str(profile.scale)) / most if most else None


def decimal(grade: Row, name: str) -> Decimal | None:
    """The number in a cell as it stands there. Raises ColumnsError for anything else."""
    try:
        value = Decimal(grade[name]) if grade[name] else None
    except InvalidOperation:
        value = Decimal("NaN")
    if value is not None and not value.is_finite():
        told = f"{grade['name']} ({grade['file']}) has {grade[name]!r} under {name}"
        raise ColumnsError(f"{told}, which is no number; mend that cell")
    return value


def written(value: Decimal | None, profile: Profile) -> str:
    """A number with the decimals of the profile, a half rounded up; "" for None."""
    if value is None:
        return ""
    step = Decimal(1).scaleb(-profile.decimals)
    return f"{value.quantize(step, ROUND_HALF_UP):f}".replace(".", profile.decimal_mark)


def told(carried: Carried, profile: Profile, out: Path, aside: Path) -> list[str]:
    """What was done, a sentence each."""
    count = sum(grade is not None for _, grade in carried.pairs)
    lines = [f"Grades written to {out}: {count}."]
    if carried.missing:
        names = few([next(filter(None, person.values())) for person in carried.missing])
        how = BECAME[profile.without_grade]
        lines.append(f"In the roster without a grade, {how}: {len(carried.missing)} ({names}).")
    for reason in dict.fromkeys(reason for _, reason in carried.held):
        rows = [grade for grade, why in carried.held if why == reason]
        names = few([f"{grade['name']}, {grade['file']}" for grade in rows])
        lines.append(f"Held back because {reason}: {len(rows)} ({names}).")
    if carried.held:
        lines.append(f"What was held back is in {aside}, with the reasons.")
    return lines


def few(names: list[str]) -> str:
    """Some names, and how many more there are."""
    more = len(names) - NAMED
    return "; ".join(names[:NAMED]) + (f"; and {more} more" if more > 0 else "")


if __name__ == "__main__":
    sys.exit(main())
