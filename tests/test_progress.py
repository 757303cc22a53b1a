"""The progress file: what it keeps, and every way in which it can be unusable."""

from __future__ import annotations

import json
import os

import pytest

from sample_lesson import RIGHT, make_notebook  # noqa: F401
from utils import check as course
from utils import progress
from utils.progress import Record

BROKEN = [
    "",
    "{",
    "null",
    "[]",
    '{"exercises": []}',
    '{"exercises": {"1.1": 3}}',
    '{"exercises": {"1.1": {"right": "yes"}}}',
    '{"exercises": {"1.1": {"outcome": "great"}}}',
    '{"exercises": {"1.1": {"outcome": []}}}',
    '{"exercises": {"1.1": {"hints": 1.5}}}',
    "[" * 100_000,
    '{"exercises": {"1.1": {"hints": ' + "9" * 5_000 + "}}}",
]


def test_records_come_back_as_written(tmp_path):
    path = tmp_path / "deep" / "progress.json"
    records = {"1.1": Record("right", True, 3, 1, True), "1.2": Record(answer={"a": [0.5, None]})}
    assert progress.load(path) == ({}, None)
    assert progress.save(path, records) is None
    assert progress.load(path) == (records, None)
    assert [p.name for p in path.parent.iterdir()] == ["progress.json"]


def test_a_newer_version_with_more_fields_can_be_read(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"version": 2, "exercises": {"9.9": {"right": true, "colour": "blue"}}}')
    assert progress.load(path) == ({"9.9": Record(right=True)}, None)


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_set_aside_with_a_sentence(tmp_path, text):
    path = tmp_path / "progress.json"
    path.write_text(text)
    records, sentence = progress.load(path)
    assert records == {} and sentence.count("\n") == 0
    assert "set aside as progress.broken.json" in sentence
    assert not path.exists() and (tmp_path / "progress.broken.json").read_text() == text
    assert progress.load(path) == ({}, None)


def test_bytes_that_are_no_text_and_a_folder_are_set_aside_too(tmp_path):
    path = tmp_path / "progress.json"
    path.write_bytes(b"\xff\xfe")
    assert "set aside" in progress.load(path)[1]
    (tmp_path / "progress.broken.json").unlink()
    path.mkdir()
    assert "set aside" in progress.load(path)[1]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    progress.save(path, {"1.1": Record(hints=1)})
    before = path.read_text()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    sentence = progress.save(path, {})
    assert "cannot be written to progress.json (No space left on device); it is kept" in sentence
    assert path.read_text() == before and list(tmp_path.iterdir()) == [path]


def test_progress_survives_a_restart(notebook, tmp_path):
    notebook(RIGHT + "check('1.1')")
    notebook("def share(f): return 0.5\ncheck('1.1')\nhint('1.1')")
    course._last.clear()
    assert notebook("progress()").splitlines() == [
        "Lesson 01, Measure: 2 of 6 points",
        "  1.1   right            2/2  Share of valid cards  (tries 2, hints 1)",
        "  1.2   open             0/1  Guess the share",
        "  1.3   open             0/1  Decide",
        "  1.4   open             0/1  Any answer",
        "  1.5   open             0/1  A quick answer",
        "All lessons: 2 of 6 points",
    ]
    stored = json.loads((tmp_path / "own" / "progress.json").read_text())["exercises"]["1.1"]
    assert stored["right"] and stored["outcome"] == "wrong" and stored["attempts"] == 2


def test_an_unwritable_place_costs_one_sentence_a_session(notebook, tmp_path):
    (tmp_path / "own").write_text("a file where the folder should be")
    out = notebook("hint('1.1')\nhint('1.1')\nprogress()")
    assert out.count("cannot be") == 1 and "Hint 1 of 2" in out and "Hint 2 of 2" in out
    assert "(hints 2)" in out


def test_a_broken_file_costs_one_sentence_and_the_check_goes_on(notebook, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "progress.json").write_text("{")
    out = notebook(RIGHT + "check('1.1')\nprogress()")
    assert out.count("set aside") == 1 and "right. 2 of 2 points." in out
    assert "All lessons: 2 of 6" in out


def test_the_file_is_named_by_the_variable_or_lies_in_results(monkeypatch, tmp_path):
    monkeypatch.setenv("FORM_AND_FACTS_PROGRESS", str(tmp_path / "x.json"))
    assert progress.progress_path() == tmp_path / "x.json"
    monkeypatch.setenv("FORM_AND_FACTS_PROGRESS", " ")
    assert progress.progress_path() == progress.ROOT / "results" / "progress.json"
