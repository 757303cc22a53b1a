"""Records and their files: round trips, the sentence for every broken line, the data we ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.card import KINDS, Card
from utils.data import (
    DATA,
    DataError,
    Example,
    Passage,
    Question,
    load_examples,
    load_passages,
    load_questions,
    read_lines,
    write_examples,
    write_lines,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
FULL = TEXT.filter(str.strip)
MAYBE = st.none() | TEXT
KIND = st.sampled_from(KINDS)
CARDS = st.builds(Card, source=MAYBE, kind=KIND, answer=MAYBE)
PASSAGES = st.builds(Passage, FULL, TEXT, TEXT)
QUESTIONS = st.builds(Question, FULL, FULL, MAYBE, st.none() | KIND, MAYBE, TEXT, TEXT)
SHOWN = st.lists(PASSAGES, max_size=2).map(tuple)
EXAMPLES = st.builds(Example, FULL, FULL, CARDS, SHOWN, TEXT)
KINDS_OF_RECORD = [
    (PASSAGES, load_passages),
    (QUESTIONS, load_questions),
    (EXAMPLES, load_examples),
]
PASSAGE = {"id": "a", "title": "A", "text": "x"}
QUESTION = {"id": "a", "question": "Who?", "answer": "Ann"}
CARD = {"source": None, "kind": "person", "answer": "Ann"}
EXAMPLE = {"id": "a", "question": "Who?", "card": CARD}


@pytest.mark.parametrize(("records", "load"), KINDS_OF_RECORD, ids=["passage", "question", "card"])
def test_what_is_written_is_read_back(records, load, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "records.jsonl"

    @settings(deadline=None)
    @given(st.lists(records, max_size=4, unique_by=lambda record: record.id))
    def check(wanted: list) -> None:
        write_lines(path, wanted)
        assert load(path) == wanted
        assert path.read_bytes().count(b"\n") == len(wanted)

    check()


def test_files_hold_letters_and_not_their_codes(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [Passage("a", "Öland", "schön")])
    line = '{"id": "a", "title": "Öland", "text": "schön"}\n'
    assert (tmp_path / "a.jsonl").read_bytes() == line.encode("utf-8")


def test_a_split_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_lines(path, [Question(str(i), "Who?", None, split=s) for i, s in enumerate("aba")])
    assert [q.id for q in load_questions(path, "a")] == ["0", "2"]
    write_lines(path, [Example(str(i), "Who?", Card(**CARD), (), s) for i, s in enumerate("aba")])
    assert [e.id for e in load_examples(path, "b")] == ["1"]


def test_what_a_line_may_leave_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(QUESTION), encoding="utf-8")
    assert load_questions(path) == [Question("a", "Who?", "Ann", None, None, "plain", "test")]
    path.write_text(json.dumps(EXAMPLE), encoding="utf-8")
    assert load_examples(path) == [Example("a", "Who?", Card(**CARD), (), "train")]


def test_shared_passages_are_written_once(tmp_path: Path) -> None:
    shown = (Passage(**PASSAGE),)
    seen = {"a": (), "b": shown, "c": shown, "d": ()}
    wanted = [Example(i, "Who?", Card(**CARD), p) for i, p in seen.items()]
    write_examples(tmp_path / "a.jsonl", wanted)
    kept = [row["passages"] for _, row in read_lines(tmp_path / "a.jsonl")]
    assert kept == [[], [PASSAGE], "same", []]
    assert load_examples(tmp_path / "a.jsonl") == wanted


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte-order mark"])
def test_windows_lines_and_empty_lines_are_read(mark: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(mark + b'{"a": "x\xe2\x80\xa8y"}\r\n\r\n  \n{"b": 2}')
    assert list(read_lines(path)) == [(1, {"a": "x\u2028y"}), (4, {"b": 2})]


def other(row: dict, **values) -> str:
    """The row as a line of JSON with other values; a key whose value is ... is left out."""
    return json.dumps({k: v for k, v in {**row, **values}.items() if v is not ...})


def test_keys_of_ones_own_are_passed_over(tmp_path: Path):
    path = tmp_path / "own.jsonl"
    path.write_text(other(PASSAGE, topic="ferries", page=3), encoding="utf-8")
    assert load_passages(path) == [Passage(**PASSAGE)]


BROKEN = [
    (load_passages, "{", "not JSON (Expecting property name enclosed in double quotes): mend"),
    (load_passages, "[" * 100_000, "nested too deeply: mend the line"),
    (load_passages, "9" * 5_000, "not JSON (a number is too long): mend the line"),
    (load_passages, "[1]", "a list, not an object {...}"),
    (load_passages, "null", "a NoneType, not an object {...}"),
    (load_passages, other(PASSAGE, text=...), "the key 'text' is missing"),
    (load_passages, other(PASSAGE, text=5), "'text' must be a string, got 5"),
    (load_passages, other(PASSAGE, title=None), "'title' must be a string, got None"),
    (load_passages, other(PASSAGE, id=[]), "'id' must be a string, got []"),
    (load_passages, other(PASSAGE, id=" "), "the id is empty"),
    (load_questions, other(QUESTION, answer=...), "the key 'answer' is missing"),
    (load_questions, other(QUESTION, answer=5), "'answer' must be a string, got 5"),
    (load_questions, other(QUESTION, split=None), "'split' must be a string, got None"),
    (load_questions, other(QUESTION, question="\t"), "the question is empty"),
    (
        load_questions,
        other(QUESTION, kind="city"),
        "'kind' must be one of number, date, person, place, thing",
    ),
    (
        load_questions,
        other({k: v for k, v in QUESTION.items() if k != "source"}, sorce="p1"),
        "the key 'sorce' should be 'source'",
    ),
    (load_examples, other(EXAMPLE, card=...), "the key 'card' is missing"),
    (load_examples, other(EXAMPLE, question=...), "the key 'question' is missing"),
    (load_examples, other(EXAMPLE, question=""), "the question is empty"),
    (load_examples, other(EXAMPLE, id=7), "'id' must be a string, got 7"),
    (load_examples, other(EXAMPLE, split=7), "'split' must be a string, got 7"),
    (
        load_examples,
        other(EXAMPLE, card="Ann"),
        "not a card: the text is a JSON str, not an object",
    ),
    (load_examples, other(EXAMPLE, card={}), "not a card: the key 'source' is missing; the key"),
    (
        load_examples,
        other(EXAMPLE, card={**CARD, "kind": "city"}),
        "not a card: 'kind' must be one of number, date, person, place, thing",
    ),
    (load_examples, other(EXAMPLE, passages=5), "'passages' must be a list of objects"),
    (load_examples, other(EXAMPLE, passages="same"), "no line before shows passages: write them"),
    (load_examples, other(EXAMPLE, passages=["a"]), "'passages' must be a list of objects"),
    (load_examples, other(EXAMPLE, passages=[{"id": "a"}]), "the key 'title' is missing"),
]


@pytest.mark.parametrize(("load", "line", "reason"), BROKEN, ids=[case[2] for case in BROKEN])
def test_a_broken_line_is_named(load, line: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    good = {load_passages: PASSAGE, load_questions: QUESTION, load_examples: EXAMPLE}[load]
    path.write_text(f"{other(good, id='good')}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}, line 3: {reason}")
    assert "\n" not in str(caught.value)


def test_an_id_that_appears_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(f"{other(PASSAGE)}\n{other(PASSAGE, id='b')}\n{other(PASSAGE)}\n")
    with pytest.raises(DataError) as caught:
        load_passages(path)
    wanted = "line 3: the id 'a' appears twice, first in line 1: make ids unique"
    assert str(caught.value) == f"{path}, {wanted}"


FILES = [
    (lambda path: path.write_bytes(b'{"id": "\xff"}'), "not UTF-8 text (byte 8): save it as UTF-8"),
    (lambda path: path.mkdir(), "cannot be read (Is a directory): check the path"),
    (lambda path: None, "cannot be read (No such file or directory): check the path"),
]


@pytest.mark.parametrize(("make", "reason"), FILES, ids=[case[1] for case in FILES])
def test_a_file_that_cannot_be_read_is_named(make, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    make(path)
    with pytest.raises(DataError) as caught:
        load_questions(path)
    if path.is_dir():  # systems name this error each in their own words
        assert str(caught.value).startswith(f"{path}: cannot be read (")
    else:
        assert str(caught.value) == f"{path}: {reason}"


SMALLER = {"reader_prose/passages.jsonl": 28, "reader_prose_test/passages.jsonl": 14}
SHIPPED = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*.jsonl"))


@pytest.mark.parametrize("name", SHIPPED)
def test_our_own_files_load(name: str, tmp_path: Path) -> None:
    loaders = {"passages": load_passages, "questions": load_questions}
    found = loaders.get(Path(name).stem, load_examples)(DATA / name)
    assert len(found) >= SMALLER.get(name, 40)
    write = write_lines if Path(name).stem in loaders else write_examples
    write(tmp_path / "again.jsonl", found)
    rows = [row for _, row in read_lines(tmp_path / "again.jsonl")]
    full = [{**row, **old} for row, (_, old) in zip(rows, read_lines(DATA / name), strict=True)]
    assert rows == full


ASKED = [path.parent.name for path in sorted(DATA.glob("*/questions.jsonl"))]


@pytest.mark.parametrize("name", ASKED)
def test_every_source_of_our_questions_is_a_passage(name: str) -> None:
    """Where a set has passages, an answer has a source among them; else neither has one.

    In `reader_train` the source is the passage asked about, whether or not it answers.
    """
    path = DATA / name / "passages.jsonl"
    ids = {passage.id for passage in load_passages(path)} if path.exists() else set()
    for question in load_questions(DATA / name / "questions.jsonl"):
        told = question.answer is not None or name == "reader_train"
        assert (question.source in ids) == (bool(ids) and told)
        assert question.source is None or question.source in ids
