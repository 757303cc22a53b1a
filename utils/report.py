"""The headline as a table, as JSON, and in words."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

SCHEMA = 1
PACKAGES = ("torch", "transformers", "peft", "trl", "sentence-transformers", "bm25s")
COLUMNS = (
    "arm",
    "data set",
    "variant",
    "passes",
    "k",
    "n",
    "valid",
    "right",
    "source",
    "abstained",
    "tokens in",
    "tokens out",
    "s/answer",
    "misses f/t/r/a",
)


def percent(rate: dict | None) -> str:
    """ "97 % (92–99)", or a dash where nothing was counted."""
    if rate is None:
        return "–"
    return f"{100 * rate['rate']:.0f} % ({100 * rate['low']:.0f}–{100 * rate['high']:.0f})"


def asked(rows: Sequence[dict]) -> str:
    """How many questions the rates of the rows are of: "100", or "42 or 100"."""
    return " or ".join(map(str, sorted({row["right"]["n"] for row in rows})))


def cells(row: dict) -> list[str]:
    """A row of the table as strings, in the order of COLUMNS."""
    missed = "/".join(str(n) for n in row["misses"].values())
    return [
        row["arm"],
        row["dataset"],
        row["variant"],
        _dash(row["passes"]),
        _dash(row["k"]),
        str(row["n"]),
        percent(row["valid"]),
        percent(row["right"]),
        percent(row["source"]),
        percent(row["abstained"]),
        f"{row['prompt_tokens']:.0f}",
        f"{row['completion_tokens']:.0f}",
        f"{row['seconds_per_answer']:.2f}",
        missed,
    ]


def table(rows: Sequence[dict], title: str) -> Table:
    """The rows as a rich table; percentages with 95 % Wilson intervals."""
    made = Table(
        title=title, caption="percent (95 % interval); misses: form/retrieval/reading/abstained"
    )
    for name in COLUMNS:
        made.add_column(name, justify="left" if name in COLUMNS[:3] else "right", no_wrap=True)
    for row in rows:
        made.add_row(*cells(row))
    return made


def markdown(rows: Sequence[dict], columns: Sequence[str] = COLUMNS) -> str:
    """The rows as a Markdown table with the named columns."""
    places = [COLUMNS.index(name) for name in columns]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in rows:
        shown = cells(row)
        lines.append("| " + " | ".join(shown[i] for i in places) + " |")
    return "\n".join(lines) + "\n"


def device_facts() -> dict[str, Any]:
    """The machine: processor, cores, memory in GiB, device, dtype, Python."""
    from utils.models import device_and_dtype

    device, dtype = device_and_dtype()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def headline(rows: list[dict], recall: list[dict], weights: dict, **facts: Any) -> dict[str, Any]:
    """The whole result, as results/headline.json holds it."""
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device_facts(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        **facts,
        "rows": rows,
        "weights": weights,
        "recall": recall,
    }


def write_json(path: Path, value: Any) -> None:
    """Write to a temporary name and rename, so that no half file is ever left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(path.name + ".tmp")
    making.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    making.replace(path)


def read_json(path: Path) -> Any | None:
    """The file's value; None where it is missing or broken."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _dash(value: Any) -> str:
    return "–" if value is None else str(value)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
