"""The pictures: drawn from stored or fresh results, each with a text equivalent.

The colours are four of the palette by M. Okabe and K. Ito, "Color Universal Design" (2008),
chosen to stay apart for colour-blind eyes. No picture tells things apart by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.measure import rate
from utils.report import asked

FORM, FACTS, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # blue, vermilion, ...
RETRIEVERS = (("dense", FORM, ""), ("lexical", FACTS, "//"), ("hybrid", GREEN, ".."))
CURVES = (("plain", "as trained"), ("reworded", "reworded"), ("reversed", "reversed"))


def headline_picture(rows: Sequence[dict], folder: Path, name: str = "headline") -> str:
    """Bars of valid cards and right answers on atlas for each arm; writes .png, .svg and .txt.

    Returns the text equivalent, which is also what the .txt file holds.
    """
    shown = [r for r in rows if r["dataset"] == "atlas" and r["variant"] == "plain"]
    figure, axes = _canvas()
    for offset, key, colour in ((-0.2, "valid", FORM), (0.2, "right", FACTS)):
        label = {"valid": "valid card (form)", "right": "right answer (fact)"}[key]
        placed = [(i + offset, r[key]) for i, r in enumerate(shown)]
        _bars(axes, placed, 0.38, None, color=colour, label=label)
    axes.set_xticks(range(len(shown)), [r["arm"] for r in shown], fontsize=12)
    axes.set_ylim(0, 109)
    sizes = sorted({r["n"] for r in shown}) or [0]
    title = f"Form and facts on atlas, n = {_span(sizes)} questions an arm"
    named(axes, title, "arm", "share of answers (%)", 14)
    _legend_below(axes, 2)
    text = headline_words(shown)
    save(figure, folder, name, text)
    return text


def headline_words(shown: Sequence[dict]) -> str:
    """The headline picture in words, a line an arm."""
    lines = ["Bar chart: share of valid cards and of right answers on atlas, by arm."]
    for row in shown:
        lines.append(f"{row['arm']}: valid {_words(row['valid'])}, right {_words(row['right'])}.")
    return "\n".join(lines) + "\n"


def dose_picture(rows: Sequence[dict], folder: Path, name: str = "dose") -> str:
    """Right answers against passes over the facts; writes .png, .svg and .txt, returns the text."""
    figure, axes = _canvas()
    styles = [("o-", FACTS), ("s--", GREEN), ("^:", PINK), ("d-.", FORM)]
    curves = [*CURVES, ("general", "general knowledge")]
    lines = ["Line chart: right answers by passes over the facts."]
    for (variant, label), (style, colour) in zip(curves, styles, strict=True):
        found = [r for r in rows if r["variant"] == variant]
        points = sorted(((r["passes"], r["right"]) for r in found), key=lambda point: point[0])
        xs = [passes for passes, _ in points]
        ys = [100 * right["rate"] for _, right in points]
        axes.plot(xs, ys, style, color=colour, label=label, linewidth=2, markersize=8)
        lines += [f"{label}, {x} passes: {_words(right)}." for x, right in points]
    axes.set_xticks(sorted({r["passes"] for r in rows}))
    named(
        axes,
        "When are facts memorised, and what does it cost?",
        "passes over the 100 facts (epochs)",
        f"right answers (% of n = {asked(rows)})",
        14,
    )
    axes.set_ylim(-3, 103)
    axes.legend(fontsize=12)
    text = "\n".join(lines) + "\n"
    save(figure, folder, name, text)
    return text


def recall_rate(row: dict) -> dict:
    """A recall of `runner.recall_rows` as a rate with its interval."""
    found = round(row["recall"] * row["n"])
    return vars(rate([True] * found + [False] * (row["n"] - found)))


def recall_picture(rows: Sequence[dict], folder: Path, name: str = "recall") -> str:
    """Bars of recall@1 for each data set and retriever, with the largest k as an outline.

    `rows` are those of `runner.recall_rows`, or the key "recall" of a stored result. Writes
    .png, .svg and .txt, and returns the text.
    """
    figure, axes = _canvas()
    names = list(dict.fromkeys(r["dataset"] for r in rows))
    deep = max((r["k"] for r in rows), default=1)
    for offset, (retriever, colour, hatch) in zip((-0.27, 0, 0.27), RETRIEVERS, strict=True):
        of = [r for r in rows if r["retriever"] == retriever]
        for k in (deep, 1) if deep > 1 else (1,):
            shown = [
                (names.index(r["dataset"]) + offset, recall_rate(r)) for r in of if r["k"] == k
            ]
            bar = {"edgecolor": colour, "label": f"{retriever}, recall@{k}"}
            if k == 1:
                _bars(
                    axes, shown, 0.25, 4, facecolor=colour, hatch=hatch, hatchcolor="white", **bar
                )
            else:
                heights = [100 * found["rate"] for _, found in shown]
                axes.bar([x for x, _ in shown], heights, 0.25, fill=False, linestyle=":", **bar)
    axes.set_xticks(range(len(names)), names, fontsize=13)
    axes.set_ylim(0, 104)
    named(axes, "Is the passage found?", "data set", "right passage found (%)")
    _legend_below(axes, 3)
    text = recall_words(rows)
    save(figure, folder, name, text)
    return text


def recall_words(rows: Sequence[dict]) -> str:
    """The recall picture in words, a line a bar or mark."""
    lines = ["Bar chart: share of questions whose passage is found, by data set and retriever."]
    for r in rows:
        lines.append(
            f"{r['dataset']}, {r['retriever']}, recall@{r['k']}: {_words(recall_rate(r))}."
        )
    return "\n".join(lines) + "\n"


def tokens_picture(
    rows: Sequence[dict], folder: Path, name: str = "tokens", dataset: str = "form"
) -> str:
    """Valid cards against the prompt tokens of each arm; writes .png, .svg and .txt.

    Takes the plain rows of one data set and returns the text equivalent.
    """
    shown = [r for r in rows if r["dataset"] == dataset and r["variant"] == "plain"]
    figure, axes = _canvas()
    widest = max((r["prompt_tokens"] for r in shown), default=1)
    labels: dict[tuple[float, float], list[str]] = {}
    for i, row in enumerate(shown):
        marker, colour = "osD^vPX*"[i % 8], (FORM, FACTS, GREEN, PINK)[i % 4]
        x, (y, below, above) = row["prompt_tokens"], _reach(row["valid"])
        axes.errorbar(x, y, [[below], [above]], fmt=marker, color=colour, markersize=12, capsize=5)
        near = (p for p in labels if abs(p[0] - x) < 0.05 * widest and abs(p[1] - y) < 5)
        labels.setdefault(next(near, (x, y)), []).append(row["arm"])
    for (x, y), arms in labels.items():
        left = x > 0.6 * widest
        place = {"xytext": (-14 if left else 14, 0), "textcoords": "offset points"}
        at = {"ha": "right" if left else "left", "va": "center", "fontsize": 13}
        axes.annotate(", ".join(arms), (x, y), **place, **at)
    axes.set_xlim(0, 1.08 * widest)
    axes.set_ylim(-6, 106)
    named(
        axes,
        f"What does the form cost? Questions of {dataset}",
        "prompt tokens an answer",
        "valid cards (%)",
    )
    text = tokens_words(shown, dataset)
    save(figure, folder, name, text)
    return text


def tokens_words(shown: Sequence[dict], dataset: str) -> str:
    """The picture of tokens and form in words, a line an arm."""
    lines = [f"Scatter chart: prompt tokens against valid cards on {dataset}, by arm."]
    for row in shown:
        tokens = f"{row['prompt_tokens']:.0f} prompt tokens"
        lines.append(f"{row['arm']}: {tokens}, valid {_words(row['valid'])}.")
    return "\n".join(lines) + "\n"


def _canvas():
    """A figure and its axes outside of pyplot: a notebook's own pictures stay as they are."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5))
    axes = figure.subplots()
    axes.tick_params(labelsize=12)
    return figure, axes


def named(axes, title: str, x: str, y: str, size: int = 15) -> None:
    """The title and the names of both axes."""
    axes.set_xlabel(x, fontsize=13)
    axes.set_ylabel(y, fontsize=13)
    axes.set_title(title, fontsize=size)


def _legend_below(axes, columns: int) -> None:
    axes.legend(
        fontsize=12, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns, frameon=False
    )


def _bars(axes, shown: Sequence[tuple[float, dict]], width: float, low=None, **style) -> None:
    """Bars (place, rate) with intervals; figures above them, or at the height `low` within."""
    places = [x for x, _ in shown]
    heights, below, above = zip(*(_reach(r) for _, r in shown), strict=True) if shown else [()] * 3
    axes.bar(places, heights, width, **style)
    axes.errorbar(places, heights, [below, above], fmt="none", ecolor="black", capsize=4)
    box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none"}
    for x, height, over in zip(places, heights, above, strict=True):
        y = height + over + 1.5 if low is None else low
        look = {} if low is None else {"bbox": box}
        axes.annotate(f"{height:.0f}", (x, y), ha="center", fontsize=12, **look)


def _reach(share: dict) -> tuple[float, float, float]:
    """Percent, and how far the interval reaches below and above."""
    low, high = 100 * (share["rate"] - share["low"]), 100 * (share["high"] - share["rate"])
    return 100 * share["rate"], max(0.0, low), max(0.0, high)


def save(figure, folder: Path, name: str, text: str) -> None:
    """Write a figure as .png and .svg, and its text equivalent as .txt."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(folder / f"{name}.png", dpi=120)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Description": text})
    (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def _words(rate: dict) -> str:
    low, high = 100 * rate["low"], 100 * rate["high"]
    return (
        f"{rate['k']} of {rate['n']} ({100 * rate['rate']:.0f} %, interval {low:.0f} to {high:.0f})"
    )


def _span(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
