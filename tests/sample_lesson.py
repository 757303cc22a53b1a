"""A small lesson of five exercises for tests, and cells run as a notebook runs them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from utils import check as course

TOML = """
title = "Measure"
[[exercise]]
id = "1.1"
name = "share"
title = "Share of valid cards"
points = 2
minutes = 5
difficulty = 1
hints = ["What is counted?", "Divide by all."]
[[exercise.case]]
expr = "share([True, False, False, False])"
want = 0.25
tolerance = 1e-6
message = "Divide how many are True by how many there are."
wrong = [
    { value = 0.75, message = "that is the fraction of invalid cards" },
    { expr = "sum([True, False, False, False])", message = "that is a count, not a share" },
    { when = "got > 1", message = "a share is never above 1" },
    { error = "AttributeError", message = "a list has no such method" },
]
[[exercise.case]]
setup = "flags = [True] * 4"
expr = "share(flags)"
want = 1
message = "All are True here."
[[exercise.case]]
expr = "share([])"
raises = "ValueError"
message = "No cards have no share: raise ValueError."
[[exercise]]
id = "1.2"
name = "guess"
title = "Guess the share"
kind = "predict"
expr = "my_guess"
low = 0
high = 1
points = 1
minutes = 1
difficulty = 1
[[exercise]]
id = "1.3"
name = "decide"
title = "Decide"
kind = "choice"
expr = "decision"
points = 1
minutes = 1
difficulty = 1
hints = ["What changes each day?"]
[[exercise.question]]
key = "prices"
text = "prices that change daily"
right = "retrieve"
reasons = { retrieve = "The facts change.", tune = "Training each day is dear." }
[[exercise.question]]
key = "form"
right = ["tune"]
reasons = { retrieve = "Form is no fact.", tune = "Form is what training gives." }
[[exercise]]
id = "1.4"
name = "answer"
title = "Any answer"
points = 1
minutes = 1
difficulty = 1
hints = ["Think."]
[[exercise.case]]
expr = "answer()"
want = [1, 2]
message = "One, then two."
wrong = [{ error = "TypeError", says = "concatenate list", message = "join a list with a list" }]
[[exercise]]
id = "1.5"
name = "quick"
title = "A quick answer"
points = 1
minutes = 1
difficulty = 1
seconds = 0.3
hints = ["Think."]
[[exercise.case]]
expr = "quick()"
want = 1
message = "One."
"""
IMPORTS = "from utils.check import check, hint, progress, solution\n"
RIGHT = """
def share(flags):
    if not flags:
        raise ValueError("none")
    return sum(flags) / len(flags)
"""


def run_cell(folder: Path, text: str) -> dict:
    """Run text as a notebook runs a cell: its namespace; the lines can be read in tracebacks."""
    path = folder / f"cell{len(list(folder.iterdir()))}.py"
    path.write_text(IMPORTS + text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


@pytest.fixture(name="notebook")
def make_notebook(tmp_path, monkeypatch, capsys):
    """A function that runs a cell and gives what it prints; the exercises are those above."""
    for name in ("exercises", "cells"):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "exercises" / "01.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "exercises" / "solutions.json").write_text(json.dumps({"1.1": RIGHT}))
    monkeypatch.setenv("FORM_AND_FACTS_PROGRESS", str(tmp_path / "own" / "progress.json"))
    monkeypatch.setattr(course, "FOLDER", tmp_path / "exercises")
    for name in ("_unsaved", "_told", "_last"):
        getattr(course, name).clear()

    def run(text: str) -> str:
        before = sys.stdout, sys.stderr
        run_cell(tmp_path / "cells", text)
        assert (sys.stdout, sys.stderr) == before, "the check left its own stdout behind"
        out, err = capsys.readouterr()
        assert err == "" and "Traceback" not in out
        return out

    return run
