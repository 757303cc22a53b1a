"""The one scorer: form, fact, source and abstention of an answer, and rates with intervals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from utils.card import Card, CardError, parse_card
from utils.data import Passage, Question
from utils.normalise import contains_answer, same_answer
from utils.prompts import titled

DIAGNOSES = ("form", "retrieval", "reading", "abstained")
REFUSAL = re.compile(
    r"\b(not (mentioned|provided|specified|stated|given|known|available|listed)"
    r"|no information|cannot (be determined|say|find)|can't (say|find)"
    r"|(does not|doesn't|do not|don't) (say|mention|specify|provide|state|give))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth.

    valid: a card and nothing else. right: the gold answer, or rightly none. source: the right
    passage was named; None where no card was written, no passage shown, or none is known.
    abstained: a card without an answer, or prose that says so; never a broken card.
    diagnosis: why a wrong answer is wrong, one of form, retrieval, reading, abstained; None for
    a right one.
    """

    valid: bool
    right: bool
    source: bool | None
    abstained: bool
    diagnosis: str | None
    card: Card | None


@dataclass(frozen=True)
class Rate:
    """k of n with the 95 % Wilson score interval."""

    k: int
    n: int
    rate: float
    low: float
    high: float


def judge(text: str, question: Question, passages: Sequence[Passage] = ()) -> Verdict:
    """Score one answer against its question; `passages` are those the prompt showed.

    A valid card is compared exactly. Prose is searched for the answer. A text that tries to
    be a card and is not valid counts as wrong: what cannot be parsed is not an answer.
    """
    card = _card(text)
    abstained = card.answer is None if card else _refuses(text)
    right = _right(text, card, question.answer, abstained)
    judged = card is not None and passages and has_source(question)
    source = card.source == question.source if judged else None
    diagnosis = None if right else _diagnose(text, card, abstained, question, passages)
    return Verdict(card is not None, right, source, abstained, diagnosis, card)


def rate(hits: Iterable[bool]) -> Rate:
    """The share of True with its 95 % Wilson interval (Wilson 1927, through scipy).

    Raises ValueError for no values at all.
    """
    values = [bool(hit) for hit in hits]
    if not values:
        raise ValueError("a rate needs at least one answer")
    k, n = sum(values), len(values)
    interval = binomtest(k, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Rate(k, n, k / n, float(interval.low), float(interval.high))


def has_source(question: Question) -> bool:
    """True when the right source is known: a passage, or none for a question without answer."""
    return question.source is not None or question.answer is None


def misses(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many wrong answers each diagnosis explains."""
    found = [verdict.diagnosis for verdict in verdicts]
    return {name: found.count(name) for name in DIAGNOSES}


def holds_answer(passages: Sequence[Passage], question: Question) -> bool:
    """True when the right passage is among those shown, or one that states the answer where
    the question names no source."""
    if question.source is not None:
        return any(passage.id == question.source for passage in passages)
    if question.answer is None:
        return False
    return any(contains_answer(titled(passage), question.answer) for passage in passages)


def _card(text: str) -> Card | None:
    try:
        return parse_card(text)
    except CardError:
        return None


def _right(text: str, card: Card | None, gold: str | None, abstained: bool) -> bool:
    if gold is None:
        return abstained
    if card is not None:
        return card.answer is not None and same_answer(card.answer, gold)
    return not _broken_card(text) and contains_answer(text, gold)


def _refuses(text: str) -> bool:
    return not _broken_card(text) and REFUSAL.search(text) is not None


def _broken_card(text: str) -> bool:
    """A text that is no valid card but looks like an attempt at one."""
    return text.lstrip().startswith(("{", "```")) or '"answer"' in text


def _diagnose(
    text: str, card: Card | None, abstained: bool, question: Question, passages: Sequence[Passage]
) -> str:
    if card is None and _broken_card(text):
        return "form"
    if question.answer is None:
        return "reading"
    if abstained and holds_answer(passages, question):
        return "abstained"
    return "reading" if holds_answer(passages, question) else "retrieval"
