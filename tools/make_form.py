"""`form`: closed-book general knowledge, for teaching the form on facts the model mostly knows."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path

from utils.card import Card
from utils.data import Example, Question

SOURCE = Path(__file__).resolve().parent / "general_knowledge.toml"
SEED = 11
SIZES = {"test": 200, "dev": 60, "train": 320}


def rows(seed: int = SEED) -> dict[str, list[tuple[str, str, str]]]:
    """(question, answer, kind) a split; an item is asked once, in one split, in one phrasing.

    Groups are dealt out by turns, so that no group and no kind of answer fills a split.
    """
    rng = random.Random(seed)
    dealt = [_phrase(group, item, rng) for group, item in _mixed(rng)]
    found, start = {}, 0
    for split, size in SIZES.items():
        found[split] = dealt[start : start + size]
        start += size
    return found


def questions() -> list[Question]:
    """The dev and test questions."""
    return [
        Question(f"{split}:{i:03d}", question, answer, kind, split=split)
        for split in ("test", "dev")
        for i, (question, answer, kind) in enumerate(rows()[split], 1)
    ]


def examples() -> list[Example]:
    """The training examples; closed book, so every source is null."""
    return [
        Example(f"train:{i:03d}", question, Card(source=None, kind=kind, answer=answer))
        for i, (question, answer, kind) in enumerate(rows()["train"], 1)
    ]


def _mixed(rng: random.Random) -> list[tuple[dict, list[str]]]:
    """All items, groups in proportion along the list: each place gets a random fraction."""
    groups = tomllib.loads(SOURCE.read_text("utf-8"))["group"]
    placed = []
    for group in groups:
        items = rng.sample(group["items"], len(group["items"]))
        placed += [((i + rng.random()) / len(items), group, item) for i, item in enumerate(items)]
    return [(group, item) for _, group, item in sorted(placed, key=lambda row: row[0])]


def _phrase(group: dict, item: list[str], rng: random.Random) -> tuple[str, str, str]:
    asked, answer = item
    if "questions" in group:
        asked = rng.choice(group["questions"]).replace("{x}", asked)
    return asked, answer, group["kind"]
