"""Typed records of the data sets, and the loaders that name file, line and reason."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from utils.card import KINDS, Card, CardError, parse_card

DATA = Path(__file__).resolve().parent.parent / "data"
SAME = "same"


@dataclass(frozen=True)
class Passage:
    """A text that may be retrieved. `title` says what the text is about."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Question:
    """A question with its gold answer; `answer` is None where no passage holds it."""

    id: str
    question: str
    answer: str | None
    kind: str | None = None
    source: str | None = None
    variant: str = "plain"
    split: str = "test"


@dataclass(frozen=True)
class Example:
    """A training example: a question, the passages shown with it, and the card wanted."""

    id: str
    question: str
    card: Card
    passages: tuple[Passage, ...] = ()
    split: str = "train"


class DataError(ValueError):
    """A file that cannot be used; the message names file, line and reason."""


T = TypeVar("T")


def load_passages(path: Path) -> list[Passage]:
    """Passages of a JSON Lines file; ids must be unique. Raises DataError."""
    return _load(path, lambda row, n: _record(Passage, row, path, n))


def load_questions(path: Path, split: str | None = None) -> list[Question]:
    """Questions of a JSON Lines file, of one split where it is named. Raises DataError."""
    found = _load(path, lambda row, n: _question(row, path, n))
    return [q for q in found if split in (None, q.split)]


def load_examples(path: Path, split: str | None = None) -> list[Example]:
    """Training examples of a JSON Lines file, of one split where it is named. Raises DataError.

    `"passages": "same"` stands for the passages of the line before.
    """
    last: list[Example] = []

    def make(row: dict[str, Any], number: int) -> Example:
        last[:] = [_example(row, path, number, last[0].passages if last else ())]
        return last[0]

    return [e for e in _load(path, make) if split in (None, e.split)]


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON Lines file; empty lines are passed over.

    Raises DataError naming file, line and reason.
    """
    try:
        lines = Path(path).read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _object(line, path, number)


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """Write dataclass records as JSON Lines, keys in the order of the fields."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps(to_json(record), ensure_ascii=False) for record in records]
    path.write_text("".join(row + "\n" for row in rows), encoding="utf-8", newline="\n")


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write examples as JSON Lines; passages that the line before shows too are written once."""
    pairs = zip(examples, [None, *examples], strict=False)
    write_lines(path, [replace(e, passages=SAME) if _shared(e, b) else e for e, b in pairs])


def _shared(example: Example, before: Example | None) -> bool:
    return bool(example.passages and before and example.passages == before.passages)


def to_json(record: Any) -> dict[str, Any]:
    """A record as a JSON object; a card inside it as the card's own object."""
    row = asdict(record)
    if isinstance(row.get("card"), Card):
        row["card"] = row["card"].model_dump()
    return row


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except RecursionError:
        raise DataError(f"{path}, line {number}: nested too deeply: mend the line") from None
    except ValueError as error:
        reason = getattr(error, "msg", "a number is too long")
        raise DataError(f"{path}, line {number}: not JSON ({reason}): mend the line") from None
    if not isinstance(row, dict):
        raise DataError(f"{path}, line {number}: a {type(row).__name__}, not an object {{...}}")
    return row


def _record(kind: type[T], row: dict[str, Any], path: Path, number: int) -> T:
    known = {field.name: field for field in fields(kind)}
    for name, field in known.items():
        if name not in row and field.default is MISSING:
            raise DataError(f"{path}, line {number}: the key {name!r} is missing")
        text, nullable = field.type.startswith("str"), "None" in field.type
        value = row.get(name)
        if text and name in row and not (isinstance(value, str) or (nullable and value is None)):
            raise DataError(f"{path}, line {number}: {name!r} must be a string, got {value!r}")
    _no_misspelling(row, set(known), path, number)
    for name in ("id", "question"):
        if name in known and not row[name].strip():
            raise DataError(f"{path}, line {number}: the {name} is empty")
    return kind(**{name: row[name] for name in known if name in row})


def _no_misspelling(row: dict[str, Any], known: set[str], path: Path, number: int) -> None:
    """Keys of one's own are passed over; one that looks like a missing key of ours is not."""
    for name in sorted(set(row) - known):
        meant = difflib.get_close_matches(name, known - set(row), n=1, cutoff=0.7)
        if meant:
            raise DataError(f"{path}, line {number}: the key {name!r} should be {meant[0]!r}")


def _question(row: dict[str, Any], path: Path, number: int) -> Question:
    question = _record(Question, row, path, number)
    if question.kind is not None and question.kind not in KINDS:
        raise DataError(f"{path}, line {number}: 'kind' must be one of {', '.join(KINDS)}")
    return question


def _example(row: dict[str, Any], path: Path, number: int, before: tuple[Passage, ...]) -> Example:
    made = dict(row)
    if "card" in row:
        made["card"] = _card(row["card"], path, number)
    shown = row.get("passages", [])
    if shown == SAME and before:
        return _record(Example, {**made, "passages": before}, path, number)
    if shown == SAME:
        raise DataError(f"{path}, line {number}: no line before shows passages: write them out")
    if not isinstance(shown, list) or not all(isinstance(passage, dict) for passage in shown):
        raise DataError(f"{path}, line {number}: 'passages' must be a list of objects")
    made["passages"] = tuple(_record(Passage, passage, path, number) for passage in shown)
    return _record(Example, made, path, number)


def _card(value: Any, path: Path, number: int) -> Card:
    try:
        return parse_card(json.dumps(value))
    except CardError as error:
        raise DataError(f"{path}, line {number}: not a card: {error}") from None


def _load(path: Path, make: Callable[[dict[str, Any], int], T]) -> list[T]:
    """The record of every line; no two may have the same id."""
    seen: dict[str, int] = {}
    found = []
    for number, row in read_lines(path):
        record = make(row, number)
        if record.id in seen:
            raise DataError(
                f"{path}, line {number}: the id {record.id!r} appears twice, first in line "
                f"{seen[record.id]}: make ids unique"
            )
        seen[record.id] = number
        found.append(record)
    return found
