"""The widget Predict: what you expect before a measurement, beside the result after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from utils.check import answered
from utils.exercise_data import FOLDER, load_exercise
from utils.measure import Rate
from utils.widget_html import Table, bar
from utils.widget_panel import Panel


class Predict(Panel):
    """What you expect, before a measurement; `beside` shows it next to what was measured.

    With the id of an exercise of the kind predict, the guess is the one that `check` kept, also
    in an earlier session. Without one it is made here, with a slider from `low` to `high` or with
    `options`, and is kept until the kernel ends.
    """

    def __init__(
        self,
        what: str,
        exercise: str | None = None,
        low: float = 0,
        high: float = 1,
        options: Sequence[Any] = (),
    ) -> None:
        super().__init__()
        self.what, self.exercise = what, exercise
        self.low, self.high, self.options = low, high, tuple(options)
        self.still = exercise is not None
        if exercise is not None:
            found = load_exercise(exercise, FOLDER)
            self.low = low if found.low is None else found.low
            numbers = [o for o in found.options if isinstance(o, (int, float))]
            self.high = found.high if found.high is not None else max(numbers, default=high)
        self.kept: Any = None
        self.told = False  # True when the result has been seen

    def guess(self) -> Any:
        """The prediction, None where there is none yet."""
        return answered(self.exercise) if self.exercise else self.kept

    def tables(self) -> list[Table]:
        """The prediction so far."""
        return [Table(self.what, ("", "value"), (self._row(),))]

    def beside(self, measured: Rate | float | str) -> Panel:
        """The prediction and what was measured, to be shown as the last line of a cell.

        A guess above 1 is compared with the count of a rate, any other with its share.
        """
        self.told = self.guess() is not None
        count = isinstance(measured, Rate) and self.high > 1
        scale = float(measured.n) if count else float(self.high)
        rows, note = [self._row(scale)], ""
        if isinstance(measured, Rate):
            value = measured.k if count else measured.rate
            rows.append(
                ("measured", bar(value / scale, f"{value:.3g} ({measured.k} of {measured.n})"))
            )
            note = self._interval(measured, count)
        else:
            rows.append(("measured", _number(measured, scale)))
        return Shown(Table(self.what, ("", "value"), tuple(rows)), note)

    def _row(self, scale: float | None = None):
        guess = self.guess()
        if guess is None:
            where = f": do exercise {self.exercise}, then check it" if self.exercise else ""
            return ("expected", f"nothing yet{where}")
        return ("expected", _number(guess, scale or float(self.high)))

    def _interval(self, measured: Rate, count: bool) -> str:
        """Where the guess lies against the 95 % interval."""
        times = measured.n if count else 1
        low, high = measured.low * times, measured.high * times
        told = f"The 95 % interval is {low:.3g} to {high:.3g}"
        guess = self.guess()
        if not isinstance(guess, (int, float)):
            return told + "."
        return f"{told}; your guess lies {'inside' if low <= guess <= high else 'outside'} it."

    def controls(self, widgets) -> list:
        """A slider or a list, and the button that keeps the guess."""
        if self.exercise is not None:
            if self.guess() is None:
                self.note = (
                    f"Write your guess in the cell of exercise {self.exercise}, then run it."
                )
            return []
        named = {"description": "I expect", "tooltip": self.what}
        limits = {**named, "min": self.low, "max": self.high}
        limits["layout"] = widgets.Layout(width="30em", max_width="100%")
        if self.options:
            entry = widgets.Dropdown(**named, options=self.options)
        elif isinstance(self.low, int) and isinstance(self.high, int) and self.high > 1:
            entry = widgets.IntSlider(**limits, value=(self.low + self.high) // 2)
        else:
            step = (self.high - self.low) / 20
            entry = widgets.FloatSlider(**limits, step=step, value=(self.low + self.high) / 2)
        keep = widgets.Button(description="Keep this guess", tooltip="Keep the value as your guess")
        keep.on_click(lambda _: self.guarded(lambda: self.keep(entry.value)))
        entry.observe(lambda _: self.guarded(lambda: self.keep(entry.value)), "value")
        return [widgets.HBox([entry, keep], layout=widgets.Layout(flex_flow="row wrap"))]

    def keep(self, value: Any) -> None:
        """Keep a guess until the kernel ends, or until it has stood beside the result."""
        if not self.told:
            self.kept = value
        kept = f"{self.kept:g}" if isinstance(self.kept, float) else self.kept
        self.note = (
            f"The result is out; your guess stays {kept}." if self.told else f"Kept: {kept}."
        )
        self.paint()


class Shown(Panel):
    """One table and a sentence, the same with and without a front end."""

    def __init__(self, table: Table, note: str = "") -> None:
        super().__init__()
        self.table, self.note, self.still = table, note, True

    def tables(self) -> list[Table]:
        """The table."""
        return [self.table]


def _number(value: Any, scale: float):
    """A number with a bar, anything else as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return bar(value / scale if scale else 0.0, f"{value:g}")
