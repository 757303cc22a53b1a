"""One object per data set: its passages, its questions by variant, its training examples."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from utils.data import (
    DATA,
    Example,
    Passage,
    Question,
    load_examples,
    load_passages,
    load_questions,
)


@dataclass(frozen=True)
class Dataset:
    """What can be searched and asked. `form` has no passages: it is general knowledge."""

    name: str
    passages: list[Passage]
    questions: list[Question] = field(repr=False)

    def ask(self, variant: str, split: str = "test", limit: int | None = None) -> list[Question]:
        """The questions of a variant and split, at most `limit`, spread evenly over the set."""
        found = [q for q in self.questions if q.variant == variant and q.split == split]
        if limit is None or limit >= len(found):
            return found
        return [found[i * len(found) // limit] for i in range(limit)]


@functools.cache
def load_dataset(name: str) -> Dataset:
    """The named data set: cities, atlas, form, or library (made on this machine if need be)."""
    if name == "library":
        return _library()
    folder = DATA / name
    passages = [] if name == "form" else load_passages(folder / "passages.jsonl")
    return Dataset(name, passages, load_questions(folder / "questions.jsonl"))


def training_examples(name: str) -> list[Example]:
    """The examples an adapter is trained on: form, facts or open-book."""
    files = {
        "form": "form/train.jsonl",
        "facts": "cities/facts.jsonl",
        "open-book": "open_book/train.jsonl",
    }
    return load_examples(DATA / files[name], "train")


def _library() -> Dataset:
    """The library documents of this machine; types are left out: `int` is easily guessed."""
    from utils.library import load_library

    made = load_library()
    return Dataset("library", made.passages, [q for q in made.questions if _hard(q.id)])


def _hard(id: str) -> bool:
    return not id.endswith(":type")
