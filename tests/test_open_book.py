"""The open-book training set: answers in their passages, enough without one, many domains."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from functools import cache
from itertools import groupby

import pytest

from tools import words
from tools.domains import load_domains
from tools.make_open_book import TURNS
from utils.card import KINDS
from utils.data import DATA, Example, Passage, load_examples


@cache
def examples(name: str = "open_book/train.jsonl") -> list[Example]:
    return load_examples(DATA / name)


def source_of(example: Example) -> Passage:
    return next(p for p in example.passages if p.id == example.card.source)


@pytest.mark.parametrize("name", ["open_book/train.jsonl", "open_book/dev.jsonl"])
def test_open_book_answers_are_in_their_passages(name: str) -> None:
    for example in examples(name):
        assert 1 <= len(example.passages) <= 4
        assert len({p.id for p in example.passages}) == len(example.passages)
        if example.card.answer is None:
            assert example.card.source in {None, *(p.id for p in example.passages)}
            continue
        told = source_of(example)
        said = f"{told.title}: {told.text}".casefold()
        assert example.card.answer.casefold() in said, example.id


@pytest.mark.parametrize("name", ["open_book/train.jsonl", "open_book/dev.jsonl"])
def test_every_mark_of_a_wording_is_filled(name: str) -> None:
    for example in examples(name):
        shown = [example.question, *(f"{p.id} {p.title} {p.text}" for p in example.passages)]
        assert not re.search(r"[{}]", " ".join(shown)), example.id


def test_each_wording_tells_or_asks_one_thing() -> None:
    """A value once in a statement, a name once in a question, no question for two attributes."""
    for domain in load_domains():
        asked = [form for a in domain.attributes for form in a.questions]
        assert len(set(asked)) == len(asked), domain.name
        assert {form.count("{name}") for form in asked} == {1}, domain.name
        told = [form for a in domain.attributes for form in a.statements]
        assert {form.count("{v}") for form in told} == {1}, domain.name


def test_open_book_has_enough_that_cannot_be_answered() -> None:
    found = examples()
    share = sum(e.card.answer is None for e in found) / len(found)
    unnamed = sum(e.card.source is None for e in found) / len(found)
    assert 0.25 <= share <= 0.50 and 0.05 <= unnamed <= 0.25, (share, unnamed)


def test_the_same_passages_answer_one_question_and_not_another() -> None:
    talks = [list(rows) for _, rows in groupby(examples(), lambda e: e.passages)]
    assert max(map(len, talks)) == TURNS and len(talks) < len(examples()) / 4
    both = [len({e.card.answer is None for e in talk}) == 2 for talk in talks]
    assert sum(both) / len(talks) > 0.8


def test_open_book_comes_from_many_domains_and_all_kinds() -> None:
    """A domain is recognised by its question wordings."""
    found = Counter()
    for domain in load_domains():
        forms = [f for a in domain.attributes for f in (*a.questions, *a.reverse)]
        pattern = "|".join(re.sub(r"\\\{\w+\\\}", ".+", re.escape(form)) for form in forms)
        known = re.compile(pattern, re.IGNORECASE)
        found[domain.name] = sum(bool(known.fullmatch(e.question)) for e in examples())
    assert sum(count >= 10 for count in found.values()) >= 140, found
    assert {e.card.kind for e in examples()} == set(KINDS)


def test_open_book_seldom_tells_twice_of_the_same_thing() -> None:
    """Between conversations: only short names such as "Bus 82" come up again."""
    places = defaultdict(list)
    for at, (shown, _) in enumerate(groupby(examples(), lambda e: e.passages)):
        for title in {p.title for p in shown}:
            places[title].append(at)
    far = [title for title, at in places.items() if len(at) > 1]
    assert len(far) / len(places) < 0.02, (len(far), len(places))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "zero"),
        (7, "seven"),
        (19, "nineteen"),
        (20, "twenty"),
        (42, "forty-two"),
        (90, "ninety"),
    ],
)
def test_numbers_in_words(number: int, text: str) -> None:
    assert words.spelled(number) == text


@pytest.mark.parametrize("number", [-1, 100])
def test_only_two_digits_are_spelled(number: int) -> None:
    with pytest.raises(ValueError, match=f"{number} is not from 0 to 99"):
        words.spelled(number)


@pytest.mark.parametrize(
    ("spec", "text", "ways"),
    [
        ("int:2-99:months", "11 months", {"11 months", "eleven months"}),
        ("int:2-999:months", "110 months", {"110 months"}),
        ("int:2-99", "11", {"11"}),
        ("year:1900-1999", "1911", {"1911"}),
    ],
)
def test_a_value_as_prose_has_it(spec: str, text: str, ways: set[str]) -> None:
    rng = random.Random(0)
    assert {words.as_written(spec, text, rng) for _ in range(200)} == ways


@pytest.mark.parametrize(("spec", "text"), [("person", "Ada Moss"), ("place", "Orsk")])
def test_a_name_with_a_title_or_a_place_keeps_its_words(spec: str, text: str) -> None:
    rng = random.Random(0)
    made = {words.as_written(spec, text, rng) for _ in range(200)}
    assert text in made and len(made) > 10 and all(text in way for way in made)


def test_open_book_tells_numbers_in_words_and_in_digits() -> None:
    cards = {e.card.answer for e in examples() if e.card.kind == "number" and e.card.answer}
    spelled = sum(bool(re.match(r"[a-z]", answer)) for answer in cards)
    assert 50 < spelled < len(cards) / 2, (spelled, len(cards))
