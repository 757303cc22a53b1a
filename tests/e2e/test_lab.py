"""Lesson 00 in the hands of a learner: run it, fail, take a hint, get it right, come back."""

from __future__ import annotations

import pytest

from .lab import Notebook

pytestmark = pytest.mark.e2e
WRONG = "def tokens_per_second(tokens, seconds):\n    return tokens * seconds"
RIGHT = "def tokens_per_second(tokens, seconds):\n    return tokens / seconds"


def test_lesson_00_from_the_first_run_to_the_next_day(lab, page):
    notebook = Notebook(page, lab, "notebooks/00_start_here.ipynb")
    notebook.run_all()
    notebook.picture("lesson-00-run")
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    task, check = notebook.cell("def tokens_per_second"), notebook.cell('check("0.2")')
    assert "not attempted" in notebook.output(check)

    notebook.write(task, WRONG)
    notebook.run(task)
    said = notebook.run(check)
    assert "not right yet" in said and "expected" in said and "hint(" in said
    notebook.picture("lesson-00-wrong", check)

    assert "Hint 2 of 3" in notebook.run(
        notebook.cell('hint("0.2")')
    )  # the first came with run all
    notebook.write(task, RIGHT)
    notebook.run(task)
    assert "right" in notebook.run(check)
    before = notebook.run(notebook.cell("progress()"))
    assert earned(before) == ["right", "1/1"]

    notebook.restart()
    again = notebook.append("from utils.check import progress\nprogress()")
    after = notebook.run(again)
    notebook.picture("lesson-00-again")
    assert after.strip() == before.strip()
    assert page.complaints == []


def earned(table: str) -> list[str]:
    """The verdict and the points of exercise 0.2 in the table of progress."""
    line = next(line for line in table.splitlines() if line.split()[:1] == ["0.2"])
    return line.split()[1:3]
