"""The arms of the experiment: what each was trained on, what it is shown, what it is asked."""

from __future__ import annotations

from dataclasses import dataclass

DATASETS = ("cities", "atlas", "library", "form")
PASSES = (3, 20)
DOSES = (0, 1, 3, 6, 10, 15, 20)
FACT_VARIANTS = (
    ("cities", "plain"),
    ("cities", "reworded"),
    ("cities", "reversed"),
    ("form", "general"),
)


@dataclass(frozen=True)
class Task:
    """One row of the table: a data set and variant; `k` passages by a method, or closed book."""

    dataset: str
    variant: str = "plain"
    k: int | None = None
    retriever: str | None = None


@dataclass(frozen=True)
class Arm:
    """A model and a way to ask it. `adapter` None is the base; `prompt` names the prompt."""

    name: str
    adapter: str | None
    prompt: str
    tasks: tuple[Task, ...]
    passes: int | None = None


def _closed(*datasets: str) -> tuple[Task, ...]:
    return tuple(Task(dataset) for dataset in datasets)


def _found(*rows: tuple[str, str]) -> tuple[Task, ...]:
    """Tasks with retrieved passages: one for a city, whose passage is one sentence; else three."""
    return tuple(Task(d, v, 1 if d == "cities" else 3, "hybrid") for d, v in rows)


PLAIN = (("cities", "plain"), ("atlas", "plain"), ("library", "plain"))
READ = (
    *PLAIN,
    ("atlas", "reworded"),
    ("atlas", "similar-names"),
    ("atlas", "unanswerable"),
    ("library", "unanswerable"),
)

ARMS: tuple[Arm, ...] = (
    Arm("base", None, "closed", _closed("form", "atlas", "cities", "library")),
    Arm("few-shot", None, "few-shot", _closed("form")),
    Arm("chain", None, "chain", _closed("form")),
    Arm("form", "form", "closed", _closed("form", "atlas", "cities", "library")),
    *(
        Arm("facts", f"facts-{n}", "closed", tuple(Task(*row) for row in FACT_VARIANTS), n)
        for n in PASSES
    ),
    Arm("base+rag", None, "rag", _found(*PLAIN)),
    Arm("form+rag", "form", "rag", _found(*PLAIN)),
    Arm("open-book", "open-book", "closed", _closed("atlas", "cities", "library")),
    Arm("open-book+rag", "open-book", "rag", _found(*READ)),
)
# The base model asked for the card in words: beside the table, for whoever says it was not asked.
INSTRUCTED = Arm("base", None, "instructed", (Task("form", "plain"),))
NAMES = tuple(dict.fromkeys(arm.name for arm in ARMS))
OWN = ("base+rag", "form+rag", "open-book", "open-book+rag")


def choose(names: list[str] | None = None, datasets: list[str] | None = None) -> list[Arm]:
    """The arms of these names with the tasks on these data sets; all where None.

    Raises ValueError naming what is unknown, and what there is, or that nothing is left.
    """
    for given, known, what in ((names, NAMES, "arm"), (datasets, DATASETS, "data set")):
        for name in given or ():
            if name not in known:
                raise ValueError(f"{name!r} is no {what}; there are: {', '.join(known)}")
    chosen = []
    for arm in ARMS:
        tasks = tuple(t for t in arm.tasks if datasets is None or t.dataset in datasets)
        if tasks and (names is None or arm.name in names):
            chosen.append(Arm(arm.name, arm.adapter, arm.prompt, tasks, arm.passes))
    if not chosen:
        raise ValueError(
            f"{', '.join(names or NAMES)}: not asked on {', '.join(datasets or DATASETS)}; "
            "choose other arms or data sets"
        )
    return chosen
