"""Prompts that begin alike as a tree, so that what they share is read once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 8  # tokens worth a stretch of their own


@dataclass(frozen=True)
class Stretch:
    """Tokens `start` to `stop` of the prompts `rows`, which are alike up to `stop`."""

    rows: tuple[int, ...]
    start: int
    stop: int


def stretches(prompts: Sequence[Sequence[int]], least: int = LEAST) -> list[Stretch]:
    """The prompts' tokens in stretches, those of several prompts before those that go on.

    Each prompt's stretches follow each other from its first token to its last, and the last is
    its own: at least one token of each prompt is shared with no other. `prompts` holds token ids,
    at least one each.
    """
    order = sorted(range(len(prompts)), key=lambda row: prompts[row])
    return _grow(prompts, order, 0, least) if order else []


def _grow(prompts, rows: list[int], start: int, least: int) -> list[Stretch]:
    """The stretches of sorted prompts that are alike up to `start`, from there on."""
    if len(rows) == 1:
        return [Stretch((rows[0],), start, len(prompts[rows[0]]))]
    ends = [prompts[rows[0]], prompts[rows[-1]]]
    alike = len(os.path.commonprefix(ends))  # sorted: all between the two share it too
    stop = min(alike, min(len(prompts[row]) for row in rows) - 1)
    made = []
    if stop - start >= least:
        made.append(Stretch(tuple(rows), start, stop))
        start = stop
    if stop < alike:  # one prompt is the start of all others
        return made + [Stretch((row,), start, len(prompts[row])) for row in rows]
    for group in _split(prompts, rows, alike):
        made += _grow(prompts, group, start, least)
    return made


def _split(prompts, rows: list[int], place: int) -> list[list[int]]:
    """Sorted prompts in groups of one token at `place`."""
    groups: list[list[int]] = []
    for row in rows:
        if groups and prompts[groups[-1][-1]][place] == prompts[row][place]:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups
