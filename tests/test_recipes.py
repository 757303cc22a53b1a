"""Which adapter a lesson takes: trained in a lesson, shipped, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils import recipes


@pytest.fixture
def lessons(tmp_path: Path, monkeypatch) -> Path:
    """The folder of the lessons' own adapters, empty."""
    monkeypatch.setattr(recipes, "lesson_folder", lambda: tmp_path)
    monkeypatch.setattr(recipes, "model_source", lambda: "some/model")
    return tmp_path


def test_the_shipped_adapter_until_one_is_trained(lessons: Path, monkeypatch) -> None:
    monkeypatch.setattr(recipes, "is_default", lambda: True)
    assert recipes.lesson_adapter("form").origin == "shipped"
    (lessons / "form").mkdir()
    (lessons / "form" / recipes.WHOLE).write_text("{}")
    found = recipes.lesson_adapter("form")
    assert found.origin == "trained" and found.folder == lessons / "form"


def test_another_model_without_a_training_is_told_what_to_do(lessons: Path, monkeypatch) -> None:
    monkeypatch.setattr(recipes, "is_default", lambda: False)
    with pytest.raises(recipes.NoAdapter, match="'form' has been trained for model. Run the train"):
        recipes.lesson_adapter("form")
