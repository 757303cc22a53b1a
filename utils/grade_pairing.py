"""Which grade belongs to which person of a roster: by the rules of a profile, and never a guess.

A grade that fits nobody, or several, or a person who has another one, is held back with a reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from utils.grade_profile import Profile, Rule
from utils.grade_tables import FORMULA, Row, Table

Index = dict[str, list[int]]  # what a rule finds in the roster -> places of people there


@dataclass(frozen=True)
class Carried:
    """What came of it. pairs: person and grade, one of which may be None.

    held: grades that are not carried over, with the reasons; missing: people without a grade.
    """

    pairs: tuple[tuple[Row | None, Row | None], ...]
    held: tuple[tuple[Row, str], ...]
    missing: tuple[Row, ...] = ()


def carry(grades: Table, roster: Table | None, profile: Profile) -> Carried:
    """Pair grades with people. Each grade is paired or held.

    A person whose grade is held, or may be, is not among those without one: no zero for them.
    """
    held = [(g, f"its status is {g['status']}") for g in grades.rows if g["status"] in profile.hold]
    left = [grade for grade in grades.rows if grade["status"] not in profile.hold]
    if roster is None:
        once, twice = alone(left, [key(grade["name"]) for grade in left])
        return Carried(tuple((None, grade) for grade, _ in once), (*held, *twice))
    people = [row for row in roster.rows if not skipped(row, roster, profile)]
    indexes = [index(people, rule) for rule in profile.match]
    fits = [(grade, *owners(grade, indexes, profile)) for grade in left]
    held += [(grade, reason) for grade, _, reason in fits if reason]
    sure = [(grade, places[0]) for grade, places, reason in fits if not reason]
    once, twice = alone([grade for grade, _ in sure], [place for _, place in sure])
    of = {place: grade for grade, place in once}
    waiting = [owners(grade, indexes, profile)[0] for grade, _ in held]
    claimed = {place for _, place in sure}.union(*waiting)
    without = set(range(len(people))) - claimed
    shown = set(of) if profile.without_grade == "leave out" else set(of) | without
    pairs = tuple((people[i], of.get(i)) for i in sorted(shown))
    return Carried(pairs, (*held, *twice), tuple(people[i] for i in sorted(without)))


def alone(
    rows: Sequence[Row], marks: Sequence[Hashable]
) -> tuple[list[tuple[Row, Hashable]], list[tuple[Row, str]]]:
    """The rows whose mark stands once, with it; the others with the reason that holds them."""
    counts = Counter(marks)
    pairs = list(zip(rows, marks, strict=True))
    once = [(row, mark) for row, mark in pairs if counts[mark] == 1]
    reason = "one person has {} grades".format
    return once, [(row, reason(counts[mark])) for row, mark in pairs if counts[mark] > 1]


def index(people: Sequence[Row], rule: Rule) -> Index:
    """The people by what a rule looks at."""
    found: Index = defaultdict(list)
    for i, person in enumerate(people):
        found[key(picked(person[rule.roster], rule.roster_pattern))].append(i)
    return found


def owners(grade: Row, indexes: Sequence[Index], profile: Profile) -> tuple[list[int], str]:
    """The places of the people a grade may belong to, and why it is not sure; "" when it is."""
    several: tuple[list[int], str] = ([], "nobody in the roster fits")
    for rule, found in zip(profile.match, indexes, strict=True):
        mark = key(picked(grade[rule.grades], rule.grades_pattern))
        fits = found.get(mark, []) if mark else []
        if len(fits) == 1:
            return fits, ""
        if fits and not several[0]:
            several = fits, f"{len(fits)} people of the roster have this {rule.roster}"
    return several


def picked(cell: str, pattern: str) -> str:
    """The part of a cell that a pattern picks; "" where it does not fit."""
    found = re.search(pattern, cell) if pattern else None
    if found is None:
        return "" if pattern else cell
    return (found[1] if found.re.groups else found[0]) or ""


def key(text: str) -> str:
    """A name as it is compared: capitals, spaces and ways of writing an accent do not count."""
    guarded = text.startswith("'") and text[1:].startswith(FORMULA)  # as the grader writes it
    plain = unicodedata.normalize("NFKC", text[1:] if guarded else text)
    return " ".join(plain.split()).casefold()


def skipped(person: Row, roster: Table, profile: Profile) -> bool:
    """True for a row of the roster that is nobody, such as the points possible."""
    first = person[roster.head[0]]
    return bool(profile.roster_skip and re.search(profile.roster_skip, first))
