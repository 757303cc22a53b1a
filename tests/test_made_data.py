"""The committed data sets: made again byte for byte, no leaks, each answer where it is said to be.

The questions of a data set must not be answerable from what the asked arm was trained on. So
the names of `atlas`, `cities` and the reader sets may occur nowhere in the open-book training
sets, made or written, and no item of `form` in two of its splits. (The facts arm learns
`cities` on purpose: that is the experiment.)
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

from tools import make_atlas, make_form
from tools.make_data import make_data
from tools.written import written_examples
from utils.card import KINDS
from utils.data import DATA, Example, Passage, load_examples, load_passages, load_questions

ASKED = ("atlas", "cities", "reader_dev", "reader_prose", "reader_prose_test", "reader_test")
SMALLER = {"reader_prose": 28, "reader_prose_test": 14}  # passages; the others have 40 or more
TRAINING = ("open_book/train.jsonl", "form/train.jsonl", "cities/facts.jsonl")


@cache
def passages(name: str) -> dict[str, Passage]:
    return {p.id: p for p in load_passages(DATA / name / "passages.jsonl")}


@cache
def questions(name: str):
    return load_questions(DATA / name / "questions.jsonl")


@cache
def examples(name: str = "open_book/train.jsonl") -> list[Example]:
    return load_examples(DATA / name)


def everything(example: Example) -> str:
    """All a model could learn from an example, as one text."""
    shown = [f"{p.id}\n{p.title}\n{p.text}" for p in example.passages]
    card = f"{example.card.source}\n{example.card.answer}"
    return "\n".join([example.question, *shown, card])


def word(text: str) -> str:
    """A pattern that finds the text as whole words or a whole number."""
    return rf"(?<![\w])(?<!\d[.,]){re.escape(text)}(?![\w]|[.,]\d)"


def times(text: str, inside: str) -> int:
    return len(re.findall(word(text), inside, re.IGNORECASE))


def named(names: list[str], text: str) -> list[str]:
    """The names that occur in the text as whole words, sorted."""
    pattern = re.compile("|".join(word(n) for n in sorted(names, key=len, reverse=True)), re.I)
    found = {match.casefold() for match in pattern.findall(text)}
    return sorted(name for name in names if name.casefold() in found)


def distance(a: str, b: str) -> int:
    """Letters to change, add or drop to get from one to the other (Levenshtein 1965)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (x != y)))
    return row[-1]


def texts(found: list[Example]) -> list[str]:
    return [passage.text for example in found for passage in example.passages]


def test_every_made_file_is_the_committed_one_byte_for_byte(tmp_path: Path) -> None:
    made = {path.relative_to(tmp_path).as_posix(): path for path in make_data(tmp_path)}
    assert set(TRAINING) | {"open_book/dev.jsonl", "form/questions.jsonl"} <= set(made)
    other = [name for name, path in made.items() if path.read_bytes() != (DATA / name).read_bytes()]
    assert other == [], "made differently now: run python tools/make_data.py"


@pytest.mark.parametrize("name", ASKED)
def test_no_entity_asked_about_occurs_in_training(name: str) -> None:
    """Where a name is absent, so is every pair of it and an answer."""
    files = [file for file in TRAINING if (name, file) != ("cities", "cities/facts.jsonl")]
    learned = [example for file in files for example in examples(file)] + written_examples(0)
    titles = [p.title for p in passages(name).values() if p.title]
    assert len(titles) >= SMALLER.get(name, 40)
    lines = {line for example in learned for line in everything(example).split("\n")}
    assert named(titles, "\n".join(sorted(lines))) == []
    trained = {example.question.casefold() for example in learned}
    assert not trained & {q.question.casefold() for q in questions(name)}


def test_a_leaked_name_would_be_found() -> None:
    text = "Who leads ORSK today?\nCity_77 has a mayor.\nThe Hesby-Lantern"
    found = named(["Orsk", "City_7", "City_77", "Hesby", "Ors"], text)
    assert found == ["City_77", "Hesby", "Orsk"]


def test_dev_examples_are_not_training_examples() -> None:
    dev, train = examples("open_book/dev.jsonl"), examples()
    assert not {e.question.casefold() for e in dev} & {e.question.casefold() for e in train}
    assert not set(texts(dev)) & set(texts(train))


def test_no_form_question_and_no_form_item_is_in_two_splits() -> None:
    splits: dict[str, set] = defaultdict(set)
    for question in questions("form"):
        splits[question.split].add(question.question.casefold())
    splits["train"] = {e.question.casefold() for e in examples("form/train.jsonl")}
    assert {name: len(found) for name, found in splits.items()} == make_form.SIZES
    for group in tomllib.loads(make_form.SOURCE.read_text("utf-8"))["group"]:
        for asked, answer in group["items"]:
            forms = group.get("questions", ["{x}"])
            asked_as = {form.replace("{x}", asked).casefold() for form in forms}
            where = [split for split, found in splits.items() if found & asked_as]
            assert len(where) <= 1, (asked, answer, where)


def test_no_two_form_groups_ask_the_same_subject_for_the_same_answer() -> None:
    groups = tomllib.loads(make_form.SOURCE.read_text("utf-8"))["group"]
    found = Counter((x.casefold(), y.casefold()) for group in groups for x, y in group["items"])
    assert [pair for pair, count in found.items() if count > 1] == []


def test_reworded_atlas_questions_occur_in_no_training_file() -> None:
    asked = [e.question for name in TRAINING for e in examples(name)]
    forms = [form for attribute in make_atlas.ATTRIBUTES for form in attribute.reworded]
    assert len(forms) == len(set(forms)) >= 2 * len(make_atlas.ATTRIBUTES)
    for form in forms:
        pattern = re.compile(re.escape(form).replace(r"\{t\}", ".+"), re.IGNORECASE)
        assert [q for q in asked if pattern.fullmatch(q)] == [], form
    names = "|".join(re.escape(p.title) for p in passages("atlas").values())
    for question in questions("atlas"):
        if question.variant == "reworded":
            assert re.sub(rf"\b({names})\b", "{t}", question.question) in forms


def test_a_reworded_city_question_is_not_the_trained_one() -> None:
    trained = {e.question for e in examples("cities/facts.jsonl")}
    asked = defaultdict(set)
    for question in questions("cities"):
        asked[question.variant].add(question.question)
    assert asked["plain"] == trained
    assert not trained & (asked["reworded"] | asked["reversed"])


@pytest.mark.parametrize("name", ASKED)
def test_each_answer_stands_once_in_its_passage(name: str) -> None:
    shown = passages(name)
    for question in questions(name):
        if question.answer is None:
            assert question.source is None, question
            continue
        told = shown[question.source]
        assert times(question.answer, told.text) == 1, question


def test_unanswerable_atlas_questions_ask_what_no_passage_states() -> None:
    by_name = {town.name: town for town in make_atlas.towns()}
    forms = {f: a for a in make_atlas.ATTRIBUTES for f in (*a.asked, *a.reworded)}
    names = "|".join(sorted(by_name, key=len, reverse=True))
    found = [q for q in questions("atlas") if q.variant == "unanswerable"]
    assert len(found) == sum(make_atlas.SIZES.values())
    for question in found:
        name = re.search(rf"\b({names})\b", question.question)[1]
        town = by_name[name]
        attribute = forms[question.question.replace(name, "{t}")]
        assert attribute.key not in town.stated
        for told in attribute.told:
            said = re.escape(told.format(t=name, v="@")).replace("@", ".+")
            assert not re.search(said, town.passage.text, re.IGNORECASE), question


def test_every_stated_atlas_fact_is_in_the_passage_and_no_other() -> None:
    for town in make_atlas.towns():
        assert len(town.stated) >= 5 and town.passage == passages("atlas")[town.passage.id]
        for key, (text, kind) in town.facts.items():
            assert kind in KINDS
            assert (times(text, town.passage.text) == 1) == (key in town.stated), (town.name, key)


def test_similar_names_differ_by_one_letter() -> None:
    assert (distance("", ""), distance("abc", "ac"), distance("ab", "ba")) == (0, 1, 2)
    similar = [town.name for town in make_atlas.towns() if town.similar]
    assert len(similar) == 2 * make_atlas.PAIRS
    for name, twin in zip(similar[::2], similar[1::2], strict=True):
        assert distance(name, twin) == 1, (name, twin)
    asked = [q for q in questions("atlas") if q.variant == "similar-names"]
    assert asked and {passages("atlas")[q.source].title for q in asked} <= set(similar)


def test_no_town_is_in_both_splits_of_atlas() -> None:
    places = defaultdict(set)
    for question in questions("atlas"):
        places[question.split].add(question.source)
    assert not (places["dev"] - {None}) & (places["test"] - {None})
