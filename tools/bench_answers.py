"""Answers a second, open book with retrieval: one at a time, padded batches, and ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from utils.datasets import load_dataset
from utils.finetune import load_tuned
from utils.generate import generate
from utils.models import load_embedder
from utils.prompts import ask, render
from utils.rag import find_passages
from utils.recipes import SHIPPED
from utils.retrieve import Retriever

BATCH = 16  # prompts in a plain padded batch
NEW = 64  # tokens an answer may have
ALONE = 16  # questions asked one at a time: the rest would only take longer


def prompts_of(count: int, tokenizer) -> list[str]:
    """Rendered prompts of test questions about the towns, with three passages found."""
    atlas = load_dataset("atlas")
    questions = atlas.ask("plain", "test", count)
    found = find_passages(Retriever(atlas.passages, load_embedder()), questions, 3, "hybrid")
    pairs = zip(questions, found, strict=True)
    return [render(ask(q.question, passages), tokenizer) for q, passages in pairs]


def padded(model, tokenizer, prompts: Sequence[str], size: int) -> list[str]:
    """transformers' `generate` on batches in the order asked; the texts written."""
    texts = []
    for i in range(0, len(prompts), size):
        inputs = tokenizer(
            list(prompts[i : i + size]),
            add_special_tokens=False,
            padding=True,
            return_tensors="pt",
        ).to(model.device)
        with torch.inference_mode():
            out = model.generate(**inputs, max_new_tokens=NEW, do_sample=False)
        written = out[:, inputs["input_ids"].shape[1] :]
        texts += tokenizer.batch_decode(written, skip_special_tokens=True)
    return texts


def measure(rounds: int, say: Callable[[str], None], count: int = 96) -> dict:
    """Answers a second of each way, round after round, and the share of texts that differ."""
    model, tokenizer = load_tuned(SHIPPED / "open-book")
    prompts = prompts_of(count, tokenizer)
    ways = {
        "one at a time": lambda: padded(model, tokenizer, prompts[:ALONE], 1),
        "padded batches": lambda: padded(model, tokenizer, prompts, BATCH),
        "ours": lambda: [c.text for c in generate(model, tokenizer, prompts, NEW)],
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    texts: dict[str, list[str]] = {}
    for turn in range(rounds):
        for name, run in ways.items():
            start = time.perf_counter()
            texts[name] = run()
            found[name].append(len(texts[name]) / (time.perf_counter() - start))
            say(f"round {turn + 1}: {name}: {found[name][-1]:.2f} answers/s")
    return {
        "unit": "answers a second",
        "n": {name: len(written) for name, written in texts.items()},
        "rounds": found,
        "differ_from_one_at_a_time": _differ(texts["one at a time"], texts["ours"][:ALONE]),
        "differ_from_padded_batches": _differ(texts["padded batches"], texts["ours"]),
    }


def _differ(texts: Sequence[str], others: Sequence[str]) -> dict[str, int]:
    """How many of n texts are not the same."""
    return {"k": sum(a != b for a, b in zip(texts, others, strict=True)), "n": len(texts)}
