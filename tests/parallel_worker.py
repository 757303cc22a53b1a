"""One of the processes that tests/test_parallel.py launches: the experiment on the tiny model.

The first argument is a folder in which it writes what it saw; the second names a trouble to make
in process 1, or is "none"; the rest is the command line of utils.experiment.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from test_retrieve import FakeEmbedder
from utils import experiment, finetune, models, parallel, recipes, runner
from utils.datasets import training_examples

EXAMPLES = 9  # 8 rows in the first step and 1 in the last, so that a process is without
TROUBLED = "base+rag"  # the arm in which trouble is made


def on_the_cpu(setattr_) -> None:
    """The tiny model in fp32 on one thread, an embedder that needs no model, few examples."""
    torch.set_num_threads(1)
    setattr_(models, "load_embedder", FakeEmbedder)
    where = (torch.device("cpu"), torch.float32)
    for module in (models, finetune, recipes):
        setattr_(module, "device_and_dtype", lambda: where)
    setattr_(recipes, "training_examples", lambda name: training_examples(name)[:EXAMPLES])


def watch(folder: Path, setattr_) -> None:
    """Write the rows of each training step, and the questions asked, one JSON line each."""
    real, ask = finetune.collate, runner.ask_all

    def write(kind: str, what: list) -> None:
        with (folder / f"{kind}-{parallel.rank()}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")

    def collate(rows, padding):
        learned = [r for r in rows if any(label != -100 for label in r["labels"])]
        write("steps", [row["input_ids"] for row in learned])
        return real(rows, padding)

    def ask_all(arm, model, tokenizer, questions, *rest):
        write("asked", [arm.name, *(question.id for question in questions)])
        return ask(arm, model, tokenizer, questions, *rest)

    setattr_(finetune, "collate", collate)
    setattr_(runner, "ask_all", ask_all)


def make_trouble(kind: str) -> None:
    """Let process 1 fail, or both dawdle, when the troubled arm is asked."""
    ask = runner.ask_all

    def ask_all(arm, *rest):
        if arm.name == TROUBLED and kind == "die" and parallel.rank() == 1:
            raise RuntimeError("process 1 was told to die")
        if arm.name == TROUBLED and kind == "dawdle":
            time.sleep(600)
        return ask(arm, *rest)

    runner.ask_all = ask_all


if __name__ == "__main__":
    on_the_cpu(setattr)
    watch(Path(sys.argv[1]), setattr)
    make_trouble(sys.argv[2])
    sys.exit(experiment.main(sys.argv[3:]))
