"""The prompts: what each arm is shown, as messages and as the text that a model continues."""

from __future__ import annotations

import json

import pytest

from utils import prompts
from utils.card import KINDS, Card, is_card, parse_card, write_card
from utils.data import Example, Passage
from utils.prompts import (
    ask,
    chain_card,
    chain_kind,
    closed_book,
    few_shot,
    instructed,
    open_book,
    render,
    titled,
)

QUESTION = "How many people live in Vellmar?"
PASSAGES = [Passage("b", "Bracken", "Its mayor is Ada Holm."), Passage("v", "", "48,213 people.")]
CARDS = [
    Card(source=None, kind="person", answer="Ada Holm"),
    Card(source=None, kind="thing", answer=None),
]
EXAMPLES = [Example(str(i), f"Question {i}?", card) for i, card in enumerate(CARDS)]
EVERY = {
    "closed book": closed_book(QUESTION),
    "open book": open_book(QUESTION, PASSAGES),
    "instructed": instructed(QUESTION, PASSAGES),
    "few shots": few_shot(QUESTION, EXAMPLES),
    "no shots": few_shot(QUESTION, []),
    "kind": chain_kind(QUESTION, "48,213"),
    "card": chain_card(QUESTION, "48,213", "number"),
}


def roles(messages: list[dict[str, str]]) -> list[str]:
    return [message["role"] for message in messages]


def test_closed_book_is_the_question_alone() -> None:
    assert closed_book(QUESTION) == [{"role": "user", "content": QUESTION}]


def test_open_book_shows_passages_in_order_and_then_the_question() -> None:
    messages = open_book(QUESTION, PASSAGES)
    assert roles(messages) == ["system", "user"]
    lines = [line for line in messages[1]["content"].splitlines() if line]
    assert lines == [
        "[b] Bracken: Its mayor is Ada Holm.",
        "[v] 48,213 people.",
        f"Question: {QUESTION}",
    ]


def test_ask_opens_the_book_only_where_there_is_one() -> None:
    assert ask(QUESTION) == ask(QUESTION, []) == closed_book(QUESTION)
    assert ask(QUESTION, PASSAGES) == open_book(QUESTION, PASSAGES)


def test_a_title_says_whose() -> None:
    assert titled(PASSAGES[0]) == "Bracken: Its mayor is Ada Holm."
    assert titled(PASSAGES[1]) == "48,213 people."


def test_the_instructions_name_the_keys_and_kinds_of_the_card() -> None:
    places = [prompts.INSTRUCTIONS.index(f'"{name}"') for name in Card.model_fields]
    assert places == sorted(places)
    assert all(f'"{kind}"' in prompts.INSTRUCTIONS for kind in KINDS)
    assert all(name in chain_card("q", "a", "k")[0]["content"] for name in Card.model_fields)
    assert all(kind in chain_kind("q", "a")[0]["content"] for kind in KINDS)


def test_few_shot_shows_cards_and_no_card_of_the_question() -> None:
    messages = few_shot(QUESTION, EXAMPLES)
    assert roles(messages) == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [parse_card(m["content"]) for m in messages if m["role"] == "assistant"] == CARDS
    assert messages[-1] == closed_book(QUESTION)[0]
    assert few_shot(QUESTION, []) == instructed(QUESTION)


def test_the_chain_hands_its_results_on() -> None:
    assert "Answer: 48,213\n" in chain_kind(QUESTION, "48,213")[0]["content"]
    text = chain_card(QUESTION, "48,213", "number")[0]["content"]
    assert f"Question: {QUESTION}\nAnswer: 48,213\nKind: number\n" in text


@pytest.mark.parametrize("name", EVERY)
def test_every_prompt_asks_the_question_and_ends_before_the_answer(name: str, tiny) -> None:
    text = render(EVERY[name], tiny[1])
    assert isinstance(text, str) and QUESTION in text
    assert text.endswith("<|im_start|>assistant\n")
    assert not is_card(EVERY[name][-1]["content"])
    ids = tiny[1](text)["input_ids"]
    assert tiny[1].decode(ids) == text


def test_a_rendered_prompt_goes_through_the_chat_template(tiny) -> None:
    wanted = (
        "<|im_start|>system\nAnswer from the passages.<|im_end|>\n"
        "<|im_start|>user\n[a] A: x\n\nQuestion: Who?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert render(open_book("Who?", [Passage("a", "A", "x")]), tiny[1]) == wanted


def test_cards_in_prompts_are_written_as_the_model_is_to_write_them() -> None:
    content = few_shot(QUESTION, EXAMPLES)[2]["content"]
    assert content == write_card(CARDS[0])
    assert list(json.loads(content)) == list(Card.model_fields)
