"""What came of evaluating one expression, as a record that JSON can carry between processes."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
import types
from dataclasses import dataclass
from typing import Any

CASE = "<the expression of the check>"
SETUP = "<the setup of the check>"
MESSAGE = 300  # characters of an error's message
UNREADABLE = ("an exception that cannot be read",)


@dataclass(frozen=True)
class Run:
    """value: the JSON form; `valued` says whether there is one.

    gap: `...` or NotImplementedError was met; unwritten: the value is None, or a None was used
    as if it were one, and the functions that gave it still hold `...` or cannot be read; fault:
    what the value is, when it has no JSON form; missing: a name that is not defined; error: the
    exception's type and its bases; message, line, number: its text and the learner's own line;
    late: the time was over; alive: it runs on; printed: the start of what was printed.
    """

    value: Any = None
    gap: bool = False
    unwritten: bool = False
    fault: str | None = None
    missing: str | None = None
    error: tuple[str, ...] = ()
    message: str = ""
    line: str = ""
    number: int = 0
    late: bool = False
    alive: bool = False
    printed: str = ""

    @property
    def valued(self) -> bool:
        """True when the expression gave a value that has a JSON form."""
        return not (self.gap or self.fault or self.missing or self.error or self.late)


def failed(error: BaseException, namespace: dict) -> Run:
    """The Run for an exception. Call it in the worker: str(error) is the learner's code."""
    try:
        return _failed(error, namespace)
    except BaseException:  # str(error) may raise anything
        return Run(error=UNREADABLE)


def _failed(error: BaseException, namespace: dict) -> Run:
    names = tuple(base.__name__ for base in type(error).__mro__)
    frames = _frames(error)
    if isinstance(error, NotImplementedError) and frames[-1][2] is namespace:
        return Run(gap=True)  # one that a library raises is an error
    if isinstance(error, NameError) and frames and frames[-1][0] in (CASE, SETUP):
        return Run(missing=str(error.name))
    message = " ".join(str.__str__(str(error)).split())[:MESSAGE]
    if isinstance(error, (TypeError, AttributeError)) and "ellipsis" in message.lower():
        return Run(gap=True)
    own = [frame for frame in frames if frame[2] is namespace]
    name, number, _ = own[-1] if own else ("", 0, None)
    line = linecache.getline(name, number).strip() if own else ""
    return Run(error=names, message=message, line=line, number=number)


def _frames(error: BaseException) -> list[tuple[str, int, dict]]:
    """File, line number and globals of each frame of a traceback, the innermost last."""
    frames, step = [], error.__traceback__
    while step is not None:
        frame = step.tb_frame
        frames.append((frame.f_code.co_filename, step.tb_lineno, frame.f_globals))
        step = step.tb_next
    return frames


def unfinished(code: types.CodeType, namespace: dict) -> bool:
    """True unless the learner's functions that an expression names can be read and hold no `...`.

    Tells a function that was not written yet from one that lacks its `return`.
    """
    functions = [namespace.get(name) for name in code.co_names]
    sources = [_source(f) for f in functions if type(f) is types.FunctionType]
    return not sources or any(source is None or _has_gap(source) for source in sources)


def _source(function: types.FunctionType) -> str | None:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None


def _has_gap(source: str) -> bool:
    """True when `...` stands for a statement or for a value; x[..., 0] is none."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return True
    kinds = (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return)
    values = [node.value for node in ast.walk(tree) if isinstance(node, kinds)]
    return any(isinstance(v, ast.Constant) and v.value is ... for v in values)
