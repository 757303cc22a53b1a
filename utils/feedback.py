"""The lines that a learner reads below the verdict on an exercise. Plain text, aligned."""

from __future__ import annotations

from utils.runs import Run

Row = tuple[str, str]  # a label, and what stands behind it
WIDTH = 13  # of the labels
PRINTED = 300  # characters of printed text
GAP = "Nothing is written here yet: put your code where `...` stands and run the cell."
NONE = "It gives None: the `...` is still there, or a `return` is missing. Then run the cell again."
IS_NONE = "`{}` is None: put your answer where `...` stood, then run the cell again."
MISSING = "`{}` is not defined: run the cells above, and the one of this exercise."


def aligned(rows: list[Row]) -> tuple[str, ...]:
    """Each row as a line, its label padded; a row without a label goes on below the last."""
    return tuple(
        f"  {label + ':' if label else '':<{WIDTH}} {text}".rstrip() for label, text in rows
    )


def asked(expr: str, setup: str = "") -> list[Row]:
    """What was evaluated, and the lines before it."""
    return _lines("given", setup) + _lines("input", expr)


def printed(run: Run) -> list[Row]:
    """What the learner's code printed, cut short: many look for faults that way."""
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in run.printed)
    return _lines("printed", text[:PRINTED] + (" ..." if len(text) > PRINTED else ""))


def open_text(run: Run) -> str:
    """Why a run counts as not attempted."""
    return MISSING.format(run.missing) if run.missing else NONE if run.unwritten else GAP


def error_rows(run: Run, seconds: float) -> list[Row]:
    """The learner's own error and the line it came from, or that the time was over."""
    if run.late:
        return [("error", f"no answer after {seconds:g} seconds")]
    rows = [("error", ": ".join(filter(None, (run.error[0], run.message))))]
    if run.line:
        rows.append(("your line", f"{run.line}   (line {run.number} of its cell)"))
    return rows


def _lines(label: str, text: str) -> list[Row]:
    lines = text.strip().splitlines()
    return [(label if i == 0 else "", line) for i, line in enumerate(lines)]
