"""Stored results: found, picked from, and one sentence where they are missing or broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from utils import reference as module
from utils.data import DataError
from utils.reference import find_rows, reference

RESULT = {"rows": [{"arm": "base", "n": 1}, {"arm": "form", "n": 1}, {"arm": "form", "n": 2}]}


@pytest.fixture()
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "DATA", tmp_path)
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def test_a_stored_result_is_read_by_name_and_seed(results: Path) -> None:
    (results / "dose-seed2.json").write_text(json.dumps(RESULT), encoding="utf-8")
    assert reference("dose", 2) == RESULT


def test_rows_are_picked_by_their_fields() -> None:
    assert find_rows(RESULT, arm="form") == RESULT["rows"][1:]
    assert find_rows(RESULT, arm="form", n=2) == RESULT["rows"][2:]
    assert find_rows(RESULT, arm="chain") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "headline-seed0.json is not in data/results: get the course's folder anew, or run"),
        ("{", "headline-seed0.json is not JSON: get the course's folder anew"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_mend(results: Path, text, sentence: str) -> None:
    if text is not None:
        (results / "headline-seed0.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        reference("headline")
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)
