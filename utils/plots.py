"""The pictures: drawn from stored or fresh results, each with a text equivalent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FORM, FACTS = (
    "#0072B2",
    "#D55E00",
)  # blue and vermilion of Okabe and Ito, safe for colour-blind eyes
CURVES = (("plain", "as trained"), ("reworded", "reworded"), ("reversed", "reversed"))


def headline_picture(rows: Sequence[dict], folder: Path, name: str = "headline") -> str:
    """Bars of valid cards and right answers on atlas for each arm; writes .png, .svg and .txt.

    Returns the text equivalent, which is also what the .txt file holds.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [r for r in rows if r["dataset"] == "atlas" and r["variant"] == "plain"]
    figure, axes = plt.subplots(figsize=(9, 5))
    for offset, key, colour in ((-0.2, "valid", FORM), (0.2, "right", FACTS)):
        label = {"valid": "valid card (form)", "right": "right answer (fact)"}[key]
        _bars(axes, [r[key] for r in shown], offset, colour, label)
    axes.set_xticks(range(len(shown)), [r["arm"] for r in shown], fontsize=12)
    axes.set_ylim(0, 109)
    axes.set_xlabel("arm", fontsize=13)
    axes.set_ylabel("share of answers (%)", fontsize=13)
    sizes = sorted({r["n"] for r in shown}) or [0]
    axes.set_title(f"Form and facts on atlas, n = {_span(sizes)} questions an arm", fontsize=14)
    axes.legend(
        fontsize=12, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False
    )
    text = headline_words(shown)
    _save(figure, folder, name, text)
    plt.close(figure)
    return text


def headline_words(shown: Sequence[dict]) -> str:
    """The headline picture in words, a line an arm."""
    lines = ["Bar chart: share of valid cards and of right answers on atlas, by arm."]
    for row in shown:
        lines.append(f"{row['arm']}: valid {_words(row['valid'])}, right {_words(row['right'])}.")
    return "\n".join(lines) + "\n"


def dose_picture(rows: Sequence[dict], folder: Path, name: str = "dose") -> str:
    """Right answers against passes over the facts; writes .png, .svg and .txt, returns the text."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5))
    styles = [("o-", FACTS), ("s--", "#009E73"), ("^:", "#CC79A7"), ("d-.", FORM)]
    curves = [*CURVES, ("general", "general knowledge")]
    lines = ["Line chart: right answers by passes over the facts."]
    for (variant, label), (style, colour) in zip(curves, styles, strict=True):
        found = [r for r in rows if r["variant"] == variant]
        points = sorted(((r["passes"], r["right"]) for r in found), key=lambda point: point[0])
        xs = [passes for passes, _ in points]
        ys = [100 * right["rate"] for _, right in points]
        axes.plot(xs, ys, style, color=colour, label=label, linewidth=2, markersize=8)
        lines += [f"{label}, {x} passes: {_words(right)}." for x, right in points]
    axes.set_xlabel("passes over the 100 facts (epochs)", fontsize=13)
    axes.set_ylabel("right answers (%)", fontsize=13)
    axes.set_title("When are facts memorised, and what does it cost?", fontsize=14)
    axes.set_ylim(-3, 103)
    axes.legend(fontsize=12)
    text = "\n".join(lines) + "\n"
    _save(figure, folder, name, text)
    plt.close(figure)
    return text


def _bars(axes, rates: Sequence[dict], offset: float, colour: str, label: str) -> None:
    heights = [100 * r["rate"] for r in rates]
    below = [max(0.0, 100 * (r["rate"] - r["low"])) for r in rates]
    above = [max(0.0, 100 * (r["high"] - r["rate"])) for r in rates]
    places = [i + offset for i in range(len(rates))]
    axes.bar(places, heights, 0.38, color=colour, label=label)
    axes.errorbar(places, heights, [below, above], fmt="none", ecolor="black", capsize=4)
    for x, height, over in zip(places, heights, above, strict=True):
        axes.annotate(f"{height:.0f}", (x, height + over + 1.5), ha="center", fontsize=11)


def _save(figure, folder: Path, name: str, text: str) -> None:
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
