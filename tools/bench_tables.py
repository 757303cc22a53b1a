"""The tables of docs/performance.md, from the stored reference run of `make bench`."""

from __future__ import annotations

from tools.tables import grid, shown

BASE = {"training": "TRL, fp32", "answers": "one at a time"}


def machine(found: dict) -> str:
    """The machine, the day and the versions in a sentence."""
    device = found["device"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"Measured on {found['created'][:10]} on {device['processor']}, {device['cores']} cores, "
        f"{device['memory_gib']:.0f} GiB, {device['device']} in {device['dtype']}, "
        f"Python {device['python']}; {versions}.\n"
    )


def training(found: dict) -> str:
    """Tokens a second of each way of training."""
    part = found["training"]
    rows = [
        [name, *_rate(part, name, "training"), f"{100 * part['share_of_peak'][name]:.0f} %"]
        for name in part["rounds"]
    ]
    head = ("way", "tokens/s, each round", f"times {BASE['training']}", "share of the peak")
    peak = f"{part['gemm_peak'] / 1e9:.0f} GFLOP/s"
    told = (
        f"A step is {part['pairs_a_step']} pairs, {part['tokens_a_step']:,.0f} tokens; with shared "
        f"passages {part['tokens_computed_where_shared']:,.0f} of them are computed. The peak of "
        f"the matrix product, in the fast type, was {peak}.\n"
    )
    return grid(head, rows) + "\n" + told


def answers(found: dict) -> str:
    """Answers a second of each way of generating, and how many texts differ."""
    part = found["answers"]
    rows = [[name, str(part["n"][name]), *_rate(part, name, "answers")] for name in part["rounds"]]
    head = ("way", "n", "answers/s, each round", f"times {BASE['answers']}")
    alone, padded = part["differ_from_one_at_a_time"], part["differ_from_padded_batches"]
    told = (
        f"Of our texts {alone['k']} of {alone['n']} differ from those written one at a time, and "
        f"{padded['k']} of {padded['n']} from those of padded batches: a sum depends on the "
        "shape of the batch, and where two tokens are close, in bf16 above all, the other wins.\n"
    )
    return grid(head, rows) + "\n" + told


def search(found: dict) -> str:
    """A row a size of the index."""
    rows = [
        [
            f"{row['passages']:,}",
            row["backend"],
            f"{row['build_seconds']:,.0f}",
            f"{row['bytes'] / 1e6:,.0f}",
            f"{row['queries_per_second']:,.0f}",
            f"{_times_exact(row):.1f}",
            f"{row['recall_at_10']:.3f} ({row['n']})",
        ]
        for row in found["retrieval"]
    ]
    head = ("passages", "way", "build (s)", "MB", "queries/s", "times exact", "recall@10 (queries)")
    return grid(head, rows)


def phases(found: dict) -> str:
    """Seconds of `make run` by phase."""
    rows = [[name, f"{seconds:.0f}"] for name, seconds in found["run"].items()]
    return grid(("phase", "seconds"), [*rows, ["all", f"{sum(found['run'].values()):.0f}"]])


def compared(found: dict, slow: dict) -> str:
    """What our ways gain in two stored runs, a column each, under the type they computed in."""
    runs = (found, slow)
    body = [(name, *(f"{gain(run):.1f}" for run in runs)) for name, gain in GAINS.items()]
    body.append(("all of `make run` (s)", *(f"{sum(run['run'].values()):.0f}" for run in runs)))
    return grid(("times", *(run["device"]["dtype"] for run in runs)), body)


def _times_exact(row: dict) -> float:
    return row["queries_per_second"] / row["exact_queries_per_second"]


GAINS = {
    "training, over TRL in fp32": lambda run: run["training"]["ours"] / run["training"]["trl_fp32"],
    "answers, over one at a time": lambda run: (
        run["answers"]["ours"] / run["answers"]["one_at_a_time"]
    ),
    "answers, over padded batches": lambda run: run["answers"]["ours"] / run["answers"]["padded"],
    "search in the largest collection, over exact search": lambda run: _times_exact(
        run["retrieval"][-1]
    ),
}


def _rate(part: dict, name: str, kind: str) -> tuple[str, str]:
    """Each round's rate, and the best over the best of the usual way."""
    rates = part["rounds"][name]
    found = ", ".join(map(shown, rates))
    return found, f"{max(rates) / max(part['rounds'][BASE[kind]]):.1f}"
