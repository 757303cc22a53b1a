"""The widget TrainingMonitor: the loss curve, and the answers as they change while one trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from utils.card import is_card
from utils.generate import generate
from utils.plots import FORM
from utils.prompts import closed_book, render
from utils.widget_html import Table, brief, card_badge
from utils.widget_panel import Panel

if TYPE_CHECKING:
    from utils.finetune import Step

EVERY = 0.3  # seconds between two drawings
WIDTH, HEIGHT, EDGE = 640, 180, 34  # of the curve, in its own units
INK = "var(--jp-content-font-color1, currentColor)"


@dataclass(frozen=True)
class Sample:
    """What the model wrote after so many steps, an answer a question."""

    step: int
    texts: tuple[str, ...]


class TrainingMonitor(Panel):
    """Show it, then give `monitor.tick` and `monitor.sample` to the training.

    At each sample the questions are asked closed book, with at most `new_tokens` tokens. A
    training that begins anew, or goes on from a checkpoint, writes over what it repeats.
    """

    def __init__(self, questions: Sequence[str], tokenizer, new_tokens: int = 40) -> None:
        super().__init__()
        self.questions, self.tokenizer, self.new_tokens = tuple(questions), tokenizer, new_tokens
        self.losses: dict[int, float] = {}
        self.samples: list[Sample] = []
        self.total = 0
        self._drawn, self._cell = 0.0, False

    def tick(self, step: Step) -> None:
        """Take one step's loss; draws at most every 0.3 seconds, and always the last one."""
        if step.done <= max(self.losses, default=0):  # begun anew, or from a checkpoint
            self.losses = {done: loss for done, loss in self.losses.items() if done < step.done}
            self.samples = [s for s in self.samples if s.step <= step.done]
        self.losses[step.done], self.total = step.loss, step.total
        self.note = f"Step {step.done} of {step.total}, loss {step.loss:.2f}."
        last = step.done == step.total
        if last or time.monotonic() - self._drawn >= EVERY:
            self._draw(last)

    def sample(self, step: int, model) -> None:
        """Ask the model its questions now; step 0 is before the training."""
        prompts = [render(closed_book(q), self.tokenizer) for q in self.questions]
        written = generate(model, self.tokenizer, prompts, self.new_tokens)
        self.samples = [s for s in self.samples if s.step < step]
        self.samples.append(Sample(step, tuple(c.text for c in written)))
        self._draw()

    def tables(self) -> list[Table]:
        """The samples; then the loss at some of the steps, in place of the curve."""
        return [*self.now(), self._loss_table()]

    def now(self) -> list[Table]:
        """The samples, a row for each step and question."""
        rows = [
            (str(s.step), question, brief(text), card_badge(is_card(text)))
            for s in self.samples
            for question, text in zip(self.questions, s.texts, strict=True)
        ]
        table = Table(
            "Answers while the model trains" if rows else "No answer has been sampled yet.",
            ("after step", "question", "answer", "form"),
            tuple(rows),
        )
        return [table]

    def picture(self) -> Markup:
        """The loss curve."""
        return curve(self.losses, self.total, [s.step for s in self.samples])

    def _loss_table(self) -> Table:
        """The first loss, the last, and some between: at most eleven."""
        steps = sorted(self.losses)
        chosen = sorted({*steps[:: max(1, len(steps) // 10)], *steps[-1:]})
        title = f"Loss by step, of {self.total}" if steps else "No step has been trained yet."
        rows = tuple((str(step), f"{self.losses[step]:.2f}") for step in chosen)
        return Table(title, ("step", "loss (nats a token)"), rows)

    def _draw(self, last: bool = False) -> None:
        self.paint()
        self._drawn = time.monotonic()
        if not self._cell:
            self._cell = True
            self.after_cell()

    def refresh(self) -> None:
        """Bring the stored form up to date, once at the end of each cell that trains."""
        self._cell = False
        super().refresh()


def curve(losses: dict[int, float], total: int, marks: Sequence[int]) -> Markup:
    """The loss by step as a drawing in SVG; a dot at each of the steps in `marks`."""
    if not losses:
        return Markup()
    steps = sorted(losses)
    top = max(losses.values()) or 1.0

    def place(step: int) -> tuple[float, float]:
        x = EDGE + (WIDTH - 2 * EDGE) * (step - 1) / max(1, total - 1)
        return x, HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * losses[step] / top

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, steps))
    dots = Markup("").join(
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="{}"/>').format(*place(s), FORM)
        for s in marks
        if s in losses
    )
    first, last = losses[steps[0]], losses[steps[-1]]
    words = f"Loss curve: {first:.2f} at step {steps[0]}, {last:.2f} at step {steps[-1]}."
    return Markup(
        '<svg role="img" aria-label="{words}" viewBox="0 0 {w} {h}" style="width: 100%; '
        'max-width: 48em; color: {ink}" font-size="14" fill="{ink}"><title>{words}</title>'
        '<path d="M{e} {e} V{b} H{r}" fill="none" stroke="{ink}"/>{dots}'
        '<polyline points="{line}" fill="none" stroke="{blue}" stroke-width="3"/>'
        '<text x="{e}" y="{t}">loss, highest {top:.2f}, now {last:.2f}</text>'
        '<text x="{r}" y="{under}" text-anchor="end">step {now} of {total}</text></svg>'
    ).format(
        words=words,
        w=WIDTH,
        h=HEIGHT,
        ink=INK,
        e=EDGE,
        b=HEIGHT - EDGE,
        r=WIDTH - EDGE,
        t=EDGE - 12,
        under=HEIGHT - 10,
        dots=dots,
        line=line,
        blue=f"var(--jp-brand-color1, {FORM})",
        top=top,
        last=last,
        now=steps[-1],
        total=total,
    )
