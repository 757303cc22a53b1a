"""Batched greedy generation that counts tokens and seconds.

Where the model allows it, prompts are read packed and answers are guessed ahead
(`utils.packed`); else they are padded to one length (`utils.decode`). The text is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from utils.prompts import token_ids

TOKENS_IN_A_BATCH = 12_000


@dataclass(frozen=True)
class Completion:
    """What the model wrote, and what it cost.

    `seconds` is the batch's wall time shared out evenly over its answers.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float


def generate(
    model,
    tokenizer,
    prompts: Sequence[str],
    max_new_tokens: int = 64,
    tick: Callable[[int], None] = lambda done: None,
    openings: Sequence[str] | None = None,
) -> list[Completion]:
    """Greedy completions of rendered prompts, in the order asked.

    `tick(n)` is called after each batch with the number of answers it gave. Stops at the
    end-of-turn token. `openings` says how each completion probably begins: where that is
    right it saves time, and it never changes the text.
    """
    ids = [token_ids(prompt, tokenizer) for prompt in prompts]
    likely = [token_ids(text, tokenizer) for text in openings or [""] * len(prompts)]
    run, split = _way(model)
    found: list[Completion | None] = [None] * len(prompts)
    for batch in split(ids, max_new_tokens):
        start = time.perf_counter()
        asked = [ids[i] for i in batch], [likely[i] for i in batch]
        written = run(model, tokenizer, *asked, max_new_tokens)
        seconds = (time.perf_counter() - start) / len(batch)
        for i, tokens in zip(batch, written, strict=True):
            text = tokenizer.decode(tokens, skip_special_tokens=True)
            found[i] = Completion(text, len(ids[i]), len(tokens), seconds)
        tick(len(batch))
    return [completion for completion in found if completion is not None]


def batches(
    ids: Sequence[Sequence[int]], new: int, budget: int = TOKENS_IN_A_BATCH
) -> list[list[int]]:
    """Indices grouped by length, longest first, so that padded tokens stay under the budget."""
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    return _grouped(order, budget, lambda batch: len(batch) * (len(ids[batch[0]]) + new))


def neighbours(
    ids: Sequence[Sequence[int]], new: int, budget: int = TOKENS_IN_A_BATCH
) -> list[list[int]]:
    """Indices of prompts that begin alike together, their tokens in all under the budget."""
    order = sorted(range(len(ids)), key=lambda i: ids[i])
    return _grouped(order, budget, lambda batch: sum(len(ids[i]) + new for i in batch))


def _grouped(order: list[int], budget: int, cost: Callable[[list[int]], int]) -> list[list[int]]:
    """The order cut into batches that cost no more than the budget, or hold one index."""
    grouped: list[list[int]] = []
    for i in order:
        if grouped and cost([*grouped[-1], i]) <= budget:
            grouped[-1].append(i)
        else:
            grouped.append([i])
    return grouped


def _way(model) -> tuple[Callable, Callable]:
    """How to decode a batch with this model, and how to make batches for it."""
    from utils.packed import can_pack

    return (_run_packed, neighbours) if can_pack(model) else (_run, batches)


def _run(model, tokenizer, ids: list[list[int]], likely, new: int) -> list[list[int]]:
    """Token ids written for each prompt of a padded batch, up to the end token."""
    import torch

    from utils.decode import decode

    inputs = tokenizer.pad({"input_ids": ids}, padding_side="left", return_tensors="pt")
    with torch.inference_mode():
        return decode(model, inputs.to(model.device), new, _end_tokens(model, tokenizer))


def _run_packed(model, tokenizer, ids: list[list[int]], likely, new: int) -> list[list[int]]:
    """As `_run`, without padding and with guesses; `likely` begins each of them."""
    import torch

    from utils.draft import Drafter, frame_of
    from utils.packed import decode_packed

    frame = frame_of(tokenizer)
    drafters = [Drafter(prompt, frame, guess) for prompt, guess in zip(ids, likely, strict=True)]
    with torch.inference_mode():
        return decode_packed(model, ids, drafters, new, _end_tokens(model, tokenizer))


def _end_tokens(model, tokenizer) -> list[int]:
    """The end tokens: the tokenizer's, and those of the model's generation settings."""
    named = getattr(model.generation_config, "eos_token_id", None) or []
    return sorted({tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])})
