"""Train the shipped open-book adapter on with a fresh set: how it came to be (docs/log.md).

    python tools/train_on.py --examples 10000 --seed 107 --average 0.5 --out results/trained-on

With --written the documents of data/reader_train are asked about too, each question once. With
--average SHARE the weights are a mean of those before and after, the latter counting SHARE
(Wortsman et al. 2022, "Model soups", arXiv:2203.05482). Afterwards ask the dev questions with it,
and only then take it over into data/adapters.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.make_open_book import make_examples
from tools.written import written_examples
from utils.finetune import Step, train
from utils.pairs import make_groups
from utils.recipes import RECIPES, SHIPPED, load_to_train


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The options: how many examples, their seed, where to start and where to write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=8000)
    parser.add_argument("--seed", type=int, required=True, help="of the examples and the training")
    parser.add_argument("--learning-rate", type=float, default=6e-4)
    parser.add_argument("--start", type=Path, default=SHIPPED / "open-book")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the new adapter")
    parser.add_argument("--written", action="store_true", help="the hand-written ones as well")
    parser.add_argument("--average", type=float, default=1.0, help="share of the new weights")
    options = parser.parse_args(argv)
    if not (options.start / "adapter_config.json").is_file():
        parser.error(f"{options.start} holds no adapter; name the folder of one with --start")
    if options.examples < 1:
        parser.error("--examples must be 1 or more")
    if not 0 < options.average <= 1:
        parser.error("--average must be above 0 and at most 1")
    return options


def main(argv: list[str] | None = None) -> None:
    """Make the examples, train on them, write the adapter."""
    options = parse(argv)
    model, tokenizer = load_to_train()
    examples = make_examples(options.examples, options.seed)
    if options.written:
        examples += written_examples(options.seed)
    groups = make_groups(examples, tokenizer)
    settings = replace(
        RECIPES["open-book"].settings, learning_rate=options.learning_rate, seed=options.seed
    )
    train(model, tokenizer, groups, settings, options.out, tell, start=options.start)
    if options.average < 1:
        average(options.start, options.out, options.average)
    print(f"The adapter lies in {options.out}.")


def average(before: Path, after: Path, share: float) -> None:
    """Replace the weights of `after` by `share` of them and the rest of those of `before`.

    They are fp16, as they lie there.
    """
    old, new = (load_file(folder / "adapter_model.safetensors") for folder in (before, after))
    mean = {k: ((1 - share) * w.float() + share * new[k].float()).half() for k, w in old.items()}
    save_file(mean, after / "adapter_model.safetensors")


def tell(step: Step) -> None:
    """A line for each tenth step, and the last."""
    if step.done % 10 == 0 or step.done == step.total:
        print(f"step {step.done} of {step.total}, loss {step.loss:.3f}", flush=True)


if __name__ == "__main__":
    main()
