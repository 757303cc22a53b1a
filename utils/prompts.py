"""What the model is shown: the prompt of each arm, as chat messages."""

from __future__ import annotations

from collections.abc import Sequence

from utils.card import Card, write_card
from utils.data import Example, Passage

Messages = list[dict[str, str]]

READ = "Answer from the passages."


def closed_book(question: str) -> Messages:
    """The question alone; the chat template adds the model's own system message."""
    return [{"role": "user", "content": question}]


def open_book(question: str, passages: Sequence[Passage]) -> Messages:
    """The passages under their ids, then the question (docs/log.md has other shapes measured)."""
    shown = "\n".join(f"[{p.id}] {titled(p)}" for p in passages)
    user = f"{shown}\n\nQuestion: {question}"
    return [{"role": "system", "content": READ}, {"role": "user", "content": user}]


def ask(question: str, passages: Sequence[Passage] = ()) -> Messages:
    """Open book where there are passages, closed book where there are none."""
    return open_book(question, passages) if passages else closed_book(question)


def opening(passages: Sequence[Passage] = ()) -> str:
    """How a card will probably begin: with the passage found first, or with none closed book."""
    first = passages[0].id if passages else None
    return write_card(Card(source=first, kind="number", answer=None)).rpartition("number")[0]


def titled(passage: Passage) -> str:
    """The text under its title, so that "Its mayor is ..." still says whose mayor."""
    return f"{passage.title}: {passage.text}" if passage.title else passage.text


def token_ids(text: str, tokenizer) -> list[int]:
    """A text that is rendered already as token ids: the template has set its marks."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def render(messages: Messages, tokenizer) -> str:
    """The messages as the text the model continues, chat template applied."""
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


INSTRUCTIONS = """Answer with one JSON object and nothing else. It has three keys:
"source": the id of the passage the answer came from, or null when no passage is given;
"kind": one of "number", "date", "person", "place", "thing";
"answer": a short string, or null when you do not know."""


def instructed(question: str, passages: Sequence[Passage] = ()) -> Messages:
    """Zero-shot: the card described in words, then the question."""
    return [{"role": "system", "content": INSTRUCTIONS}, *closed_book(question)]


def few_shot(question: str, examples: Sequence[Example]) -> Messages:
    """The card described in words and shown in solved examples, then the question."""
    turns: Messages = [{"role": "system", "content": INSTRUCTIONS}]
    for example in examples:
        turns.append({"role": "user", "content": example.question})
        turns.append({"role": "assistant", "content": write_card(example.card)})
    return turns + closed_book(question)


def chain_kind(question: str, answer: str) -> Messages:
    """Second call of the chain: what sort of thing is the answer?"""
    text = (
        f"Question: {question}\nAnswer: {answer}\n\n"
        "Is the answer a number, a date, a person, a place or a thing? Reply with one word."
    )
    return [{"role": "user", "content": text}]


def chain_card(question: str, answer: str, kind: str) -> Messages:
    """Third call of the chain: put answer and kind into the card."""
    text = (
        f"Question: {question}\nAnswer: {answer}\nKind: {kind}\n\n"
        "Write this as one JSON object with the keys source (null), kind and answer "
        "(a short string). Write nothing else."
    )
    return [{"role": "user", "content": text}]
