"""Stored results and data files as the Markdown that README.md and data/README.md show."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from utils import plots, report
from utils.cache import EMBEDDER, GENERATOR
from utils.data import read_lines
from utils.library import LEAST

HEADLINE = (*report.COLUMNS[:-3], "s/answer")  # completion tokens and misses are left out
ARMS = {
    "base": "the untouched model",
    "form": "the model trained on the form",
    "base+rag": "the untouched model, given retrieved passages",
    "open-book+rag": "the model trained on cards with passages, given retrieved passages",
}
DOSE = {
    "plain": "as trained",
    "reworded": "reworded",
    "reversed": "reversed",
    "general": "general knowledge",
}
COST = {
    "packages_mb": (
        "the size of the Python packages",
        "The Python packages: {:.0f} MB with torch's build without CUDA; its default build for "
        "Linux is much larger.",
    ),
    "models_mb": (
        "the room of the models",
        "Unpacked and converted, both models take {:.0f} MB in the cache folder.",
    ),
    "run_seconds": ("the time of `make run`", "`make run` takes {} after the downloads."),
    "quick_seconds": ("the time with `--quick`", "With `--quick` it takes {}."),
    "peak_memory_gib": ("the memory in use", "At most {:.1f} GiB of memory are in use."),
}
SEEDS = (0, 1, 2)
# the results of the experiment among the stored files, as patterns of their names
STORED = ("headline-seed*", "open-book-seed*", "dose-seed*", "unseen-*", "prose-*")


class ReadmeError(RuntimeError):
    """A page or a result that cannot be used; the message says which, and the mend."""


def answer(rows: list[dict]) -> str:
    """A line an arm: valid cards and right answers on atlas, with intervals."""
    found = {row["arm"]: row for row in atlas(rows)}
    lines = []
    for arm in (arm for arm in ARMS if arm in found):
        row = found[arm]
        valid, right = report.percent(row["valid"]), report.percent(row["right"])
        lines.append(f"- {ARMS[arm]}: valid cards {valid}, right answers {right}, n = {row['n']}")
    return "\n".join(lines) + "\n"


def words(rows: list[dict]) -> str:
    """The headline picture in words."""
    return plots.headline_words(atlas(rows))


def headline(headlines: dict[int, dict]) -> str:
    """Where it was measured, the table of seed 0, and the trained arms over all seeds."""
    first = headlines[0]
    text = f"{measured_on(first)}\n\n{report.markdown(first['rows'], HEADLINE)}"
    return text + (f"\n{over_seeds(headlines)}" if len(headlines) > 1 else "")


def measured_on(found: dict) -> str:
    """The sentence on machine, model, seed and date of a result, and its note where it has one."""
    device = found["device"]
    told = (
        f"Measured on {device['processor']} ({device['cores']} cores, {device['device']}, "
        f"{device['dtype']}) with {found['model']}, seed {found['seed']}, "
        f"{found['split']} questions, on {found['created'][:10]}."
    )
    return f"{told} {found['note']}" if "note" in found else told


def over_seeds(headlines: dict[int, dict]) -> str:
    """The rows of trained arms: how many of n were valid and right with each seed."""
    body = [
        (*key, counts(rows.values(), "valid"), counts(rows.values(), "right"))
        for key, rows in trained_rows(headlines).items()
        if len(rows) == len(headlines)
    ]
    named = ", ".join(f"{n} ({headlines[n]['device']['dtype']})" for n in sorted(headlines))
    head = ("arm", "data set", "variant", "passes", "n", "valid", "right")
    return f"The trained arms again, as counts with the seeds {named}:\n\n{grid(head, body)}"


def trained_rows(headlines: dict[int, dict]) -> dict[tuple, dict[int, dict]]:
    """The rows of trained arms by seed, under arm, data set, variant, passes and n."""
    found: dict[tuple, dict[int, dict]] = {}
    for seed in sorted(headlines):
        for row in headlines[seed]["rows"]:
            if trained(row, seed):
                key = (row["arm"], row["dataset"], row["variant"], report.cells(row)[3], row["n"])
                found.setdefault(key, {})[seed] = row
    return found


def trained(row: dict, seed: int) -> bool:
    """True for an arm trained with this seed; the shipped adapters are of seed 0."""
    return row.get("adapter") == "trained" or (seed == 0 and row.get("adapter") == "shipped")


def counts(rows: Iterable[dict], name: str) -> str:
    """How many answers were valid, or right, in each row: "99, 100"."""
    return ", ".join(str(row[name]["k"]) for row in rows)


def dose(found: dict) -> str:
    """Right answers by passes over the facts, a column a sort of question."""
    cells: dict[int, dict[str, str]] = {}
    for row in found["rows"]:
        cells.setdefault(row["passes"], {})[row["variant"]] = report.percent(row["right"])
    body = [(n, *(cells[n].get(name, "–") for name in DOSE)) for n in sorted(cells)]
    told = f"{measured_on(found)} Each cell is of {report.asked(found['rows'])} questions."
    return f"{told}\n\n{grid(('passes', *DOSE.values()), body)}"


def recall(rows: list[dict]) -> str:
    """Whether the right passage is among the first k found, a line a data set and retriever."""
    cells: dict[tuple, dict[int, str]] = {}
    for row in rows:
        key = (row["dataset"], row["retriever"], row["n"])
        cells.setdefault(key, {})[row["k"]] = report.percent(plots.recall_rate(row))
    ks = sorted({row["k"] for row in rows})
    body = [(*key, *(found.get(k, "–") for k in ks)) for key, found in cells.items()]
    return grid(("data set", "retriever", "n", *(f"recall@{k}" for k in ks)), body)


def cost(timing: dict[str, Any]) -> str:
    """What is downloaded, and how long a run takes; what no one has measured is named as such."""
    wheels = (f"{w.name} {w.version}, {w.size / 1e6:.0f} MB" for w in (GENERATOR, EMBEDDER))
    told = [f"Downloaded for the two models: {'; '.join(wheels)}."]
    missing = [name for key, (name, _) in COST.items() if timing.get(key) is None]
    for key, (_, sentence) in COST.items():
        if (value := timing.get(key)) is not None:
            told.append(sentence.format(span(value) if "seconds" in key else value))
    if len(told) > 1:
        told.append(f"Measured on {timing.get('machine', '–')}, {timing.get('date', '–')}.")
    if slow := timing.get("without_bf16"):
        told.append(
            f"On {slow['machine']}, {slow['date']}, `make run` takes {span(slow['run_seconds'])}, "
            f"and {span(slow['quick_seconds'])} with `--quick`."
        )
    if missing:
        told.append(f"Not measured yet: {', '.join(missing)}.")
    return " ".join(told) + "\n"


def span(seconds: float) -> str:
    """A time in words: seconds below 90, then minutes, then hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def shown(value: float) -> str:
    """Three significant digits, from 100 on whole units: "0.725", "2,449"."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def lessons(folder: Path) -> str:
    """The lessons in order, each by the heading of its notebook."""
    lines = []
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = "".join(line for c in cells if c["cell_type"] == "markdown" for line in c["source"])
        title = re.search(r"^# +(.+)$", text, re.MULTILINE)
        lines.append(f"- [{title[1] if title else path.stem}](notebooks/{path.name})\n")
    return "".join(lines) or "No lesson is in this copy yet.\n"


def sizes(data: Path) -> str:
    """A line a file: how many records, in which parts, and how many want no answer."""
    body = []
    for path in sorted(data.rglob("*.jsonl")):
        rows = [row for _, row in read_lines(path)]
        parts = Counter(" ".join(filter(None, map(row.get, ("split", "variant")))) for row in rows)
        counts = ", ".join(f"{name} {n}" for name, n in parts.items() if name)
        none = [row for row in rows if row.get("card", row).get("answer", "") is None]
        body.append((path.relative_to(data).as_posix(), len(rows), counts or "–", len(none)))
    body.append(("library (made on your machine)", f"at least {LEAST} passages", "–", "–"))
    return grid(("file", "records", "parts", "without an answer"), body)


def adapters(folder: Path) -> str:
    """The shipped adapters, with the rank and the size of each."""
    body = []
    for config in sorted(folder.glob("*/adapter_config.json")):
        size = sum(path.stat().st_size for path in config.parent.rglob("*") if path.is_file())
        body.append((config.parent.name, load(config)["r"], f"{size / 1e6:.1f}"))
    return grid(("adapter", "rank", "MB"), body) if body else "No adapter is stored yet.\n"


def stored(folder: Path) -> str:
    """The stored results of the experiment: when, where and with which seed."""
    body = []
    for path in sorted(path for name in STORED for path in folder.glob(f"{name}.json")):
        found = load(path)
        facts = (found["created"][:10], found["device"]["processor"], found["seed"])
        body.append((path.name, *facts, len(found["rows"])))
    head = ("file", "date", "machine", "seed", "rows")
    return grid(head, body) if body else "No result is stored yet.\n"


def grid(head: Sequence[Any], body: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def load(path: Path) -> Any | None:
    """The value of a JSON file; None where there is none. Raises ReadmeError where it is broken."""
    value = report.read_json(path)
    if value is None and path.exists():
        raise ReadmeError(f"{path.name} is not JSON; write it again with the experiment")
    return value


def load_seeds(folder: Path, name: str = "headline") -> dict[int, dict]:
    """The stored results of one name by seed."""
    found = {seed: load(folder / f"{name}-seed{seed}.json") for seed in SEEDS}
    return {seed: value for seed, value in found.items() if value}


def atlas(rows: Iterable[dict]) -> list[dict]:
    """The rows of the plain questions about the atlas, which the picture shows."""
    return [row for row in rows if row["dataset"] == "atlas" and row["variant"] == "plain"]
