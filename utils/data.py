"""Typed records of the data sets, and the loaders that name file, line and reason."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Iterable, Iterator, TypeVar

from utils.card import KINDS, Card

DATA = Path(__file__).resolve().parent.parent / "data"


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
