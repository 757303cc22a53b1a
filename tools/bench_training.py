"""Training speed on the same pairs: TRL's defaults, TRL in bf16, and `utils.finetune`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from datasets import Dataset, disable_progress_bars
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from utils.datasets import training_examples
from utils.fetch import quiet
from utils.finetune import Settings, lora, train
from utils.models import device_and_dtype, load_model
from utils.pairs import Group, make_groups, make_row
from utils.recipes import load_to_train

STEPS = 4  # of 8 pairs each; the first is not timed
SETTINGS = Settings(rank=16, batch_size=1)
SIZE = 2048  # of the square matrices whose product gives the peak
FP32, BF16 = "TRL, fp32", "TRL, bf16"
ALONE, OURS = "ours, a pair a row", "ours, passages shared"
Stamps = list[float]


def sample(tokenizer) -> list[Group]:
    """STEPS conversations of 8 questions and of nearly one length, from the open-book set."""
    groups = make_groups(training_examples("open-book")[:1600], tokenizer)
    whole = sorted((g for g in groups if len(g.pairs) == 8), key=lambda g: len(g.pairs[0].prompt))
    middle = len(whole) // 2
    return whole[middle : middle + STEPS]


def plain(groups: list[Group], bf16: bool) -> Stamps:
    """When each step of TRL's own trainer ended: fp32 weights, its defaults but for bf16."""

    class Clock(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            stamps.append(time.perf_counter())

    stamps: Stamps = []
    disable_progress_bars()
    model, tokenizer = load_model(dtype=torch.float32)
    rows = [asdict(pair) for group in groups for pair in group.pairs]
    with tempfile.TemporaryDirectory() as folder, quiet():
        settings = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=8,
            max_steps=len(groups),
            bf16=bf16,
            use_cpu=device_and_dtype()[0].type == "cpu",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            max_length=None,
            dataloader_pin_memory=False,
        )
        trainer = SFTTrainer(
            model,
            settings,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=lora(SETTINGS),
            callbacks=[Clock()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return stamps


def ours(groups: list[Group], settings: Settings) -> Stamps:
    """When each step of `utils.finetune.train` ended, as the course's trainings run."""
    stamps: Stamps = []
    model, tokenizer = load_to_train()
    with tempfile.TemporaryDirectory() as folder:
        tick = lambda step: stamps.append(time.perf_counter())  # noqa: E731
        train(model, tokenizer, groups, settings, Path(folder) / "adapter", tick)
    return stamps


def measure(rounds: int, say: Callable[[str], None]) -> dict:
    """Tokens a second of each way, round after round; the share of the matrix-product peak.

    A token is one of a prompt or a completion of the pairs; where questions share their
    passages, those are computed once and counted for each, as the learner asked for them.
    The share counts what is computed: 4 x parameters outside the embedding x tokens read, over
    the seconds and the peak (forward, and the backward pass to the activations). Where bf16 is
    not fast, TRL in bf16 is left out: a step would take many minutes.
    """
    model, tokenizer = load_model()
    groups = sample(tokenizer)
    single = [Group((pair,)) for group in groups for pair in group.pairs]
    weights = (
        sum(p.numel() for p in model.parameters()) - model.get_input_embeddings().weight.numel()
    )
    asked = sum(len(make_row(group, tokenizer)["input_ids"]) for group in single) / len(groups)
    read = sum(len(make_row(group, tokenizer)["input_ids"]) for group in groups) / len(groups)
    del model
    ways = {
        FP32: lambda: plain(groups, False),
        BF16: lambda: plain(groups, True),
        ALONE: lambda: ours(single, Settings(rank=16, batch_size=8)),
        OURS: lambda: ours(groups, SETTINGS),
    }
    if device_and_dtype()[1] != torch.bfloat16:
        say(f"{BF16}: left out, bf16 is not fast on this machine")
        del ways[BF16]
    found: dict[str, list[float]] = {name: [] for name in ways}
    peaks = []
    for turn in range(rounds):
        peaks.append(gemm_peak())
        for name, run in ways.items():
            stamps = run()
            seconds = (stamps[-1] - stamps[0]) / (len(stamps) - 1)
            found[name].append(asked / seconds)
            say(f"round {turn + 1}: {name}: {asked / seconds:.0f} tokens/s")
    peak = max(peaks)
    computed = {name: read if name == OURS else asked for name in ways}
    best = {name: max(rates) for name, rates in found.items()}
    share = {name: 4 * weights * best[name] * computed[name] / asked / peak for name in ways}
    return {
        "trl_fp32": best[FP32],
        "trl_bf16": best.get(BF16),
        "ours": best[OURS],
        "gemm_share": share[OURS],
        "unit": "tokens of the pairs a second, the best round",
        "pairs_a_step": 8,
        "tokens_a_step": asked,
        "tokens_computed_where_shared": read,
        "rounds": found,
        "gemm_peak": peak,
        "share_of_peak": share,
    }


def gemm_peak() -> float:
    """FLOP a second of the best of ten products of two square matrices, in the type in use."""
    device, dtype = device_and_dtype()
    a, b = (torch.randn(SIZE, SIZE, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * SIZE**3 / best
