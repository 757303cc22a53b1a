"""The tables of docs/scale.md: measured where a stored run has the figures, else on paper.

Formulas and assumptions are here and nowhere else. Stored runs, in data/results: bench.json
(`make bench`), scale.json (tools/bench_scale.py), headline-seed0.json (the experiment), and
grading.json, with "n", "seconds" and "jobs": submissions graded, wall time, how many at a time.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np

from tools.tables import grid, load, shown

NONE = "Not measured yet.\n"
TOKENS = (10**5, 10**6, 10**7, 10**8, 10**9)
QUESTIONS = (100, 10**4, 10**6)
PROMPTS = (50, 300, 1000)  # tokens
WRITTEN = 25  # tokens of an answer
LEAST = 50  # questions of a row that counts in the fit
FEW = 4  # rows; fewer tell nothing
CLASS = 10_000
JOBS = (1, 2, 16, 128)
MANY = 10**9  # passages
DIMENSIONS = 384  # of all-MiniLM-L6-v2
ID = 8  # bytes
NEIGHBOURS = 64  # of a passage in a graph on disk, 4 bytes each
GIB = 2**30
ROOM = 64 * GIB  # memory of one machine for vectors
LISTS = 2**20
LOOKED = (16, 64, 256, 1024)
CODE, MADE = "PQ of 4 bits, 96 bytes", "PQ192x4fs"
BYTES = {
    "fp32": 4 * DIMENSIONS + ID,
    "fp16": 2 * DIMENSIONS + ID,
    "PQ, 96 bytes": 96 + ID,
    "PQ, 48 bytes": 48 + ID,
}


def values(root: Path) -> dict[str, str]:
    """The text of each marker of docs/scale.md."""
    folder = root / "data" / "results"
    names = ("bench", "scale", "headline-seed0", "grading")
    bench, scale, headline, grading = (load(folder / f"{name}.json") or {} for name in names)
    return {
        "training": training(scale["lengths"]) if "lengths" in scale else NONE,
        "hours": hours(bench["training"]) if "training" in bench else NONE,
        "answers": answers(headline["rows"]) if headline else NONE,
        "search": search(bench["retrieval"]) if "retrieval" in bench else NONE,
        "processes": processes(scale["processes"]) if "processes" in scale else NONE,
        "class": many_submissions(grading) if grading else NONE,
        "bytes": vector_bytes(),
        "codes": codes(scale["codes"]) if "codes" in scale else NONE,
        "queries": queries(scale["codes"]) if "codes" in scale else NONE,
        "embedding": embedding(scale["embedding"]) if "embedding" in scale else NONE,
        "where": where(headline, "answers")
        + where(bench, "hours of training, search")
        + where(scale, "steps of training, processes, codes, embedding")
        + where(grading, "class"),
    }


def where(found: dict, what: str) -> str:
    """The machine of a stored run; nothing without one."""
    if not found:
        return ""
    device = found["device"]
    return (
        f"- {what}: {device['processor']}, {device['cores']} cores, {device['device']} in "
        f"{device['dtype']}, on {found['created'][:10]}\n"
    )


def training(rows: list[dict]) -> str:
    """Seconds of a step by its tokens."""
    body = [
        (f"{r['tokens']:,.0f}", f"{r['seconds']:.2f}", f"{r['tokens'] / r['seconds']:,.0f}")
        for r in rows
    ]
    grown = growth(rows, "tokens", "seconds")
    told = f"Seconds grow as tokens to the power of {grown:.2f}.\n"
    return grid(("tokens in a step", "seconds", "tokens/s"), body) + "\n" + told


def growth(rows: list[dict], of: str, what: str) -> float:
    """The slope of log(what) over log(of), by least squares: 1 where they grow together."""
    logs = np.log([[row[of], row[what]] for row in rows])
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])


def hours(part: dict) -> str:
    """How long a training takes at the measured rate: tokens over tokens a second."""
    rate = part["ours"]
    body = [(f"{tokens:,}", span(tokens / rate)) for tokens in TOKENS]
    return f"At {rate:,.0f} tokens/s:\n\n" + grid(("tokens in all passes", "time"), body)


def costs(rows: list[dict]) -> tuple[float, float, float, int]:
    """Seconds a prompt token and a written one, the share explained (R²), and the rows used.

    Least squares without a constant over the rows of the experiment.
    """
    used = [row for row in rows if row["n"] >= LEAST]
    tokens = np.array([[row["prompt_tokens"], row["completion_tokens"]] for row in used])
    seconds = np.array([row["seconds_per_answer"] for row in used])
    (read, written), *_ = np.linalg.lstsq(tokens, seconds, rcond=None)
    left = seconds - tokens @ [read, written]
    explained = 1 - float((left**2).sum() / ((seconds - seconds.mean()) ** 2).sum())
    return float(read), float(written), explained, len(used)


def answers(rows: list[dict]) -> str:
    """What a token costs, and how long so many questions take."""
    if sum(row["n"] >= LEAST for row in rows) < FEW:
        return NONE
    read, written, explained, used = costs(rows)
    told = (
        f"Over the {used} rows of the stored run: {1000 * read:.2f} ms a token of the prompt and "
        f"{1000 * written:.2f} ms a token written, in batches (R² {explained:.2f}). So, with "
        f"{WRITTEN} tokens written:\n\n"
    )
    body = [
        (f"{n:,}", *(span(n * (read * p + written * WRITTEN)) for p in PROMPTS)) for n in QUESTIONS
    ]
    return told + grid(("questions", *(f"prompts of {p:,} tokens" for p in PROMPTS)), body)


def search(rows: list[dict]) -> str:
    """Each size, and how the figures grow from one size to the next."""
    body = []
    for row in rows:
        body.append(
            (
                f"{row['passages']:,}",
                row["backend"],
                f"{row['build_seconds']:,.1f}",
                f"{row['bytes'] / row['passages']:,.0f}",
                f"{row['queries_per_second']:,.0f}",
            )
        )
    head = ("passages", "way", "build (s)", "bytes a passage", "queries/s")
    steps = []
    for before, row in pairwise(rows):
        steps.append(
            (
                f"{before['passages']:,} to {row['passages']:,}",
                f"{growth([before, row], 'passages', 'build_seconds'):.2f}",
                f"{growth([before, row], 'passages', 'bytes'):.2f}",
                f"{-growth([before, row], 'passages', 'queries_per_second'):.2f}",
            )
        )
    powers = ("from", "build", "bytes", "time of a query")
    told = "\nAs passages to the power of:\n\n" + grid(powers, steps) if steps else ""
    return grid(head, body) + told


def processes(rows: list[dict]) -> str:
    """The best round of one process and of several, and the ratio."""
    kinds = {"tokens_per_second": "training, tokens/s", "answers_per_second": "answers/s"}
    counts = sorted({row["processes"] for row in rows})
    body = []
    for kind, name in kinds.items():
        best = [max(row[kind] for row in rows if row["processes"] == count) for count in counts]
        body.append((name, *map(shown, best), f"{best[-1] / best[0]:.2f}"))
    rounds = max(row["round"] for row in rows)
    head = ("", *(f"{count} processes" if count > 1 else "1 process" for count in counts), "ratio")
    return grid(head, body) + f"\nThe best of {rounds} rounds in turns, on the same cores.\n"


def many_submissions(found: dict) -> str:
    """A large class: measured seconds a submission, by how many are graded at a time."""
    each = found["seconds"] * found.get("jobs", 1) / found["n"]
    told = (
        f"{found['n']:,} submissions took {span(found['seconds'])}, {found.get('jobs', 1)} at a "
        f"time: {each:.1f} s of one worker each. A class of {CLASS:,}:\n\n"
    )
    body = [(f"{jobs:,}", span(CLASS * each / jobs)) for jobs in JOBS]
    return told + grid(("at a time, a core each", "time"), body)


def vector_bytes() -> str:
    """Bytes of a billion vectors with their ids: each alone, all, and machines for all."""
    body = []
    for name, size in BYTES.items():
        machines = math.ceil(MANY * size / ROOM)
        body.append((name, f"{size:,}", f"{MANY * size / 1e9:,.0f}", f"{machines:,}"))
    graph = 2 * DIMENSIONS + 4 * NEIGHBOURS
    body.append((f"fp16 and {NEIGHBOURS} neighbours, on disk", f"{graph:,}", f"{graph:,.0f}", "–"))
    head = ("vectors", "bytes each", "GB", f"machines with {ROOM // GIB} GiB for them")
    told = f"{MANY:,} vectors of {DIMENSIONS} values, each with an id of {ID} bytes:\n\n"
    return told + grid(head, body)


def codes(rows: list[dict]) -> str:
    """What small vectors find: recall, alone and when the best are ranked again by whole ones."""
    first = rows[0]
    told = (
        f"{first['vectors']:,} vectors, {first['n']} queries, {first['share_looked_through']:.1%} "
        "of the vectors looked through, one core:\n\n"
    )
    body = [
        (
            row["name"],
            row["bytes_a_vector"],
            f"{row['recall_at_10']:.3f}",
            f"{row['recall_at_10_ranked_again']:.3f}",
            f"{row['looked_through_per_second'] / 1e6:,.0f}",
        )
        for row in rows
    ]
    head = ("vectors as", "bytes", "recall@10", "ranked again", "million looked through a second")
    return told.replace("%", " %") + grid(head, body)


def queries(rows: list[dict]) -> str:
    """Queries a second a core at a billion: the measured rate over the vectors looked through."""
    rate = next(row["looked_through_per_second"] for row in rows if row["name"] == CODE)
    body = []
    for looked in LOOKED:
        through = MANY * looked / LISTS
        body.append((f"{looked:,} of {LISTS:,}", f"{through:,.0f}", shown(rate / through)))
    made = f"In FAISS's words `IVF{LISTS}_HNSW32,{MADE}`, of equal lists:\n\n"
    return made + grid(("lists looked through", "vectors", "queries/s a core"), body)


def embedding(found: dict) -> str:
    """How long a billion passages take to embed, and the bytes of their texts."""
    rate, size = found["passages_per_second"], found["bytes_a_passage"]
    return (
        f"At the {rate:,.0f} passages/s measured here (n = {found['n']}, {size:.0f} bytes each) "
        f"embedding {MANY:,} passages takes {span(MANY / rate)} on one such machine; their texts "
        f"are {MANY * size / 1e9:,.0f} GB.\n"
    )


def span(seconds: float) -> str:
    """A time in words, from seconds to years."""
    units = ((60, 90, "minutes"), (3600, 90 * 60, "hours"), (86_400, 48 * 3600, "days"))
    size, name = 1, "seconds"
    for unit, least, word in (*units, (365 * 86_400, 700 * 86_400, "years")):
        if seconds >= least:
            size, name = unit, word
    found = seconds / size
    return f"{found:.2g} {name}" if found < 10 else f"{found:,.0f} {name}"
