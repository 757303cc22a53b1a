"""How each adapter is made: which examples, which settings, and where the result is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from utils.data import DATA
from utils.datasets import training_examples
from utils.finetune import Look, Settings, Step, save_adapter, train
from utils.models import device_and_dtype, is_default, load_model, model_source
from utils.pairs import make_groups

SHIPPED = DATA / "adapters"
WHOLE = "adapter_config.json"


@dataclass(frozen=True)
class Recipe:
    """A training run: the examples it reads and its settings."""

    examples: str
    settings: Settings


RECIPES = {
    "form": Recipe("form", Settings(rank=8, alpha=16, learning_rate=1e-3)),
    "facts": Recipe(
        "facts",
        Settings(batch_size=5, schedule="warmup_stable_decay", warmup_share=0.02, decay_share=0.1),
    ),
    "open-book": Recipe("open-book", Settings(learning_rate=8e-4, batch_size=2)),
}


@dataclass(frozen=True)
class Adapter:
    """An adapter on disk, and whether it was "trained" here or came "shipped" with the course."""

    name: str
    folder: Path
    origin: str


class NoAdapter(RuntimeError):
    """An adapter that is neither here nor to be trained; the message says what to run."""


def recipe_of(name: str) -> tuple[Recipe, int]:
    """The recipe of an adapter name and its passes: `facts-3` is three passes of `facts`."""
    base, _, passes = name.partition("-") if name.startswith("facts-") else (name, "", "1")
    return RECIPES[base], int(passes)


def find_adapter(name: str, trained: Path, shipped: bool) -> Adapter | None:
    """The adapter trained here, else the shipped one where that may be used; None for neither."""
    if (trained / name / WHOLE).is_file():
        return Adapter(name, trained / name, "trained")
    if shipped and (SHIPPED / name / WHOLE).is_file():
        return Adapter(name, SHIPPED / name, "shipped")
    return None


def lesson_folder() -> Path:
    """Where the lessons keep what they train: a folder for each model."""
    return DATA.parent / "results" / "lessons" / Path(model_source()).name


def lesson_adapter(name: str) -> Adapter:
    """The adapter trained in a lesson, else the shipped one. Raises NoAdapter for neither."""
    found = find_adapter(name, lesson_folder(), shipped=is_default())
    if found is None:
        raise NoAdapter(
            f"No adapter {name!r} has been trained for {Path(model_source()).name}. Run the "
            "training cell of the lesson, or unset FORM_AND_FACTS_MODEL: the adapters that come "
            "with the course fit its own model only."
        )
    return found


def load_to_train(source: str | None = None):
    """As `models.load_model`, with the attention whose backward pass is the quicker one here."""
    attention = "eager" if device_and_dtype()[0].type == "cpu" else "sdpa"
    return load_model(source, attention=attention)


def train_adapter(
    name: str,
    folder: Path,
    seed: int,
    source: str | None = None,
    tick: Callable[[Step], None] = lambda step: None,
    sample: Look = lambda step, model: None,
) -> Adapter:
    """Train the named adapter into `folder/name`; facts adapters leave every pass's beside it.

    Goes on after an interruption. See `finetune.train` for `tick` and `sample`.
    """
    recipe, passes = recipe_of(name)
    settings = replace(recipe.settings, seed=seed, epochs=passes * recipe.settings.epochs)
    model, tokenizer = load_to_train(source)
    groups = make_groups(training_examples(recipe.examples), tokenizer)

    def keep(done: int, tuned) -> None:
        if name.startswith("facts-") and done < passes:
            save_adapter(tuned, folder / f"facts-{done}")

    train(model, tokenizer, groups, settings, folder / name, tick, sample, keep)
    return Adapter(name, folder / name, "trained")
