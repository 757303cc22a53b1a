"""Batched greedy generation that counts tokens and seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
) -> list[Completion]:
    """Greedy completions of rendered prompts, in the order asked.

    Prompts are batched by length, so that padding stays small. `tick(n)` is called after
    each batch with the number of answers it gave. Stops at the end-of-turn token.
    """
    ids = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
    found: list[Completion | None] = [None] * len(prompts)
    for batch in batches([len(i) for i in ids], max_new_tokens):
        start = time.perf_counter()
        written = _run(model, tokenizer, [ids[i] for i in batch], max_new_tokens)
        seconds = (time.perf_counter() - start) / len(batch)
        for i, tokens in zip(batch, written, strict=True):
            text = tokenizer.decode(tokens, skip_special_tokens=True)
            found[i] = Completion(text, len(ids[i]), len(tokens), seconds)
        tick(len(batch))
    return [completion for completion in found if completion is not None]


def batches(lengths: Sequence[int], new: int, budget: int = TOKENS_IN_A_BATCH) -> list[list[int]]:
    """Indices grouped by length, longest first, so that padded tokens stay under the budget."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    grouped: list[list[int]] = []
    for i in order:
        longest = lengths[grouped[-1][0]] + new if grouped else 0
        if grouped and (len(grouped[-1]) + 1) * longest <= budget:
            grouped[-1].append(i)
        else:
            grouped.append([i])
    return grouped


def _run(model, tokenizer, ids: list[list[int]], new: int) -> list[list[int]]:
    """Token ids written for each prompt of a batch, up to the end token."""
    import torch

    from utils.decode import decode

    inputs = tokenizer.pad({"input_ids": ids}, padding_side="left", return_tensors="pt")
    with torch.inference_mode():
        return decode(model, inputs.to(model.device), new, _end_tokens(model, tokenizer))


def _end_tokens(model, tokenizer) -> list[int]:
    """The end tokens: the tokenizer's, and those of the model's generation settings."""
    named = getattr(model.generation_config, "eos_token_id", None) or []
    return sorted({tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])})
