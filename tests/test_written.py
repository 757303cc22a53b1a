"""The hand-written training documents, and the conversations that are made over them."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import groupby

from tools.make_open_book import TURNS
from tools.written import FOLDER, written_examples
from utils.data import Example, Passage, Question, load_passages, load_questions


@cache
def examples() -> list[Example]:
    return written_examples(3)


@cache
def passages() -> dict[str, Passage]:
    return {p.id: p for p in load_passages(FOLDER / "passages.jsonl")}


@cache
def questions() -> list[Question]:
    return load_questions(FOLDER / "questions.jsonl")


def test_each_question_of_a_shown_passage_is_asked_once_with_its_answer() -> None:
    """Its passage is found again by title and text: the ids shown are new ones."""
    asked = []
    for example in examples():
        told = {p.id: p for p in example.passages}.get(example.card.source)
        if told is not None:
            card = example.card
            asked.append((example.question, card.kind, card.answer, told.title, told.text))
    wanted = []
    for question in questions():
        told = passages()[question.source]
        wanted.append((question.question, question.kind, question.answer, told.title, told.text))
    assert Counter(asked) == Counter(wanted)


def test_a_question_about_a_passage_not_shown_has_no_source_and_no_answer() -> None:
    about = {q.question: passages()[q.source].text for q in questions()}
    absent = [e for e in examples() if e.card.source is None]
    assert 0.05 < len(absent) / len(examples()) < 0.2
    for example in absent:
        assert example.card.answer is None
        assert about[example.question] not in {p.text for p in example.passages}


def test_the_answers_are_copied_word_for_word_and_enough_are_missing() -> None:
    for question in questions():
        assert question.answer is None or question.answer in passages()[question.source].text
    silent = sum(question.answer is None for question in questions()) / len(questions())
    assert 0.2 < silent < 0.4


def test_conversations_show_one_to_four_passages_and_ask_up_to_eight_questions() -> None:
    talks = [list(rows) for _, rows in groupby(examples(), lambda e: e.passages)]
    assert {len(talk[0].passages) for talk in talks} == {1, 2, 3, 4}
    assert max(map(len, talks)) <= TURNS and len(talks) < len(examples()) / 4
    for talk in talks:
        assert len({p.id for p in talk[0].passages}) == len(talk[0].passages)
        assert len({e.question for e in talk}) == len(talk)


def test_the_same_seed_makes_the_same_examples() -> None:
    assert written_examples(3) == examples() != written_examples(4)
