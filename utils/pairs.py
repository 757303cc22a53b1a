"""From examples to what is trained on: prompt-completion pairs, and rows of tokens."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from utils.card import write_card
from utils.data import Example
from utils.prompts import ask, render, token_ids

IGNORED = -100  # the label of a token that is not learned
PREFIX, PADDING = 0, -1


@dataclass(frozen=True)
class Pair:
    """A training pair: the rendered prompt and the completion the loss is taken on."""

    prompt: str
    completion: str


@dataclass(frozen=True)
class Group:
    """Pairs whose prompts begin alike, such as questions over the same passages."""

    pairs: tuple[Pair, ...]


def make_groups(examples: Sequence[Example], tokenizer) -> list[Group]:
    """The examples' pairs; neighbours over the same passages are one group."""
    alike = itertools.groupby(enumerate(examples), lambda row: row[1].passages or row[0])
    return [Group(tuple(make_pair(e, tokenizer) for _, e in rows)) for _, rows in alike]


def make_pair(example: Example, tokenizer) -> Pair:
    """The chat template around the prompt; then the card and the end token."""
    prompt = render(ask(example.question, example.passages), tokenizer)
    return Pair(prompt, write_card(example.card) + tokenizer.eos_token)


def make_row(group: Group, tokenizer) -> dict[str, list[int]]:
    """A group as one row of tokens: what all prompts begin with once, then a branch a pair.

    Each branch goes on from the prefix and is hidden from the others, so that the row says
    what its pairs say one by one, and the model reads the passages once for all of them.
    Lists of one length: `input_ids`, `labels` (IGNORED outside the completions),
    `position_ids` and `branch` (PREFIX, then 1, 2, ...).
    """
    prompts = [token_ids(pair.prompt, tokenizer) for pair in group.pairs]
    shared = min(len(os.path.commonprefix(prompts)), min(map(len, prompts)) - 1)
    row = {
        "input_ids": prompts[0][:shared],
        "labels": [IGNORED] * shared,
        "position_ids": list(range(shared)),
        "branch": [PREFIX] * shared,
    }
    for number, (pair, prompt) in enumerate(zip(group.pairs, prompts, strict=True), 1):
        asked, wanted = prompt[shared:], token_ids(pair.completion, tokenizer)
        length = len(asked) + len(wanted)
        row["input_ids"] += asked + wanted
        row["labels"] += [IGNORED] * len(asked) + wanted
        row["position_ids"] += range(shared, shared + length)
        row["branch"] += [number] * length
    return row


def collate(rows: Sequence[dict[str, list[int]]], padding: int) -> dict[str, torch.Tensor]:
    """Rows as tensors of shape (rows, longest), padded on the right with `padding` tokens."""
    fill = {"input_ids": padding, "labels": IGNORED, "position_ids": 0, "branch": PADDING}
    longest = max(len(row["input_ids"]) for row in rows)
    return {
        name: torch.tensor([row[name] + [fill[name]] * (longest - len(row[name])) for row in rows])
        for name in fill
    }


def hide(branch: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The attention mask to add, of shape (rows, 1, longest, longest): 0 where one may look.

    A token sees those before it in the prefix and in its own branch.
    """
    longest = branch.shape[1]
    asks, seen = branch[:, :, None], branch[:, None, :]
    before = torch.ones(longest, longest, dtype=torch.bool, device=branch.device).tril()
    open_ = before & ((seen == PREFIX) | (seen == asks))
    mask = torch.zeros(open_.shape, dtype=dtype, device=branch.device)
    return mask.masked_fill(~open_, torch.finfo(dtype).min)[:, None]
