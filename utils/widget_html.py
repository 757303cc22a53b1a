"""What the widgets show: tables, badges and bars, each once as HTML and once as plain text.

markupsafe escapes every text that is put into a piece of Markup, so that what a model, a document
or a learner writes stays text. Colours are JupyterLab's own, so that both themes are readable;
elsewhere the page's colour is kept. Nothing is told by colour alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from utils.plots import FACTS, FORM, GREEN

# Control characters, marks that turn the direction of writing, and halves of characters.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
LINE = "1px solid var(--jp-border-color1, currentColor)"
WHOLE = (
    "border-collapse: collapse; width: 100%; margin: 0.4em 0; "
    "color: var(--jp-content-font-color1, inherit); line-height: 1.4; "
    "font-size: var(--jp-content-font-size1, inherit)"
)
CELL = (
    f"text-align: left; vertical-align: top; padding: 0.3em 0.6em; border-bottom: {LINE}; "
    "white-space: pre-wrap; overflow-wrap: "
)
BREAKS = {"td": "anywhere", "th": "break-word"}  # the name of a row is not cut into letters
TITLE = "text-align: left; font-weight: bold; padding: 0.3em 0; caption-side: top; color: inherit"
BADGE = "border: 2px solid {}; border-radius: 4px; padding: 0 0.4em; white-space: nowrap"
SIGNS = {
    True: ("\u2713", f"var(--jp-success-color1, {GREEN})"),
    False: ("\u2717", f"var(--jp-error-color1, {FACTS})"),
    None: ("\u2013", "var(--jp-border-color1, currentColor)"),
}
BAR = f"var(--jp-brand-color1, {FORM})"

Cell = str | Markup  # a plain string is escaped where it is put into HTML


@dataclass(frozen=True)
class Table:
    """A caption, the names of the columns, and rows of cells; the first of a row is its name."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def html(self) -> Markup:
        """The table for a front end, with scopes for screen readers."""
        head = _join(_cell("th", "col", name) for name in self.header)
        body = _join(Markup("<tr>{}</tr>").format(_row(row)) for row in self.rows)
        return Markup(
            '<table style="{}"><caption style="{}">{}</caption>'
            "<thead><tr>{}</tr></thead><tbody>{}</tbody></table>"
        ).format(WHOLE, TITLE, seen(self.caption), head, body)

    def text(self) -> str:
        """The table as aligned plain text."""
        rows = [self.header, *([plain(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.header))]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([seen(self.caption), *lines])


def seen(text: object) -> str:
    """Any value as text in which every character can be seen; those that cannot become \ufffd."""
    return UNSEEN.sub("\ufffd", str(text))


def brief(text: str, most: int = 400) -> str:
    """What a model or a document says, in one paragraph and cut to `most` characters."""
    text = " ".join(text.split()) or "(nothing)"
    return text if len(text) <= most else text[: most - 2] + " \u2026"


def plain(cell: Cell) -> str:
    """A cell as one line of plain text."""
    text = cell.striptags() if isinstance(cell, Markup) else seen(cell)
    return " ".join(text.split())


def badge(word: str, good: bool | None = None) -> Markup:
    """A word in a frame, with a sign in front: a tick, a cross, or a dash for neither."""
    sign, colour = SIGNS[good]
    return Markup('<span style="{}">{} {}</span>').format(BADGE.format(colour), sign, seen(word))


def card_badge(valid: bool) -> Markup:
    """Whether an answer is a valid card."""
    return badge("valid card", True) if valid else badge("no valid card", False)


def bar(share: float, number: str) -> Markup:
    """A number, and a bar of that share (0 to 1) of the width below it."""
    width = f"{100 * min(1.0, max(0.0, share)):.1f}%"
    return Markup(
        '{} <span aria-hidden="true" style="display: block; width: {}; height: 0.7em; '
        'background: {}"></span>'
    ).format(seen(number), width, BAR)


def sentence(text: str) -> Markup:
    """A line of text that a screen reader reads out when it changes."""
    look = "color: var(--jp-content-font-color1, inherit)"
    return Markup('<span role="status" style="{}">{}</span>').format(look, seen(text))


def _row(cells: Sequence[Cell]) -> Markup:
    return _cell("th", "row", cells[0]) + _join(_cell("td", None, cell) for cell in cells[1:])


def _cell(tag: str, scope: str | None, cell: Cell) -> Markup:
    inner = cell if isinstance(cell, Markup) else escape(seen(cell))
    scoped = Markup(' scope="{}"').format(scope) if scope else Markup()
    return Markup('<{0}{1} style="{2}">{3}</{0}>').format(tag, scoped, CELL + BREAKS[tag], inner)


def _join(parts) -> Markup:
    return Markup("").join(parts)
