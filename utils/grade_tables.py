"""CSV files of grades and of people, read whatever program wrote them, and written whole."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

DELIMITERS = ",;\t"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with these a spreadsheet takes a text for a formula
Row = dict[str, str]


class ColumnsError(Exception):
    """Grades that cannot be carried over; the message says why in one sentence, with the mend."""


@dataclass(frozen=True)
class Table:
    """name: the file, for messages; head: the names of the columns; rows: a dict a row."""

    name: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]

    def need(self, column: str, asker: str) -> None:
        """Raises ColumnsError when there is no such column; asker: who names it, with the verb."""
        if column not in self.head:
            there = ", ".join(self.head)
            raise ColumnsError(
                f"{self.name} has no column {column!r}, which {asker}; it has: {there}"
            )


def read_table(path: Path) -> Table:
    """A CSV with commas, semicolons or tabs, in UTF-8 or UTF-16, with or without a mark in front.

    Lines before the header that begin with # are comments. Raises ColumnsError.
    """
    text = decoded(path)
    lines = text.splitlines(keepends=True)
    while lines and (lines[0].startswith("#") or not lines[0].strip()):
        lines.pop(0)
    if not lines:
        raise ColumnsError(f"{path.name} is empty; give a CSV with a line of column names")
    mark = max(DELIMITERS, key=lines[0].count)
    try:
        found = list(csv.reader(io.StringIO("".join(lines), newline=""), delimiter=mark))
    except csv.Error as error:
        raise ColumnsError(f"{path.name} is no CSV: {error}") from error
    head = tuple(name.strip() for name in found[0])
    twice = sorted({name for name in head if name and head.count(name) > 1})
    if twice:
        raise ColumnsError(f"{path.name} has two columns {twice[0]!r}; rename or remove one")
    rows = []
    for number, cells in enumerate(found[1:], 2):
        if len(cells) > len(head) and any(cell.strip() for cell in cells[len(head) :]):
            raise ColumnsError(f"{path.name}, row {number}: more cells than there are columns")
        cells += [""] * (len(head) - len(cells))
        if any(cell.strip() for cell in cells):
            rows.append({name: cell.strip() for name, cell in zip(head, cells, strict=False)})
    return Table(path.name, head, tuple(rows))


def decoded(path: Path) -> str:
    """The text of a file. Raises ColumnsError where it is missing or in another encoding."""
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise ColumnsError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ColumnsError(f"{path.name} is not UTF-8; save it anew as CSV UTF-8") from error


def write_table(path: Path, lines: list[list[str]], delimiter: str, encoding: str) -> None:
    """Write a CSV whole or not at all. Raises ColumnsError."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(lines)
    part = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(text.getvalue().encode(encoding))
        os.replace(part, path)
    except UnicodeEncodeError as error:
        lost = error.object[error.start]
        mend = 'set `encoding = "utf-8"` in the profile'
        raise ColumnsError(f"{encoding} has no letter {lost!r}; {mend}") from error
    except OSError as error:
        raise ColumnsError(f"{path} cannot be written: {error.strerror or error}") from error


def harmless(text: str) -> str:
    """Text that came with a submission, so that no spreadsheet takes it for a formula."""
    return "'" + text if text.startswith(FORMULA) else text
