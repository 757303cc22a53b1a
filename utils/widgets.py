"""The widgets of the lessons: Ask, RetrievalExplorer, TrainingMonitor, Predict, DoseSlider.

Each is shown with `.show()`, or as the last line of a cell. Without a front end, or with
FORM_AND_FACTS_HEADLESS=1, each is a plain table: no ipywidgets, no messages, no threads.
A limit of ipywidgets: a slider works with the arrow keys and its label stands beside it, but a
screen reader is not told that the two belong together.
"""

from __future__ import annotations

from collections.abc import Sequence

from utils.data import Question
from utils.plots import CURVES
from utils.prompts import titled
from utils.reference import reference
from utils.report import asked, percent
from utils.retrieve import METHODS, Hit
from utils.widget_ask import Ask, four_arms
from utils.widget_html import Table, badge, bar, brief
from utils.widget_monitor import TrainingMonitor
from utils.widget_panel import Panel, live
from utils.widget_predict import Predict

__all__ = [
    "Ask",
    "DoseSlider",
    "Predict",
    "RetrievalExplorer",
    "TrainingMonitor",
    "four_arms",
    "live",
]
DEEP = 200  # ranks looked through for the right passage
MOST_SHOWN = 10
CUT = 240  # characters of a passage
KINDS = {**dict(CURVES), "general": "general knowledge"}


class RetrievalExplorer(Panel):
    """The ranking of a retriever for one question: k, method, scores as bars, the right passage.

    `questions` are offered while one types; the right passage is known for these alone.
    """

    def __init__(self, retriever, questions: Sequence[Question], k: int = 5) -> None:
        super().__init__()
        self.retriever = retriever
        self.known = {q.question: q for q in questions}
        self.text, self.k, self.method = next(iter(self.known), ""), k, "hybrid"
        self._found: dict[tuple[str, str], list[Hit]] = {}  # the last ranking

    def hits(self) -> list[Hit]:
        """The ranking for the question and method chosen, at most DEEP long."""
        key = (self.text, self.method)
        if key not in self._found:
            deep = min(DEEP, len(self.retriever.passages))
            self._found = {key: self.retriever.search([self.text], deep, self.method)[0]}
        return self._found[key]

    def tables(self) -> list[Table]:
        """The best k passages, and the rank of the right one."""
        question = self.known.get(self.text)
        source = question.source if question else None
        hits = self.hits() if self.text.strip() else []
        best = max((hit.score for hit in hits), default=0.0)
        rows = [
            (
                str(rank),
                hit.passage.id,
                bar(hit.score / best if best > 0 else 0.0, f"{hit.score:.3f}"),
                brief(titled(hit.passage), CUT),
                badge("right passage", True) if hit.passage.id == source else "",
            )
            for rank, hit in enumerate(hits[: self.k], 1)
        ]
        header = ("rank", "id", f"{self.method} score", "passage", "right one")
        return [Table(self._caption(source, hits), header, tuple(rows))]

    def _caption(self, source: str | None, hits: Sequence[Hit]) -> str:
        ranks = [rank for rank, hit in enumerate(hits, 1) if hit.passage.id == source]
        if source is None:
            told = "which passage is right is not known here"
        else:
            told = f"the right passage has rank {ranks[0] if ranks else f'above {len(hits)}'}"
        return f"{self.text or 'No question'} ({told})"

    def controls(self, widgets) -> list:
        """Question, k and method."""
        wide = widgets.Layout(width="auto", max_width="60em")
        text = widgets.Combobox(
            description="Question",
            tooltip="A question to search for",
            placeholder="Type a question, then press Enter",
            value=self.text,
            options=list(self.known)[:100],
            ensure_option=False,
            continuous_update=False,
            layout=wide,
        )
        most = min(MOST_SHOWN, len(self.retriever.passages))
        k = widgets.IntSlider(
            description="k passages",
            tooltip="How many passages are shown",
            value=min(self.k, most),
            min=1,
            max=most,
            layout=widgets.Layout(width="auto", max_width="40em"),
        )
        method = widgets.RadioButtons(
            description="Search",
            tooltip="By meaning, by words, or by both",
            options=METHODS,
            value=self.method,
            orientation="horizontal",
        )
        for control in (text, k, method):
            control.observe(lambda _: self.work(lambda: self._read(text, k, method)), "value")
        return [text, k, method]

    def _read(self, text, k, method) -> None:
        self.text, self.k, self.method = text.value, k.value, method.value
        self.note = ""
        self.paint()


class DoseSlider(Panel):
    """Passes over the facts, and the right answers in four kinds of question, from stored rows."""

    def __init__(self, rows: Sequence[dict] | None = None) -> None:
        super().__init__()
        self.rows = list(rows if rows is not None else reference("dose")["rows"])
        self.doses = sorted({row["passes"] for row in self.rows})
        self.passes = self.doses[0] if self.doses else 0

    def tables(self) -> list[Table]:
        """All doses, a line each."""
        title = (
            "Right answers by passes over the facts: percent, with the 95 % interval, "
            f"n = {asked(self.rows)}"
        )
        rows = [
            (str(passes), *(_percents(self._of(passes, v)) for v in KINDS)) for passes in self.doses
        ]
        return [Table(title, ("passes", *KINDS.values()), tuple(rows))]

    def now(self) -> list[Table]:
        """The dose chosen, with bars."""
        title = f"Right answers after {self.passes} passes over the facts"
        rows = [
            (label, bar(r["rate"], f"{r['k']} of {r['n']}"), percent(r))
            for variant, label in KINDS.items()
            for r in self._of(self.passes, variant)
        ]
        return [Table(title, ("question", "right", "with the 95 % interval"), tuple(rows))]

    def _of(self, passes: int, variant: str) -> list[dict]:
        """The rates of right answers of one dose and kind of question."""
        wanted = (passes, variant)
        return [row["right"] for row in self.rows if (row["passes"], row["variant"]) == wanted]

    def controls(self, widgets) -> list:
        """The slider over the doses that were measured."""
        if not self.doses:
            return []
        slider = widgets.SelectionSlider(
            description="Passes",
            tooltip="Passes over the facts",
            options=self.doses,
            value=self.passes,
            layout=widgets.Layout(width="auto", max_width="40em"),
        )
        slider.observe(lambda _: self.guarded(lambda: self._move(slider.value)), "value")
        return [slider]

    def _move(self, passes: int) -> None:
        self.passes = passes
        told = [
            f"{label} {r['k']} of {r['n']}"
            for variant, label in KINDS.items()
            for r in self._of(passes, variant)
        ]
        self.note = f"Right after {passes} passes: {', '.join(told)}."
        self.paint()


def _percents(rates: Sequence[dict]) -> str:
    return ", ".join(percent(r) for r in rates) or "\u2013"
