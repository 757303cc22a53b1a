"""When two answers are the same: tables of cases, and properties that hold for any text."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from utils.normalise import Quantity, contains_answer, normalise, quantity, same_answer

SPACES = ("\u00a0", "\u2009", "\u202f")
SEPARATORS = (",", "'", "\u2019", " ", *SPACES)
WORDS = st.from_regex(r"[a-z]{1,8}( [a-z]{1,8}){0,3}", fullmatch=True)
ANY = st.text() | st.text(alphabet="0123456789,.'e+-€$ aM\u00a0\u2019\"", max_size=20)


def grouped(number: int, separator: str) -> str:
    """The number with a separator between thousands, counted by hand from the right."""
    digits = str(abs(number))
    parts = []
    while digits:
        parts.insert(0, digits[-3:])
        digits = digits[:-3]
    return ("-" if number < 0 else "") + separator.join(parts)


@settings(deadline=None)
@given(ANY)
@example(". .")
@example('x.".')
@example("1 234,567")
@example("12,34,567")
@example("\u0130 \u00df")
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert "  " not in once and once == once.strip() and not once.endswith(".")


@settings(deadline=None)
@given(ANY)
@example("1e99999999999999999999")
@example("1" * 5000)
@example("\u00b2")
def test_no_text_makes_quantity_fail(text: str) -> None:
    found = quantity(text)
    assert found is None or (found.number.is_finite() and found.unit == found.unit.strip())


@settings(deadline=None)
@given(ANY, ANY)
def test_sameness_does_not_depend_on_who_is_first(left: str, right: str) -> None:
    assert same_answer(left, right) == same_answer(right, left)


@settings(deadline=None)
@given(ANY)
def test_every_text_is_the_same_as_itself(text: str) -> None:
    assert same_answer(text, text)
    assert same_answer(text, f' "{normalise(text)}." ')


@settings(deadline=None)
@given(ANY, ANY)
def test_prose_holds_the_answer_only_if_there_is_one(prose: str, gold: str) -> None:
    found = contains_answer(prose, gold)
    assert found in (True, False)
    assert contains_answer(gold, gold) == bool(normalise(gold))


@settings(deadline=None)
@given(WORDS, st.lists(WORDS), st.lists(WORDS))
def test_prose_is_searched_as_a_list_of_words_is(gold: str, before, after) -> None:
    assert contains_answer(" ".join([*before, gold, *after]), gold)
    words, wanted = " ".join([*before, *after]).split(), gold.split()
    spans = [words[i : i + len(wanted)] for i in range(len(words))]
    assert contains_answer(" ".join(words), gold) == (wanted in spans)


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12), st.sampled_from(SEPARATORS))
def test_thousands_separators_change_nothing(number: int, separator: str) -> None:
    written = grouped(number, separator)
    assert same_answer(written, str(number))
    assert same_answer(f"{written} metres", f"{number} metres")
    assert quantity(written) == Quantity(Decimal(number), "")
    assert contains_answer(f"I think it is {written}, all told.", str(number))


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_other_numbers_are_other_answers(left: int, right: int) -> None:
    assert same_answer(f"{left:,}", str(right)) == (left == right)
    assert contains_answer(f"It is {left:,} now", str(right)) == (left == right)


NORMALISED = [
    ("  The  Old\tBridge. ", "the old bridge"),
    ('"Oak"', "oak"),
    ("\u201cOak.\u201d", "oak"),
    ("Straße", "strasse"),
    ("48,213", "48213"),
    ("1 234 567", "1234567"),
    ("12,345.67", "12345.67"),
    ("in 1990 300 people", "in 1990 300 people"),
    ("12,34,567", "12,34,567"),
    ("1,234,5678", "1,234,5678"),
    ("1, 234", "1, 234"),
    ("1.234.567", "1.234.567"),
    ("\u22125", "-5"),
    ("3.0", "3.0"),
    ("...", ""),
]


@pytest.mark.parametrize(("text", "wanted"), NORMALISED)
def test_normalise(text: str, wanted: str) -> None:
    assert normalise(text) == wanted


QUANTITIES = [
    ("34", ("34", "")),
    ("34 metres", ("34", "metres")),
    ("48,213 inhabitants.", ("48213", "inhabitants")),
    ("-1.5 °C", ("-1.5", "°c")),
    ("+5", ("5", "")),
    ("2e-4", ("0.0002", "")),
    ("20%", ("20", "%")),
    ("€68", ("68", "€")),
    ("68 €", ("68", "€")),
    ("5 kW", ("5", "kw")),
    ("6 turns of the wheel", ("6", "turns of the wheel")),
    ("7 Harbour Street", None),
    ("4 May", None),
    ("4 may", None),
    ("5 million", None),
    ("€5 million", None),
    ("08:20", None),
    ("14 May 2009", None),
    ("room 5", None),
    ("6 long turns of the wheel", None),
    ("Friday", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "wanted"), QUANTITIES)
def test_quantity(text: str, wanted: tuple[str, str] | None) -> None:
    assert quantity(text) == (wanted and Quantity(Decimal(wanted[0]), wanted[1]))


SAME = """
48213 inhabitants. | 48,213     | yes
1,234.0            | 1234       | yes
2e-4               | 0.0002     | yes
34                 | 34 metres  | yes
34 metres          | 34 METRES. | yes
5 €                | €5         | yes
$5                 | €5         | no
34 kilometres      | 34 metres  | no
35                 | 34 metres  | no
-5                 | 5          | no
−5                 | -5         | yes
5 million          | 5          | no
€5 million         | €5         | no
4 May              | 4          | no
4 may              | 4 May      | yes
3 May 1871         | 3          | no
7                  | 7 Harbour Street | no
7 harbour street   | 7 Harbour Street | yes
oak                | "Oak."     | yes
oak tree           | oak        | no
Zoë                | Zoe        | no
""".strip().splitlines()


@pytest.mark.parametrize("case", SAME)
def test_same_answer(case: str) -> None:
    got, gold, wanted = re.split(r"\s+\|\s+", case)
    assert same_answer(got, gold) == (wanted == "yes")


FOUND = """
It has 48,213 inhabitants.      | 48213         | yes
It is 34.                       | 34 metres     | yes
It is 34, I think.              | 34 metres     | yes
It is 34 metres long.           | 34 metres     | yes
It is 34 years old.             | 34 metres     | no
The bridge is 34 metres long.   | 34 kilometres | no
It is 34.5 long.                | 34            | no
There are 34,000 of them.       | 34            | no
There are 1234.                 | 34            | no
It is -34 degrees.              | 34            | no
It is -34 degrees.              | -34           | yes
From 30-34 of them.             | 34            | yes
Built in 1871, later closed.    | 1871          | yes
In 1871 250 people came.        | 250           | yes
A tree, the "Oak".              | oak           | yes
Oaken.                          | Oak           | no
The mayor is Ann Marie.         | ann marie     | yes
Version v1.8 came.              | 1.8           | no
""".strip().splitlines()


@pytest.mark.parametrize("case", FOUND)
def test_contains_answer(case: str) -> None:
    prose, gold, wanted = re.split(r"\s+\|\s+", case)
    assert contains_answer(prose, gold) == (wanted == "yes")
