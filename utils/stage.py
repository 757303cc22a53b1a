"""The model in use: the base, or the base with an adapter that was found or is trained now."""

from __future__ import annotations

import ctypes
import functools
import gc
import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from utils import models, parallel, recipes
from utils.arms import DOSES
from utils.clock import Clock
from utils.data import DATA
from utils.finetune import load_tuned
from utils.generate import generate
from utils.prompts import closed_book, render
from utils.screen import Screen

if TYPE_CHECKING:
    from utils.experiment import Options

SAMPLE = "What is the capital of Norway?"
LIVE = ("form", "facts-3")  # trained on the spot by `--train short`


@dataclass
class Stage:
    """The base model, the model now in use, and where adapters come from."""

    options: Options
    screen: Screen
    name: str | None = None
    model: object = None
    base: tuple | None = None
    origins: dict[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def tokenizer(self):
        return self._base()[1]

    def model_for(self, adapter: str | None):
        """The base model, or the base with the adapter merged into it."""
        if adapter is None:
            return self._base()[0]
        if self.name != adapter:
            self.name = self.model = None
            folder = self.adapter(adapter).folder
            give_back()
            self.model, self.name = load_tuned(folder, self.options.model)[0], adapter
        return self.model

    def adapter(self, name: str) -> recipes.Adapter:
        """The adapter: trained here before, shipped, or trained now."""
        shipped = self._may_ship(name)
        find = functools.partial(recipes.find_adapter, name, self.trained(), shipped)
        found = parallel.from_main(find)
        if found is None and self.options.quick:
            raise recipes.NoAdapter(
                f"--quick needs the shipped adapter {name!r} of the default model; "
                "leave --quick out to train it"
            )
        found = found or self._train(name)
        self.origins[name] = found.origin
        return found

    def trained(self) -> Path:
        """The folder of adapters trained with this seed, model, data and these recipes."""
        source = self.options.model or models.model_source()
        parts = json.dumps([_recipes(), source, data_hash()], sort_keys=True)
        key = hashlib.sha256(parts.encode()).hexdigest()[:10]
        return self.options.out / "adapters" / f"{key}-seed{self.options.seed}"

    def _may_ship(self, name: str) -> bool:
        if self.options.model is not None or not models.is_default():
            return False
        return self.options.quick or (self.options.train == "short" and name not in LIVE)

    def _train(self, name: str) -> recipes.Adapter:
        whole = f"facts-{max(self.options.doses or DOSES)}"
        name, wanted = (whole if self._whole_curve(name) else name), name
        self.screen.begin(f"training {name}", 0)
        rows = recipes.recipe_of(name)[0].settings.batch_size
        if parallel.size() > rows:
            idle = parallel.size() - rows
            self.screen.say(f"A step of {name} has {rows} rows: {idle} processes have none.")
        with self.clock.phase(f"training {name}"):
            recipes.train_adapter(
                name,
                self.trained(),
                self.options.seed,
                self.options.model,
                self.screen.step,
                self._sample,
            )
        return recipes.Adapter(wanted, self.trained() / wanted, "trained")

    def _whole_curve(self, name: str) -> bool:
        return name.startswith("facts-") and (self.options.train == "all" or self.options.dose)

    def _sample(self, step: int, tuned) -> None:
        prompt = render(closed_book(SAMPLE), self.tokenizer())
        text = generate(tuned, self.tokenizer(), [prompt], 32)[0].text
        self.screen.say(f"step {step}: {SAMPLE} -> {text}")

    def _base(self):
        if self.base is None:
            self.base = models.load_model(self.options.model)
        return self.base


def give_back() -> None:
    """Give memory that is free back to the system: glibc keeps what a training has freed."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _recipes() -> dict:
    """Every recipe as a plain dict, to be hashed."""
    return {name: asdict(recipe) for name, recipe in recipes.RECIPES.items()}


def kept_rows(options: Options) -> Path:
    """The folder of this run's finished rows: another for all that changes a result."""
    sources = [options.model or models.model_source(), models.embedder_source()]
    asked = [options.seed, options.limit, options.quick, options.train, options.split]
    shipped = _hash_files("adapters/*/*.safetensors")
    parts = json.dumps([asked, sources, data_hash(), shipped, _recipes()], sort_keys=True)
    return options.out / "rows" / hashlib.sha256(parts.encode()).hexdigest()[:12]


@functools.cache
def data_hash() -> str:
    """Twelve hex digits that change with any data set on disk."""
    return _hash_files("**/*.jsonl")


def _hash_files(pattern: str) -> str:
    digest = hashlib.sha256()
    for path in sorted(DATA.glob(pattern)):
        digest.update(path.relative_to(DATA).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]
