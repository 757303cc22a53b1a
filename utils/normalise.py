"""When two answers are the same: the exact match of the course."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

GROUPED = re.compile(r"(?<![\d.])(?<!\d,)\d{1,3}([,'\u2019 ])\d{3}(?:\1\d{3})*(?!,?\d)")
QUANTITY = re.compile(r"^([€$£]?)\s*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([^\d]*)$", re.IGNORECASE)
UNIT_WORDS = 4
QUOTES = " \"'\u201c\u201d`"
NO_UNITS = frozenset(
    "january february march april may june july august september october november december "
    "hundred thousand million billion trillion".split()
)  # "4 May" is no 4 and "5 million" no 5


@dataclass(frozen=True)
class Quantity:
    """A number and the unit written with it; the unit is empty where none is written."""

    number: Decimal
    unit: str


def normalise(text: str) -> str:
    """Lower case and single spaces; no thousands separators, quotes around, or final full stop."""
    previous = None
    while previous != text:
        previous, text = text, _strip(text)
    return text


def _strip(text: str) -> str:
    text = " ".join(text.casefold().replace("\u2212", "-").split()).strip(QUOTES)
    text = GROUPED.sub(lambda match: re.sub(r"\D", "", match[0]), text)
    return text.rstrip(".").strip(QUOTES)


def same_answer(got: str, gold: str) -> bool:
    """Exact match after normalising; numbers by value, units where both sides carry one.

    >>> same_answer("48213 inhabitants.", "48,213")
    True
    >>> same_answer("34 kilometres", "34 metres")
    False
    """
    if normalise(got) == normalise(gold):
        return True
    left, right = quantity(got), quantity(gold)
    if left is None or right is None or left.number != right.number:
        return False
    return not left.unit or not right.unit or left.unit == right.unit


def quantity(text: str) -> Quantity | None:
    """The text as one number with an optional unit of a few words; None where it is not one."""
    cleaned = " ".join(text.split())
    if _proper_name(cleaned):
        return None
    match = QUANTITY.match(normalise(cleaned))
    if match is None:
        return None
    sign, digits, unit = match.groups()
    try:
        number = Decimal(digits)
    except InvalidOperation:
        return None
    if NO_UNITS.intersection(unit.split()):
        return None
    unit = (sign or unit).strip(" .-")
    return Quantity(number, unit) if len(unit.split()) <= UNIT_WORDS else None


def _proper_name(text: str) -> bool:
    """True for "7 Harbour Street": words with a capital are no unit, short ones (kW) may be."""
    return any(word[0].isupper() and len(word) > 3 for word in text.split())


def contains_answer(prose: str, gold: str) -> bool:
    """True when the gold answer stands in the prose as whole words, after normalising.

    Prose gets the benefit of the doubt: other values beside the right one do not count
    against it. A number with a unit is found where the unit, or nothing, follows it.
    """
    text, wanted = normalise(prose), normalise(gold)
    if not wanted:
        return False
    before = r"(?<![\w.])(?<!(?<!\w)-)" if wanted[0].isdigit() else r"(?<![\w.])"
    if re.search(rf"{before}{re.escape(wanted)}(?!\w|\.\d)", text):
        return True
    amount = quantity(gold)
    if amount is None or not amount.unit:
        return False
    digits = re.escape(wanted.split(" ")[0])
    return re.search(rf"{before}{digits}(?=[.,;!?]*$|[.,;!?]\s)", text) is not None
