"""The picture of docs/performance.md: training, answers and search of a stored `make bench`."""

from __future__ import annotations

from pathlib import Path

from tools.tables import shown
from utils.plots import FACTS, FORM, GREEN, named, save

NAME = "performance"
BARS = (
    ("training", "Training", "tokens of the pairs a second"),
    ("answers", "Answers, open book with retrieval", "answers a second"),
)


def words(found: dict) -> str:
    """The picture in words, a line a bar or point."""
    lines = ["Bars: the best round of each way. Lines: search by the number of passages."]
    for part, title, unit in BARS:
        lines += [f"{title}, {way}: {shown(rate)} {unit}." for way, rate in _best(found, part)]
    for row in found.get("retrieval", ()):
        lines.append(
            f"Search in {row['passages']:,} passages: {row['queries_per_second']:,.0f} queries a "
            f"second ({row['backend']}, recall@10 {row['recall_at_10']:.3f}, {row['n']} queries), "
            f"exactly {row['exact_queries_per_second']:,.0f}."
        )
    return "\n".join(lines) + "\n"


def draw(found: dict, folder: Path) -> None:
    """Draw what has been measured into folder/performance.png, .svg and .txt."""
    from matplotlib.figure import Figure

    parts = [name for name in ("training", "answers", "retrieval") if name in found]
    figure = Figure(figsize=(9, 3.2 * len(parts)))
    axes = dict(zip(parts, figure.subplots(len(parts), squeeze=False)[:, 0], strict=True))
    for part, title, unit in BARS:
        if part in found:
            _bars(axes[part], title, unit, _best(found, part))
    if "retrieval" in found:
        _lines(axes["retrieval"], found["retrieval"])
    save(figure, folder, NAME, words(found))


def _best(found: dict, part: str) -> list[tuple[str, float]]:
    """(way, its best round) of a part, in the order measured."""
    return [(way, max(rates)) for way, rates in found.get(part, {}).get("rounds", {}).items()]


def _bars(axes, title: str, unit: str, rates: list[tuple[str, float]]) -> None:
    ways = [way for way, _ in rates]
    colours = [FACTS if way.startswith("ours") else FORM for way in ways]
    bars = axes.barh(ways, [rate for _, rate in rates], color=colours)
    axes.bar_label(bars, [shown(rate) for _, rate in rates], padding=4, fontsize=12)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.tick_params(labelsize=12)
    named(axes, title, unit, "way", 14)


def _lines(axes, rows: list[dict]) -> None:
    sizes = [row["passages"] for row in rows]
    for key, name, style, colour in (
        ("exact_queries_per_second", "exact", "o--", FORM),
        ("queries_per_second", "ours: exact, or lists", "s-", GREEN),
    ):
        axes.loglog(sizes, [row[key] for row in rows], style, color=colour, label=name)
    axes.tick_params(labelsize=12)
    named(axes, "Search", "passages", "queries a second", 14)
    axes.legend(fontsize=12)
