"""The CSV of a class, the pages with feedback, and the journal that a stopped run resumes from.

The CSV is sorted and written in one step: a reader sees the old one or the new one. With the same
submissions and settings its bytes are the same but for the measured seconds; `--no-seconds`
leaves these empty. A name or text that a table program would take for a formula gets a leading
apostrophe.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from utils.grade_records import (
    FAULT,
    Result,
    Settings,
    Submission,
    as_json,
    printable,
    result_from,
)
from utils.grade_sandbox import ROOT
from utils.grade_tables import harmless

STYLE = "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
STYLE += "pre{white-space:pre-wrap;background:#f4f4f4;padding:1em}"


def sheet(results: Iterable[Result], seconds: bool = True) -> str:
    """The whole CSV, a row a result, sorted by name and file; a column an exercise."""
    rows = sorted(results, key=lambda result: (result.name.casefold(), result.name, result.file))
    ids = {id for row in rows for id in row.points}
    ids = sorted(ids, key=lambda id: [int(part) for part in id.split(".")])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["name", "file", "status", *ids, "total", "max", "seconds", "sandbox", "detail"]
    writer.writerow(head)
    for row in rows:
        points = [row.points.get(id, "") for id in ids]
        time = f"{row.seconds:.1f}" if seconds else ""
        ends = [row.total, "" if row.max is None else row.max, time, row.sandbox, cell(row.detail)]
        writer.writerow([cell(row.name), cell(row.file), row.status, *points, *ends])
    return text.getvalue()


def cell(text: str) -> str:
    """A text that no table program takes for a formula, in characters a file can hold."""
    return clean(harmless(text))


def write(path: Path, text: str) -> None:
    """Write a file in one step, so that a crash leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_feedback(folder: Path, results: Iterable[Result]) -> None:
    """A text and an HTML file a result, named after the person and the file."""
    for result in results:
        stem = file_stem(result)
        lines = heading(result)
        write(folder / f"{stem}.txt", "\n".join([*lines, *result.feedback]) + "\n")
        write(folder / f"{stem}.html", page(result, lines))


def heading(result: Result) -> list[str]:
    """Whose it is, and what came of it."""
    of = "" if result.max is None else f" of {result.max} points"
    lines = [clean(result.name), f"File: {clean(result.file)}"]
    return [*lines, f"Status: {result.status}", f"Total: {result.total}{of}", ""]


def page(result: Result, lines: list[str]) -> str:
    """The feedback as a page; nothing of a submission is more than text in it."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    title, body = html.escape(lines[0]), html.escape("\n".join([*lines[1:], *result.feedback]))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{title}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{title}</h1>\n<pre>{body}</pre></body></html>\n"
    )


def clean(text: str) -> str:
    """A line without control characters, in characters a file can hold."""
    return printable(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def file_stem(result: Result) -> str:
    """A file name for a result: letters of the name, and a mark that tells equal names apart."""
    letters = re.sub(r"[^\w-]+", "_", result.name)[:60].strip("_") or "unnamed"
    mark = hashlib.sha256(result.file.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{letters}-{mark}"


class Journal:
    """Results as they come, a JSON line each, beside the CSV; what `--resume` reads.

    A result is taken again when name, file, bytes, settings and grader are the same. A line that
    a crash cut short is left out.
    """

    def __init__(self, path: Path, settings: Settings, resume: bool) -> None:
        self.path = path
        self.base = fingerprint(settings)
        self.known: dict[str, Result] = dict(self.read()) if resume else {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [line(key, result) for key, result in self.known.items()]
        write(path, "".join(lines))

    def read(self) -> Iterable[tuple[str, Result]]:
        """The finished results of the file; grader errors are graded again."""
        try:
            lines = self.path.read_text("utf-8").splitlines()
        except (OSError, ValueError):
            return
        for text in lines:
            try:
                entry = json.loads(text)
                key, result = entry["key"], result_from(entry["result"])
            except (ValueError, TypeError, KeyError):
                continue
            if result.status != FAULT:
                yield key, result

    def key(self, submission: Submission) -> str:
        """The key of a submission under these settings."""
        digest = hashlib.sha256(self.base)
        about = [submission.name, submission.file, submission.problem]
        digest.update(json.dumps(about).encode("ascii"))
        if submission.path and not submission.problem:
            with open(submission.path, "rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
        return digest.hexdigest()

    def add(self, key: str, result: Result) -> None:
        """Append a result, and see that it is on the disk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line(key, result))
            file.flush()
            os.fsync(file.fileno())


def line(key: str, result: Result) -> str:
    """A line of the journal."""
    return json.dumps({"key": key, "result": as_json(result)}) + "\n"


def fingerprint(settings: Settings) -> bytes:
    """A hash of the settings, the exercises, and all code that grades; not of paths and jobs."""
    fields = as_json(settings)
    del fields["secrets"], fields["limits"]["threads"]
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode("ascii"))
    folders = (ROOT / "utils", ROOT / "utils" / "exercises", ROOT / "notebooks")
    for path in sorted(p for folder in folders for p in folder.glob("*.*") if p.is_file()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()
