"""What the model is shown: the prompt of each arm, as chat messages."""

from __future__ import annotations

from typing import Sequence

from utils.data import Passage

Messages = list[dict[str, str]]

READ = "Answer from the passages."


def closed_book(question: str) -> Messages:
    """The question alone; the chat template adds the model's own system message."""
    return [{"role": "user", "content": question}]


def open_book(question: str, passages: Sequence[Passage]) -> Messages:
    """The passages under their ids, between two copies of the question.

    The first copy lets a causal model read the passages already knowing what is asked;
    the second puts the question next to the answer (docs/log.md has both measured).
    """
    shown = "\n".join(f"[{p.id}] {titled(p)}" for p in passages)
    user = f"Question: {question}\n\n{shown}\n\nQuestion: {question}"
    return [{"role": "system", "content": READ}, {"role": "user", "content": user}]


def ask(question: str, passages: Sequence[Passage] = ()) -> Messages:
    """Open book where there are passages, closed book where there are none."""
    return open_book(question, passages) if passages else closed_book(question)


def titled(passage: Passage) -> str:
    """The text under its title, so that "Its mayor is ..." still says whose mayor."""
    return f"{passage.title}: {passage.text}" if passage.title else passage.text


def render(messages: Messages, tokenizer) -> str:
    """The messages as the text the model continues, chat template applied."""
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
