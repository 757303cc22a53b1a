"""Asking the model: closed book, or with the passages a retriever found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from utils.data import Passage, Question
from utils.generate import Completion, generate
from utils.measure import Verdict, judge
from utils.normalise import contains_answer
from utils.prompts import Messages, ask, opening, render, titled
from utils.retrieve import Retriever


@dataclass(frozen=True)
class Answer:
    """One question with the passages shown, what the model wrote, and the verdict."""

    question: Question
    passages: tuple[Passage, ...]
    completion: Completion
    verdict: Verdict


def answer_all(
    model,
    tokenizer,
    questions: Sequence[Question],
    shown: Sequence[Sequence[Passage]] | None = None,
    build: Callable[[str, Sequence[Passage]], Messages] = ask,
    max_new_tokens: int = 48,
    tick: Callable[[int], None] = lambda done: None,
) -> list[Answer]:
    """Ask every question and judge every answer; `shown` holds the passages of each prompt."""
    shown = shown if shown is not None else [()] * len(questions)
    prompts = [
        render(build(q.question, p), tokenizer) for q, p in zip(questions, shown, strict=True)
    ]
    openings = [opening(passages) for passages in shown]
    written = generate(model, tokenizer, prompts, max_new_tokens, tick, openings)
    return [
        Answer(q, tuple(p), c, judge(c.text, q, p))
        for q, p, c in zip(questions, shown, written, strict=True)
    ]


def find_passages(
    retriever: Retriever, questions: Sequence[Question], k: int, method: str
) -> list[list[Passage]]:
    """The best k passages for each question, best first."""
    found = retriever.search([q.question for q in questions], k, method)
    return [[hit.passage for hit in hits] for hits in found]


def stands_in(answer: str | None, passages: Sequence[Passage]) -> bool:
    """True when an answer stands in one of the passages, as whole words, titles counted."""
    return answer is not None and any(contains_answer(titled(p), answer) for p in passages)


def changed(passages: Sequence[Passage], id: str, old: str, new: str) -> list[Passage]:
    """The passages, with `new` for `old` in the text of one. ValueError when nothing changes."""
    if not any(p.id == id and old in p.text for p in passages):
        raise ValueError(f"{old!r} does not stand in the passage {id!r}; nothing would change")
    return [replace(p, text=p.text.replace(old, new)) if p.id == id else p for p in passages]
