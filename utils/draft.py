"""Guesses at what a model writes next, which the model then checks many tokens at a time.

What an answer copies stands in its prompt already, and a card's frame is known. So the tokens
that followed the last ones before are a good guess (prompt lookup decoding, A. Saxena 2023; a
form of speculative decoding, Leviathan et al. 2023). A wrong guess costs time and nothing else:
only what the model itself would have written is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from utils.card import KINDS, Card, write_card
from utils.prompts import token_ids

LONGEST = 3  # tokens of the past that are looked up
SURE, UNSURE = 8, 4  # tokens guessed after several tokens found, and after a single one
GAP = "?"  # stands where a card's own values go


class Lookup:
    """Which tokens came after which, in a text that grows."""

    def __init__(self, tokens: Sequence[int] = (), keep_first: bool = False) -> None:
        self.tokens: list[int] = []
        self.keep_first = keep_first
        self.places: dict[tuple[int, ...], int] = {}
        self.add(tokens)

    def add(self, tokens: Sequence[int]) -> None:
        """Let the text go on with these tokens."""
        for token in tokens:
            stop = len(self.tokens)
            for size in range(1, min(LONGEST, stop) + 1):
                key = tuple(self.tokens[stop - size : stop])
                if not (self.keep_first and key in self.places):
                    self.places[key] = stop
            self.tokens.append(token)

    def after(self, past: Sequence[int], most: int) -> list[int]:
        """At most `most` tokens that followed these; [] where they have not been seen."""
        place = self.places.get(tuple(past))
        return [] if place is None else self.tokens[place : place + most]


class Frame:
    """What every card has in common, as tokens; its values are gaps."""

    def __init__(self, tokenizer) -> None:
        self.gap, *_ = token_ids(GAP, tokenizer)
        self.lookup = Lookup(keep_first=True)
        for source, answer in ((GAP, GAP), (GAP, None), (None, GAP), (None, None)):
            for kind in KINDS:
                text = write_card(Card(source=source, kind=kind, answer=answer))
                self.lookup.add([*token_ids(text, tokenizer), tokenizer.eos_token_id])
        self.first = self.lookup.tokens[0]

    def after(self, past: Sequence[int]) -> list[int]:
        """What follows in a card, up to the next gap."""
        found = self.lookup.after(past, SURE)
        return found[: found.index(self.gap)] if self.gap in found else found


class Drafter:
    """The guesses for one prompt. `opening` is how the answer may begin."""

    def __init__(self, prompt: Sequence[int], frame: Frame, opening: Sequence[int] = ()) -> None:
        self.own, self.frame, self.opening = Lookup(prompt), frame, list(opening)
        self.is_card = self.begun = False

    def add(self, tokens: Sequence[int]) -> None:
        """Take note of what was written."""
        if tokens and not self.begun:
            self.begun, self.is_card = True, tokens[0] == self.frame.first
        self.own.add(tokens)

    def guess(self) -> list[int]:
        """Tokens that may come next; [] for no idea."""
        if not self.begun:
            return self.opening
        past = self.own.tokens
        for size in range(LONGEST, 0, -1):
            found = self.frame.after(past[-size:]) if self.is_card else []
            found = found or self.own.after(past[-size:], SURE if size > 1 else UNSURE)
            if found:
                return found
        return []


@functools.lru_cache(maxsize=4)
def frame_of(tokenizer) -> Frame:
    """The frame of a card in a tokenizer's tokens, made once."""
    return Frame(tokenizer)
