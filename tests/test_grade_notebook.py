"""What is read out of a submitted file, and which lesson it is taken for."""

from __future__ import annotations

import json

import pytest

from submissions import make
from utils import grade_notebook
from utils.exercise_data import load_all
from utils.grade_notebook import (
    Refused,
    as_cells,
    case_names,
    code_cells,
    exercise_cells,
    lesson_of,
    marked,
    officials,
    read_notebook,
    source_of,
)

LESSONS = officials()


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b" \n", "empty", "the file is empty"),
        (b"{", "invalid notebook", "not JSON"),
        (b"\xff\xfe{", "invalid notebook", "not UTF-8"),
        (b"[" * 10**5, "invalid notebook", "not JSON"),
        (b"9" * 10**5, "invalid notebook", "not JSON"),
        (b"[]", "invalid notebook", "it has no cells"),
        (b"{}", "invalid notebook", "it has no cells"),
        (b'{"cells": []}', "invalid notebook", "its nbformat is None, and 4 is needed"),
        (b'{"nbformat": 3, "worksheets": []}', "invalid notebook", "its nbformat is 3"),
        (b'{"nbformat": 4, "worksheets": []}', "invalid notebook", "its cells are no list"),
        (b'{"nbformat": 4, "cells": [1]}', "invalid notebook", "cells that are none"),
    ],
)
def test_a_file_that_is_no_notebook(data, status, sentence):
    with pytest.raises(Refused, match=sentence) as raised:
        read_notebook(data)
    assert raised.value.status == status


def test_a_mark_of_order_in_front_is_no_fault():
    assert read_notebook(b"\xef\xbb\xbf" + json.dumps(make.blank()).encode()) != []


@pytest.mark.parametrize("source", [None, 3, {}, [1], ["a", None]])
def test_a_source_that_is_no_text_is_empty(source):
    assert source_of({"source": source}) == source_of({}) == ""


def test_cells_without_code_and_with_too_much(monkeypatch):
    with pytest.raises(Refused, match="no code"):
        code_cells([{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "source": " "}])
    monkeypatch.setattr(grade_notebook, "CODE", 10)
    with pytest.raises(Refused, match="more than 10 characters"):
        code_cells([make.code("x = 1"), make.code("y = 22")])


@pytest.mark.parametrize("number", [lesson.number for lesson in load_all()])
def test_each_lesson_is_known_with_and_without_its_metadata(number):
    cells = make.blank(number)["cells"]
    assert lesson_of(cells, LESSONS) == number
    bare = [{**cell, "metadata": {}} for cell in cells]
    assert lesson_of(bare, LESSONS) == number
    assert lesson_of([cell for cell in bare if cell["cell_type"] == "code"], LESSONS) == number
    exercises = {exercise.id for exercise in LESSONS[number].lesson.exercises}
    assert exercise_cells(bare, LESSONS[number]) == exercises


def test_a_notebook_of_something_else_is_no_lesson():
    assert lesson_of([make.code("x = 1"), {"cell_type": "raw"}, {}], LESSONS) is None


@pytest.mark.parametrize(
    ("metadata", "exercise"),
    [
        ({"exercise": "1.4"}, "1.4"),
        ({"nbgrader": {"grade_id": "wilson"}}, "1.4"),
        ({"exercise": ["1.4"], "nbgrader": 3}, None),
        ({"exercise": "9.9"}, None),
        (["exercise"], None),
        (None, None),
    ],
)
def test_an_exercise_is_known_by_its_metadata(metadata, exercise):
    assert marked({"metadata": metadata}, LESSONS["01"].lesson) == exercise


def test_what_the_course_wrote_is_told_from_what_the_learner_did():
    cells = code_cells(make.submission(make.answers(), "x = 1")["cells"])
    made = as_cells(cells, LESSONS["01"])
    assert [cell.exercise for cell in made if cell.exercise] == list(LESSONS["01"].names)
    assert [c.source for c in made if not c.official and not c.exercise] == [make.before(), "x = 1"]
    slow = [
        cell for cell in make.blank("02")["cells"] if "slow" in cell["metadata"].get("tags", [])
    ]
    bare = [{**cell, "metadata": {"tags": "slow"}} for cell in slow]
    assert slow and all(cell.slow and cell.official for cell in as_cells(bare, LESSONS["02"]))


def test_names_that_a_case_makes_itself_are_no_needs():
    exercises = LESSONS["05"].lesson.exercises
    assert set(case_names(exercises)) >= {"diagnose", "my_guess", "copied"}
    assert not {"two", "towns", "page", "p", "Passage"} & set(case_names(exercises))
