"""The scorer: every combination of answer and passages, and rates against a formula by hand."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.card import Card, is_card, write_card
from utils.data import Passage, Question
from utils.measure import DIAGNOSES, Rate, holds_answer, judge, misses, rate

HOLDER = Passage("vellmar", "Vellmar", "48,213 people live there.")
OTHER = Passage("bracken", "Bracken", "Its mayor is Ada Holm.")
SHOWN = {"there": (OTHER, HOLDER), "not there": (OTHER,), "closed": ()}
ASKED = Question("q1", "How many people live in Vellmar?", "48,213", "number", "vellmar")
UNANSWERABLE = Question("q2", "Who is the mayor of Vellmar?", None, "person", None)


def card(answer: str | None, source: str | None = "vellmar") -> str:
    return write_card(Card(source=source, kind="number", answer=answer))


TEXTS = {
    ("card", "right"): card("48213"),
    ("card", "wrong"): card("48,214"),
    ("card", "null"): card(None, None),
    ("broken card", "right"): card("48,213")[:-1],
    ("broken card", "wrong"): card("48,214")[:-1],
    ("broken card", "null"): card(None, None)[:-1],
    ("fenced card", "right"): f"```json\n{card('48,213')}\n```",
    ("wrapped card", "right"): f"Here it is: {card('48,213')}",
    ("prose", "right"): "About 48,213 people live in Vellmar.",
    ("prose", "wrong"): "About 48,214 people live in Vellmar.",
    ("refusal", "null"): "The population is not mentioned in the passages.",
    ("broken refusal", "null"): '{"source": null, "answer": "not mentioned"',
}

# (form, answer) -> for an answerable question: right, abstained, then the diagnosis
# with the passage there, not there, closed book
ANSWERABLE = {
    ("card", "right"): (True, False, None, None, None),
    ("card", "wrong"): (False, False, "reading", "retrieval", "retrieval"),
    ("card", "null"): (False, True, "abstained", "retrieval", "retrieval"),
    ("broken card", "right"): (False, False, "form", "form", "form"),
    ("broken card", "wrong"): (False, False, "form", "form", "form"),
    ("broken card", "null"): (False, False, "form", "form", "form"),
    ("fenced card", "right"): (False, False, "form", "form", "form"),
    ("wrapped card", "right"): (False, False, "form", "form", "form"),
    ("prose", "right"): (True, False, None, None, None),
    ("prose", "wrong"): (False, False, "reading", "retrieval", "retrieval"),
    ("refusal", "null"): (False, True, "abstained", "retrieval", "retrieval"),
    ("broken refusal", "null"): (False, False, "form", "form", "form"),
}
# the same for a question without an answer: the passages make no difference
WITHOUT = {
    ("card", "right"): (False, False, "reading"),
    ("card", "wrong"): (False, False, "reading"),
    ("card", "null"): (True, True, None),
    ("broken card", "right"): (False, False, "form"),
    ("broken card", "wrong"): (False, False, "form"),
    ("broken card", "null"): (False, False, "form"),
    ("fenced card", "right"): (False, False, "form"),
    ("wrapped card", "right"): (False, False, "form"),
    ("prose", "right"): (False, False, "reading"),
    ("prose", "wrong"): (False, False, "reading"),
    ("refusal", "null"): (True, True, None),
    ("broken refusal", "null"): (False, False, "form"),
}


@pytest.mark.parametrize("place", SHOWN)
@pytest.mark.parametrize("case", TEXTS, ids=" ".join)
def test_answerable(case: tuple[str, str], place: str) -> None:
    found = judge(TEXTS[case], ASKED, SHOWN[place])
    right, abstained, *diagnoses = ANSWERABLE[case]
    wanted = diagnoses[list(SHOWN).index(place)]
    assert (found.right, found.abstained, found.diagnosis) == (right, abstained, wanted)
    assert found.valid == (found.card is not None) == (case[0] == "card")


@pytest.mark.parametrize("place", SHOWN)
@pytest.mark.parametrize("case", TEXTS, ids=" ".join)
def test_unanswerable(case: tuple[str, str], place: str) -> None:
    found = judge(TEXTS[case], UNANSWERABLE, SHOWN[place])
    assert (found.right, found.abstained, found.diagnosis) == WITHOUT[case]


SOURCES = [
    (card("48,213"), ASKED, "there", True),
    (card("wrong"), ASKED, "there", True),
    (card("48,213", "bracken"), ASKED, "there", False),
    (card("48,213", None), ASKED, "there", False),
    (card("48,213", "Vellmar"), ASKED, "there", False),
    (card("48,213"), ASKED, "not there", True),
    (card("48,213"), ASKED, "closed", None),
    ("48,213", ASKED, "there", None),
    (card("48,213")[:-1], ASKED, "there", None),
    (card(None, None), UNANSWERABLE, "there", True),
    (card(None, "vellmar"), UNANSWERABLE, "there", False),
]


@pytest.mark.parametrize(("text", "question", "place", "wanted"), SOURCES)
def test_source(text: str, question: Question, place: str, wanted: bool | None) -> None:
    assert judge(text, question, SHOWN[place]).source is wanted


REFUSALS = """
The passages do not mention it.
It is not known who the mayor is.
There is no information about that.
It cannot be determined from the text.
The text doesn't say.
I can't say.
THAT IS NOT STATED.
""".strip().splitlines()


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_in_prose_is_an_abstention(text: str) -> None:
    assert judge(text, UNANSWERABLE, SHOWN["there"]).right


@pytest.mark.parametrize("text", ["The mayor is Ada Holm.", "A notable mayor.", "", "Nobody."])
def test_other_prose_is_none(text: str) -> None:
    assert not judge(text, UNANSWERABLE, SHOWN["there"]).abstained


HELD = [
    (ASKED, "there", True),
    (ASKED, "not there", False),
    (ASKED, "closed", False),
    (UNANSWERABLE, "there", False),
    (replace(ASKED, source=None), "there", True),
    (replace(ASKED, source=None), "not there", False),
    (replace(ASKED, source=None, answer="Bracken"), "not there", True),
]


@pytest.mark.parametrize(("question", "place", "wanted"), HELD)
def test_holds_answer(question: Question, place: str, wanted: bool) -> None:
    assert holds_answer(SHOWN[place], question) is wanted


@settings(deadline=None)
@given(st.text(), st.booleans(), st.sampled_from(list(SHOWN)))
def test_any_text_gets_a_verdict(text: str, answerable: bool, place: str) -> None:
    found = judge(text, ASKED if answerable else UNANSWERABLE, SHOWN[place])
    assert found.valid == is_card(text)
    assert (found.diagnosis is None) == found.right
    assert found.diagnosis in (None, *DIAGNOSES)


def wilson(k: int, n: int) -> tuple[float, float]:
    """Wilson's score interval written out; 1.96 to more places."""
    z, p = 1.959963984540054, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_rate_is_wilsons(hits: list[bool]) -> None:
    found = rate(iter(hits))
    low, high = wilson(sum(hits), len(hits))
    assert (found.k, found.n, found.rate) == (sum(hits), len(hits), sum(hits) / len(hits))
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)
    assert 0 <= found.low <= found.rate <= found.high <= 1


def test_rate_by_numbers() -> None:
    """Of 100 questions 97 right: the interval that the formula gives is 91.5 to 99.0 %."""
    found = rate([True] * 97 + [False] * 3)
    assert isinstance(found, Rate)
    assert (round(found.low, 3), round(found.high, 3)) == (0.915, 0.990)


def test_a_rate_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="^a rate needs at least one answer$"):
        rate([])


def test_misses_count_every_wrong_answer() -> None:
    every = [
        judge(text, question, passages)
        for text, question, passages in itertools.product(
            TEXTS.values(), (ASKED, UNANSWERABLE), SHOWN.values()
        )
    ]
    found = misses(every)
    assert list(found) == ["form", "retrieval", "reading", "abstained"]
    assert found == {"form": 36, "retrieval": 8, "reading": 14, "abstained": 2}
    assert sum(found.values()) == sum(not verdict.right for verdict in every)
