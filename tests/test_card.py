"""The answer card: what is one, what is not, and the sentence that says why."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.card import KINDS, Card, CardError, is_card, parse_card, write_card

GOOD = '{"source": "vellmar", "kind": "number", "answer": "48,213"}'
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
CARDS = st.builds(
    Card, source=st.none() | TEXTS, kind=st.sampled_from(KINDS), answer=st.none() | TEXTS
)
EDITS = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from("put drop double".split()), st.characters()),
    min_size=1,
    max_size=4,
)


def changed(**values: object) -> str:
    """The good card as JSON with other values, or with more keys."""
    return json.dumps({**json.loads(GOOD), **values})


def mutate(text: str, edits: list[tuple[int, str, str]]) -> str:
    """The text with characters put in, dropped or doubled."""
    for place, edit, character in edits:
        at = place % (len(text) + 1)
        middle = {"put": character, "drop": "", "double": text[at : at + 1] * 2}[edit]
        text = text[:at] + middle + text[at + (edit != "put") :]
    return text


@settings(deadline=None)
@given(CARDS)
def test_a_written_card_is_read_back(card: Card) -> None:
    line = write_card(card)
    assert "\n" not in line
    assert list(json.loads(line)) == ["source", "kind", "answer"]
    assert parse_card(line) == card
    assert parse_card(f"\n {line}\t ") == card


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_card_or_a_card_error(text: str) -> None:
    try:
        parse_card(text)
    except CardError as error:
        assert str(error) and "\n" not in str(error)
        assert not is_card(text)


@settings(deadline=None)
@given(CARDS, EDITS)
def test_a_mutated_card_is_a_card_or_a_card_error(card: Card, edits) -> None:
    text = mutate(write_card(card), edits)
    try:
        found = parse_card(text)
    except CardError:
        return
    assert found.model_dump() == json.loads(text.strip())


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | TEXTS, lambda x: st.lists(x)))
def test_json_that_is_no_object_is_no_card(value) -> None:
    assert not is_card(json.dumps(value))


@settings(deadline=None)
@given(TEXTS.filter(str.strip))
def test_nothing_may_stand_around_a_card(text: str) -> None:
    assert not is_card(text + GOOD)
    assert not is_card(GOOD + text)


REASONS = [
    ("", "the text is empty"),
    (" \n", "the text is empty"),
    ("It is 48,213.", "the text does not start with {"),
    (f"```json\n{GOOD}\n```", "the text does not start with {"),
    (f"{GOOD} I hope that helps", "there is text after the object, from character 61"),
    (f"{GOOD}\n{GOOD}", "there is text after the object, from character 61"),
    ("{'source': null}", "the text is not JSON: Expecting property name enclosed in double quotes"),
    (GOOD[:-1], "the text is not JSON: Expecting ',' delimiter at character 59"),
    ("3", "the text is a JSON int, not an object"),
    (f"[{GOOD}]", "the text is a JSON list, not an object"),
    ("null", "the text is a JSON NoneType, not an object"),
    ('{"source": null, "kind": "thing"}', "the key 'answer' is missing"),
    ('{"kind": "thing"}', "the key 'source' is missing; the key 'answer' is missing"),
    (changed(note="x"), "the key 'note' is not part of the card"),
    (changed(kind="city"), "'kind' must be one of number, date, person, place, thing"),
    (changed(kind=None), "'kind' must be one of number, date, person, place, thing"),
    (changed(kind="Number"), "'kind' must be one of number, date, person, place, thing"),
    (changed(answer=48213), "'answer': Input should be a valid string"),
    (changed(answer=["48,213"]), "'answer': Input should be a valid string"),
    (changed(source=False), "'source': Input should be a valid string"),
    (changed(answer=float("nan")), "NaN is not JSON"),
    (changed(answer=float("-inf")), "-Infinity is not JSON"),
    ('{"kind": "thing", "kind": "date"}', "a key appears twice"),
    ("[" * 100_000, "the text is nested too deeply to be a card"),
    ('{"answer": ' + "9" * 5_000 + "}", "the text holds a number too long to read"),
    (changed(answer="\ud800"), "a value holds half a character, which no file can keep"),
    (changed(answer="a\nb").replace("\\n", "\n"), "the text is not JSON: Invalid control"),
]


@pytest.mark.parametrize(("text", "reason"), REASONS, ids=[reason for _, reason in REASONS])
def test_the_reason_is_said(text: str, reason: str) -> None:
    with pytest.raises(CardError) as caught:
        parse_card(text)
    assert str(caught.value).startswith(reason)
    assert not is_card(text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", [None, "vellmar", ""])
def test_every_kind_and_no_source_are_allowed(kind: str, source: str | None) -> None:
    card = parse_card(changed(kind=kind, source=source, answer=None))
    assert (card.source, card.kind, card.answer) == (source, kind, None)


def test_keys_may_come_in_any_order() -> None:
    turned = json.dumps(dict(reversed(json.loads(GOOD).items())))
    assert turned.startswith('{"answer"')
    assert parse_card(turned) == parse_card(GOOD)


def test_a_card_is_written_as_people_read_it() -> None:
    card = Card(source="öland", kind="place", answer='the "Œuvre" \\ ' + string.punctuation)
    assert "öland" in write_card(card) and "Œuvre" in write_card(card)
    assert parse_card(write_card(card)) == card


def test_a_card_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse_card(GOOD).answer = "48,214"
