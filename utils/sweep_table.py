"""What a sweep found: each row of the experiment over its seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.table import Table

from utils.measure import rate
from utils.report import percent

KEYS = ("arm", "dataset", "variant", "passes", "k")
RATES = ("valid", "right")
CAPTION = (
    "percent: mean over the seeds (least to most); pooled k/n with 95 % Wilson interval. Every "
    "seed answers the same questions, so pooling narrows the interval for the training's luck "
    "only, not for the choice of questions."
)


def over_seeds(results: Iterable[tuple[str, int, dict]]) -> list[dict]:
    """A row for each model and row of the experiment, from (model, seed, result) of the tasks.

    `n` is the questions of a seed; `valid` and `right` hold mean, min and max of the seeds'
    rates, and k, n, rate, low and high of all answers together.
    """
    groups: dict[tuple, list[tuple[int, dict]]] = {}
    for model, seed, result in results:
        for row in result["rows"]:
            groups.setdefault((model, *(row[key] for key in KEYS)), []).append((seed, row))
    return [_summed(key, sorted(found, key=lambda one: one[0])) for key, found in groups.items()]


def _summed(key: tuple, found: Sequence[tuple[int, dict]]) -> dict:
    rows = [row for _, row in found]
    names = dict(zip(("model", *KEYS), key, strict=True))
    seeds = {"seeds": [seed for seed, _ in found], "n": [row["n"] for row in rows]}
    return names | seeds | {name: pooled([row[name] for row in rows]) for name in RATES}


def pooled(rates: Sequence[dict]) -> dict:
    """Mean, min and max of the rates; k of n of them together, with the Wilson interval."""
    values = [one["rate"] for one in rates]
    k, n = sum(one["k"] for one in rates), sum(one["n"] for one in rates)
    spread = {"mean": sum(values) / len(values), "min": min(values), "max": max(values)}
    return spread | asdict(rate([True] * k + [False] * (n - k)))


def table(rows: Sequence[dict], title: str) -> Table:
    """The rows as a rich table."""
    made = Table(title=title, caption=CAPTION)
    head = ("model", "arm", "data set", "variant", "passes", "seeds", "n")
    for number, name in enumerate((*head, *RATES)):
        made.add_column(name, justify="left" if number < 4 else "right")
    for row in rows:
        named = [row[key] for key in ("model", "arm", "dataset", "variant")]
        passes = "–" if row["passes"] is None else str(row["passes"])
        counts = [str(len(row["seeds"])), "/".join(map(str, sorted(set(row["n"]))))]
        made.add_row(*named, passes, *counts, *(cell(row[name]) for name in RATES))
    return made


def cell(found: dict) -> str:
    """ "98 (97–99); 295/300, 98 % (96–99)"."""
    mean, least, most = (f"{100 * found[name]:.0f}" for name in ("mean", "min", "max"))
    return f"{mean} ({least}–{most}); {found['k']}/{found['n']}, {percent(found)}"
