"""Predictions, choices, hints, solutions, and what check says when it cannot work."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from sample_lesson import RIGHT, make_notebook  # noqa: F401
from utils import check as course


def test_predictions_are_noted_and_kept(notebook):
    assert "1.2, Guess the share: not attempted" in notebook("my_guess = ...\ncheck('1.2')")
    for value in ("2", "True", "'0.5'", "float('nan')", "[0.5]"):
        out = notebook(f"my_guess = {value}\ncheck('1.2')")
        assert "not right yet" in out and "expected:     a number from 0 up to 1" in out
    assert course.answered("1.2") is None
    out = notebook("my_guess = 0.5\ncheck('1.2')")
    assert "noted. 1 of 1 point.\n  Your prediction: 0.5. Run on" in out
    course._unsaved.clear()
    assert course.answered("1.2") == 0.5 and course.passed("1.2")


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("60", "that is a percentage: write the share, 0.6"),
        ("'0.6'", "that is text: write 0.6, without quotes"),
        ("'70 %'", "that is text: write 0.7, without quotes"),
        ("'half'", "that is text: write a number, without quotes"),
        ("True", "True and False are no numbers"),
    ],
)
def test_a_prediction_that_is_not_accepted_says_why(notebook, value, cause):
    out = notebook(f"my_guess = {value}\ncheck('1.2')")
    assert out.splitlines()[-1] == f"  likely cause: {cause}"


def test_a_none_where_no_function_is_says_what_is_none(notebook):
    for name, number in (("my_guess", "1.2"), ("decision", "1.3")):
        out = notebook(f"{name} = None\ncheck('{number}')")
        assert "not attempted" in out and f"`{name}` is None: put your answer" in out
        assert "return" not in out


def test_choices_get_the_reason_of_what_was_chosen(notebook):
    assert "not attempted" in notebook("decision = {'prices': ..., 'form': 'tune'}\ncheck('1.3')")
    assert "not attempted" in notebook("decision = {}\ncheck('1.3')")
    out = notebook("decision = {'prices': 'tune', 'form': 'tune'}\ncheck('1.3')")
    assert "  1 of 2 are right.\n  prices (prices that change daily): 'tune': Training each" in out
    out = notebook("decision = {'prices': 'both', 'form': None}\ncheck('1.3')")
    assert "'both' is none of the choices; there are 'retrieve', 'tune'" in out
    assert "form: no answer yet; there are" in out and "0 of 2" in out
    assert "expected:     a dict: prices, form" in notebook("decision = 'tune'\ncheck('1.3')")
    out = notebook("decision = {'prices': 'retrieve', 'form': 'tune'}\ncheck('1.3')")
    assert "right. 1 of 1 point.\n  prices (prices that change daily): The facts change." in out


def test_hints_come_in_stages(notebook):
    assert notebook("hint('1.1')") == "Hint 1 of 2 for exercise 1.1: What is counted?\n"
    out = notebook("hint('1.1')")
    assert out.startswith("Hint 2 of 2 for exercise 1.1: Divide by all.\n")
    assert 'solution("1.1") shows a solution' in out and notebook("hint('1.1')") == out
    assert "has no hints: any answer is accepted" in notebook("hint('1.2')")


def test_a_solution_is_shown_after_an_attempt_a_hint_or_a_second_call(notebook):
    shown = f"A solution of exercise 1.1, Share of valid cards:\n\n{RIGHT}\n"
    out = notebook("def share(flags): ...\ncheck('1.1')\nsolution('1.1')")
    assert "Try exercise 1.1 first" in out and 'solution("1.1") once more shows' in out
    assert notebook("solution('1.1')") == shown
    notebook("hint('1.3')")
    assert "are not in this copy of the course; run: make build" in notebook("solution('1.3')")


def test_a_solution_follows_a_wrong_attempt(notebook):
    out = notebook("def share(flags): return 3\ncheck('1.1')\nsolution('1.1')")
    assert "A solution of exercise 1.1" in out


def test_what_does_not_exist_and_broken_files_cost_one_sentence(notebook, tmp_path):
    assert notebook("check('1.9')") == (
        "there is no exercise '1.9'; there are: 1.1, 1.2, 1.3, 1.4, 1.5\n"
    )
    assert "there is no exercise '7.1'; there are: 01.x" in notebook("hint('7.1')")
    for odd in ("1.1", "None", "[]", "check"):
        assert 'in quotes, as in check("1.2")' in notebook(f"check({odd})\nsolution({odd})")
    (tmp_path / "exercises" / "01.toml").write_text("title = ")
    assert notebook("check('1.1')").startswith("01.toml: cannot be read: ")
    assert notebook("progress()").startswith("Left out: 01.toml: cannot be read: ")


def test_a_fault_of_the_check_itself_is_one_sentence(notebook, monkeypatch):
    def broken(*args):
        raise RuntimeError("ours")

    monkeypatch.setattr(course, "judge", broken)
    out = notebook(RIGHT + "check('1.1')")
    assert out == "The check itself failed (RuntimeError); your code was not judged.\n"


def test_a_replaced_check_is_told(notebook):
    out = notebook("def check(x): pass\nprogress()")
    assert "`check` is something else in this notebook; run: from utils.check import check" in out


def test_in_a_notebook_its_own_namespace_counts(notebook, monkeypatch):
    shell = SimpleNamespace(user_ns={"my_guess": 0.25})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert "Your prediction: 0.25." in notebook("my_guess = 9\ncheck('1.2')")
