"""Answers a second, open book with retrieval: one at a time, padded batches, and ours."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from utils.datasets import load_dataset
from utils.finetune import load_tuned
from utils.generate import generate
from utils.models import load_embedder
from utils.prompts import ask, opening, render
from utils.rag import find_passages
from utils.recipes import SHIPPED
from utils.retrieve import Retriever

BATCH = 16  # prompts in a plain padded batch
NEW = 64  # tokens an answer may have
FEW = 16  # questions asked one at a time: the rest would only take longer
TYPICAL = 24  # tokens llama.cpp writes: about as many as a card has
ALONE, ALONE_FAST = "one at a time", "one at a time, in the fast type"
PADDED, OURS, LLAMA = "padded batches", "ours", "llama.cpp, one at a time"


def prompts_of(count: int, tokenizer) -> tuple[list[str], list[str]]:
    """Rendered prompts of test questions about the towns, with three passages, and openings."""
    atlas = load_dataset("atlas")
    questions = atlas.ask("plain", "test", count)
    found = find_passages(Retriever(atlas.passages, load_embedder()), questions, 3, "hybrid")
    pairs = zip(questions, found, strict=True)
    prompts = [render(ask(q.question, passages), tokenizer) for q, passages in pairs]
    return prompts, [opening(passages) for passages in found]


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


def llama(gguf: Path, prompts: Sequence[str]) -> list[str]:
    """llama.cpp on the untrained model's GGUF, one prompt at a time, as it is built for."""
    llama_cpp = importlib.import_module("llama_cpp")  # nobody needs it for anything else
    model = llama_cpp.Llama(str(gguf), n_ctx=1024, n_threads=torch.get_num_threads(), verbose=False)
    return [
        model(prompt, max_tokens=TYPICAL, temperature=0.0)["choices"][0]["text"]
        for prompt in prompts
    ]


def ways_of(
    model, tokenizer, prompts: list[str], openings: list[str], gguf: Path | None
) -> dict[str, Callable]:
    """Each way by its name: a function that gives the texts it wrote.

    transformers loads a model in the type it was saved in, here fp32; that is the usual way.
    The others compute in the type that is fast on this machine.
    """
    usual = model.dtype == torch.float32
    slow = model if usual else load_tuned(SHIPPED / "open-book", dtype=torch.float32)[0]
    ours = lambda: generate(model, tokenizer, prompts, NEW, openings=openings)  # noqa: E731
    ways = {
        ALONE: lambda: padded(slow, tokenizer, prompts[:FEW], 1),
        ALONE_FAST: lambda: padded(model, tokenizer, prompts[:FEW], 1),
        PADDED: lambda: padded(model, tokenizer, prompts, BATCH),
        OURS: lambda: [c.text for c in ours()],
    }
    if usual:
        del ways[ALONE_FAST]
    if gguf is not None:
        ways[LLAMA] = lambda: llama(gguf, prompts[:FEW])
    return ways


def measure(
    rounds: int, say: Callable[[str], None], count: int = 96, gguf: Path | None = None
) -> dict:
    """Answers a second of each way, round after round, and the share of texts that differ."""
    model, tokenizer = load_tuned(SHIPPED / "open-book")
    prompts, openings = prompts_of(count, tokenizer)
    ways = ways_of(model, tokenizer, prompts, openings, gguf)
    found: dict[str, list[float]] = {name: [] for name in ways}
    texts: dict[str, list[str]] = {}
    for turn in range(rounds):
        for name, run in ways.items():
            start = time.perf_counter()
            texts[name] = run()
            found[name].append(len(texts[name]) / (time.perf_counter() - start))
            say(f"round {turn + 1}: {name}: {found[name][-1]:.2f} answers/s")
    best = {name: max(rates) for name, rates in found.items()}
    return {
        "one_at_a_time": best[ALONE],
        "padded": best[PADDED],
        "ours": best[OURS],
        "llama_cpp": best.get(LLAMA),
        "unit": "answers a second, the best round",
        "n": {name: len(written) for name, written in texts.items()},
        "rounds": found,
        "differ_from_one_at_a_time": _differ(texts[ALONE], texts[OURS][:FEW]),
        "differ_from_padded_batches": _differ(texts[PADDED], texts[OURS]),
    }


def _differ(texts: Sequence[str], others: Sequence[str]) -> dict[str, int]:
    """How many of n texts are not the same."""
    return {"k": sum(a != b for a, b in zip(texts, others, strict=True)), "n": len(texts)}
