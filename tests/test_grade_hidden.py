"""Hidden cases and measured ones: how they are read, judged, and what a learner is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from submissions import make
from utils import measure as scorer
from utils.evaluate import evaluate, measure, runner
from utils.exercise_data import ExerciseError, load_all, load_exercise
from utils.grade_hidden import judge_both, read_hidden
from utils.judge import Verdict, judge
from utils.runs import Run

LESSONS = load_all()
TEXT = make.HIDDEN.read_text("utf-8")
KNOWN = {(5, 10): (0.23659, 0.76341), (9, 10): (0.595844, 0.982124)}
KNOWN |= {(0, 30): (0.0, 0.113517), (30, 30): (0.886483, 1.0)}


def verdict(wilson: Callable) -> Verdict:
    """The verdict on exercise 1.4 for an answer."""
    cases = read_hidden(TEXT, LESSONS)["1.4"]
    return judge_both(load_exercise("1.4"), cases, runner({"wilson": wilson}))


def right(k: int, n: int) -> tuple[float, float]:
    """The interval as scipy has it, through the course's scorer."""
    found = scorer.rate([True] * k + [False] * (n - k))
    return found.low, found.high


def test_both_kinds_of_cases_count():
    assert verdict(right).points == 3
    known = verdict(lambda k, n: KNOWN[k, n])
    assert (known.outcome, known.points, known.case) == ("wrong", 0, 1)
    assert known.lines == (
        "Exercise 1.4, The Wilson interval: not right yet (0 of 3).",
        "  The cases you know are right; of 2 others, number 1 is not.",
        "  Likely cause: Is z squared where it should be?",
    )


def test_a_wrong_answer_is_told_as_in_the_notebook():
    assert "wilson(5, 10)" in "\n".join(verdict(lambda k, n: (0.0, 1.0)).lines)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x =", "hidden cases: not TOML"),
        ('[["9.9".case]]\nexpr = "1"', "exercise 9.9: there is no such exercise"),
        ('[["1.3".case]]\nexpr = "1"', "exercise 1.3: only functions can have cases"),
        ('["1.4"]\ncases = []', "unknown: `cases`; there are: case"),
        ('"1.4" = 3', "write the cases as"),
        ('[["1.4".case]]\nexpr = "wilson(1, 2)"\nmessage = "x"', "case 1: needs exactly one of"),
        ('[["1.4".case]]\nexpr = "wilson("\nwant = 1\nmessage = "x"', "`expr` is not Python"),
    ],
)
def test_a_broken_file_is_named_with_the_place(text, fault):
    with pytest.raises(ExerciseError, match=fault):
        read_hidden(text, LESSONS)


def test_no_file_has_no_cases():
    assert read_hidden("", LESSONS) == {}


def test_lines_measure_a_form_and_a_failure_is_a_fault():
    assert measure("got = sum(got)", [1, 2]) == (3, None)
    value, fault = measure("got = len(got)", 5)
    assert value is None and fault == "a value that cannot be measured (TypeError): 5"


def test_the_capstone_is_measured_outside_of_the_learners_process():
    """What the learner's process says of its own answers is not asked."""
    exercise = load_exercise("6.6")
    asked = []

    def ask(expr: str, setup: str, seconds: float) -> Run:
        asked.append((expr, setup))
        return Run(value=[] if len(asked) == 1 else ["no card"] * 30)

    told = judge(exercise, ask)
    assert told.outcome == "wrong" and "0 of 30, wanted 27" in "\n".join(told.lines)
    assert not any("judge" in text or "verdict" in text for pair in asked for text in pair)


def test_a_case_with_an_equal_to_all_is_judged_by_its_form():
    class All(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    assert evaluate("f()", {"f": lambda: All(3)}).value == 3
