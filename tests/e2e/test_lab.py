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
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    notebook.picture("lesson-00-run")
    task, check = notebook.cell("def tokens_per_second"), notebook.cell('check("0.2")')
    assert "not attempted" in notebook.output(check).lower() or "open" in notebook.output(check)
    print(notebook.output(check))
    notebook.write(task, WRONG)
    notebook.run(task)
    print(notebook.run(check))
    notebook.picture("lesson-00-wrong", check)
    print(notebook.run(notebook.cell('hint("0.2")')))
    notebook.write(task, RIGHT)
    notebook.run(task)
    print(notebook.run(check))
    print(notebook.run(notebook.cell("progress()")))
    notebook.restart()
    again = notebook.append("from utils.check import progress\nprogress()")
    print(notebook.run(again))
    notebook.picture("lesson-00-again")
    print(page.complaints)
