"""Pairs and rows: one conversation template, shared beginnings, what is hidden from whom."""

from __future__ import annotations

import pytest
import torch

from conftest import END
from utils.card import Card, write_card
from utils.data import Example, Passage
from utils.pairs import IGNORED, PADDING, Group, Pair, collate, hide, make_groups, make_row

CARD = Card(source="orsk", kind="person", answer="Odo Reed")
SHOWN = (Passage("orsk", "Orsk", "The mayor is Odo Reed."),)
OTHER = (Passage("orsk", "Orsk", "The mayor is Ada Reed."),)


def example(id: str, passages=()) -> Example:
    return Example(id, f"Who leads Orsk {id}?", CARD, passages)


def test_pairs_are_the_rendered_prompt_and_the_card_with_its_end(tiny) -> None:
    closed, opened = (
        group.pairs[0] for group in make_groups([example("a"), example("b", SHOWN)], tiny[1])
    )
    assert closed.completion == opened.completion == write_card(CARD) + END
    assert closed.prompt.endswith("Who leads Orsk a?<|im_end|>\n<|im_start|>assistant\n")
    assert "[orsk] Orsk: The mayor is Odo Reed." in opened.prompt
    assert "[orsk]" not in closed.prompt


def test_neighbours_over_the_same_passages_are_one_group(tiny) -> None:
    seen = {"a": SHOWN, "b": SHOWN, "c": OTHER, "d": (), "e": (), "f": SHOWN}
    groups = make_groups([example(id, shown) for id, shown in seen.items()], tiny[1])
    assert [len(group.pairs) for group in groups] == [2, 1, 1, 1, 1]


def test_a_row_reads_the_shared_beginning_once(tiny) -> None:
    _, tokenizer = tiny
    group = Group((Pair("facts. Who?", "A" + END), Pair("facts. When?", "BC" + END)))
    row = make_row(group, tokenizer)
    shared = row["branch"].count(0)
    prefix = tokenizer.decode(row["input_ids"][:shared])
    assert prefix and all(pair.prompt.startswith(prefix) for pair in group.pairs)
    for number, pair in enumerate(group.pairs, 1):
        mine = [i for i, branch in enumerate(row["branch"]) if branch in (0, number)]
        assert (
            tokenizer.decode([row["input_ids"][i] for i in mine]) == pair.prompt + pair.completion
        )
        assert [row["position_ids"][i] for i in mine] == list(range(len(mine)))
        learned = [row["labels"][i] for i in mine if row["labels"][i] != IGNORED]
        assert tokenizer.decode(learned) == pair.completion


@pytest.mark.parametrize("prompts", [("a", "a"), ("a", "ab"), ("ab", "a"), ("x", "y")])
def test_every_branch_keeps_a_token_to_predict_from(tiny, prompts: tuple[str, str]) -> None:
    row = make_row(Group(tuple(Pair(prompt, "C" + END) for prompt in prompts)), tiny[1])
    for number in (1, 2):
        first = row["branch"].index(number)
        assert row["labels"][first] == IGNORED


def test_a_token_sees_the_prefix_and_its_own_branch_before_it() -> None:
    mask = hide(torch.tensor([[0, 0, 1, 1, 2, 2, PADDING]]), torch.float32)
    assert mask.shape == (1, 1, 7, 7)
    seen = [[j for j in range(7) if mask[0, 0, i, j] == 0] for i in range(7)]
    assert seen == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 4], [0, 1, 4, 5], [0, 1, 6]]


def test_rows_are_padded_to_the_longest(tiny) -> None:
    _, tokenizer = tiny
    rows = [make_row(Group((Pair(p, "C" + END),)), tokenizer) for p in ("ask", "a longer ask")]
    batch = collate(rows, padding=9)
    missing = len(rows[1]["input_ids"]) - len(rows[0]["input_ids"])
    tails = {name: values[0, -missing:].unique().tolist() for name, values in batch.items()}
    assert tails == {
        "input_ids": [9],
        "labels": [IGNORED],
        "position_ids": [0],
        "branch": [PADDING],
    }
