"""What goes into the grading of one submission and what comes out, as records JSON can carry."""

from __future__ import annotations

import base64
import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any

from utils.grade_sandbox import Limits

OK, PARTLY, EMPTY, INVALID = "ok", "partly run", "empty", "invalid notebook"
TIMEOUT, KILLED, MEMORY, WRONG_LESSON = "timeout", "killed", "memory", "wrong lesson"
FAULT = "grader error"
STATUSES = (OK, PARTLY, TIMEOUT, KILLED, MEMORY, INVALID, EMPTY, WRONG_LESSON, FAULT)
CHANGING = re.compile(
    r"0x[0-9a-fA-F]{6,}|[^\s'\"]*form-and-facts-grade-\w+"
)  # differs with each run
MOST = 2_000  # characters of one line


@dataclass(frozen=True)
class Submission:
    """One notebook. name: whose; file: where it lay in what was handed in; path: where it is.

    data: its bytes, for a worker on another machine, where the path leads nowhere; problem: a
    status and a sentence when the file cannot even be opened.
    """

    name: str
    file: str
    path: str = ""
    data: bytes | None = None
    problem: tuple[str, str] | None = None


@dataclass(frozen=True)
class Settings:
    """How a batch is graded.

    lesson: the only one wanted, as "01", None for whichever a notebook holds; hidden: the text of
    the file with hidden cases; sandbox: bubblewrap is used, and where it fails nothing is run;
    secrets: files and folders that no submission may see.
    """

    lesson: str | None = None
    hidden: str = ""
    limits: Limits = field(default_factory=Limits)
    sandbox: bool = True
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """One row. points: those earned, by exercise; feedback: the lines for the learner."""

    name: str
    file: str
    status: str
    lesson: str | None = None
    points: dict[str, int] = field(default_factory=dict)
    total: int = 0
    max: int | None = None
    seconds: float = 0.0
    sandbox: str = "none"
    detail: str = ""
    feedback: tuple[str, ...] = ()


def box_of(settings: Settings) -> str:
    """What stands in the column `sandbox`."""
    return "bubblewrap" if settings.sandbox else "none"


def settings_from(fields: dict[str, Any]) -> Settings:
    """Settings from what `dataclasses.asdict` gave, after a journey as JSON."""
    limits = Limits(**fields["limits"])
    return Settings(**{**fields, "limits": limits, "secrets": tuple(fields["secrets"])})


def submission_from(fields: dict[str, Any]) -> Submission:
    """A submission from what `as_json` gave, after a journey as JSON."""
    problem, data = fields["problem"], fields["data"]
    data = None if data is None else base64.b64decode(data)
    return Submission(**{**fields, "problem": problem and tuple(problem), "data": data})


def result_from(fields: dict[str, Any]) -> Result:
    """A result from its JSON. Raises TypeError or KeyError when it is none."""
    return Result(**{**fields, "feedback": tuple(fields["feedback"])})


def as_json(record: Submission | Settings | Result) -> dict[str, Any]:
    """The fields of a record; bytes as base64."""
    fields = dataclasses.asdict(record)
    if isinstance(fields.get("data"), bytes):
        fields["data"] = base64.b64encode(fields["data"]).decode("ascii")
    return fields


def plain(text: str) -> str:
    """A line that every file can hold: no control characters, and the same in every run."""
    text = CHANGING.sub("...", text[:MOST])
    return printable(text.encode("utf-8", "replace").decode("utf-8"))


def printable(text: str) -> str:
    """A text with a space for every character that is not printed."""
    return "".join(c if c.isprintable() else " " for c in text)
