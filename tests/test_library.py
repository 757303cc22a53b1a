"""What the extractor makes of the installed libraries, its questions, and the cache."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from utils import library
from utils.card import KINDS
from utils.library import Library, build_library, load_library


@pytest.fixture(scope="module")
def built() -> Library:
    return build_library()


def test_there_are_enough_passages_and_each_is_unique(built: Library) -> None:
    ids = [passage.id for passage in built.passages]
    assert len(ids) >= library.LEAST and len(set(ids)) == len(ids)
    assert {name.split(".")[0] for name in ids} == set(built.versions) == set(library.CLASSES)
    assert len({passage.text for passage in built.passages}) == len(ids)


def test_passages_are_short_and_without_markup(built: Library) -> None:
    for passage in built.passages:
        name, owner = passage.title.split(" of ")
        assert name in passage.text and owner in passage.text
        assert not re.search(r"`|\]\(|https?:|:\w+:`|\*\*|</|\s\s|\{name\}", passage.text), passage
        assert passage.text.endswith((".", ".)")) and 8 <= len(passage.text.split()) <= 90, passage


def test_each_answer_is_in_its_passage(built: Library) -> None:
    texts = {passage.id: passage.text for passage in built.passages}
    plain = [question for question in built.questions if question.variant == "plain"]
    topics = Counter(question.id.split(":")[1] for question in plain)
    assert set(topics) == {"default", "type", "meaning"} and min(topics.values()) >= 50
    for question in plain:
        assert question.answer in texts[question.source], question
        assert question.kind in KINDS and question.answer not in ("True", "False", "None", "bool")
        if question.id.endswith(":meaning"):
            assert question.answer not in question.question


def test_defaults_agree_with_the_libraries(built: Library) -> None:
    import inspect

    import peft
    import transformers

    answers = {question.id: question.answer for question in built.questions}
    for owner, cls, name in [
        ("peft.LoraConfig", peft.LoraConfig, "r"),
        ("transformers.TrainingArguments", transformers.TrainingArguments, "learning_rate"),
    ]:
        wanted = inspect.signature(cls.__init__).parameters[name].default
        assert answers[f"{owner}.{name}:default"] == str(wanted)


def test_unanswerable_questions_ask_for_what_the_class_lacks(built: Library) -> None:
    lacking = [question for question in built.questions if question.variant == "unanswerable"]
    assert len(lacking) == library.NEAR_MISSES + library.INVENTED
    ids = {passage.id.split(".", 1)[1] for passage in built.passages}
    for question in lacking:
        assert question.answer is None and question.source is None
        assert question.id.removeprefix("none.") not in ids


def test_questions_are_unique_and_split_by_parameter(built: Library) -> None:
    texts = [question.question for question in built.questions]
    assert len(set(texts)) == len(texts)
    splits: dict[str, set[str]] = {}
    for question in built.questions:
        splits.setdefault(question.source or question.id, set()).add(question.split)
    assert all(len(found) == 1 for found in splits.values())
    share = sum(found == {"dev"} for found in splits.values()) / len(splits)
    assert 0.2 < share < 0.4


def test_the_same_versions_give_the_same_bytes(built: Library, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        library.write_cache(tmp_path / name, {}, built if name == "one.json" else build_library())
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, built: Library) -> list[int]:
    """How often the library was built, with the building itself replaced."""
    calls: list[int] = []
    monkeypatch.setattr(library, "build_library", lambda: calls.append(1) or built)
    return calls


def test_the_cache_is_used(counted: list[int], built: Library, tmp_path: Path) -> None:
    assert load_library(tmp_path / "new") == built == load_library(tmp_path / "new")
    assert len(counted) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["library.json"]


@pytest.mark.parametrize("changed", ["read_versions", "source_hash"])
def test_a_change_rebuilds(
    counted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    load_library(tmp_path)
    monkeypatch.setattr(library, changed, lambda: {"trl": "0"})
    load_library(tmp_path)
    assert len(counted) == 2


@pytest.mark.parametrize("broken", ["", "{", "[]", "null", '{"header": 1', "\udcff"])
def test_a_broken_file_is_rebuilt_with_a_sentence(
    counted: list[int], tmp_path: Path, capsys: pytest.CaptureFixture, broken: str
) -> None:
    (tmp_path / "library.json").write_bytes(broken.encode("utf-8", "surrogateescape"))
    load_library(tmp_path)
    wanted = "The file library.json in the cache folder is broken and is made anew.\n"
    assert capsys.readouterr().out == wanted and len(counted) == 1
    assert json.loads((tmp_path / "library.json").read_text(encoding="utf-8"))


def test_half_a_row_is_broken_too(counted: list[int], tmp_path: Path) -> None:
    load_library(tmp_path)
    path = tmp_path / "library.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["passages"][0]["text"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert len(load_library(tmp_path).passages) == len(content["passages"])
    assert len(counted) == 2


def test_a_folder_that_cannot_be_written(
    counted: list[int], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert load_library(tmp_path / "file").passages
    assert capsys.readouterr().out.startswith("The library is not kept for next time: ")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(library.CLASSES, "no-such-package", ("Config",))
    with pytest.raises(library.LibraryError, match="no-such-package is not installed. Run: pip"):
        library.read_versions()


def test_too_few_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "read_parameters", lambda chosen: [])
    with pytest.raises(library.LibraryError, match="describe 0 parameters, and 150 are needed"):
        build_library()
