"""Which parts of a notebook must run so that its exercises can be judged, and which need not.

A lesson loads a model and asks it for minutes; most exercises need none of it. So the names that
the exercises use are followed back to what binds them. It is done before any of the learner's
code runs, from the source alone. Standard library only; what it cannot see (names made by exec,
by globals() or by a cell magic) is run when an exercise is judged and the name is missing.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable
from dataclasses import dataclass

PLAIN = re.compile(r"\A%%(time|capture|prun|timeit)\b[^\n]*\n")  # their body binds names as usual
IDLE = {"check", "hint", "solution", "progress", "graded.passes"}  # calls that grading ignores
GRADED = "from utils import graded"  # the test cells of tools/nbgrader.py begin with it
INSTALL = re.compile(r"\A[%!]\s*(pip|conda|mamba|uv)\b")


@dataclass(frozen=True)
class Cell:
    """A code cell. exercise: the id its metadata gives; official: the course wrote it as it is."""

    source: str
    exercise: str | None = None
    official: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Part:
    """A whole cell, or one import of a cell of imports.

    reads: names looked up when it runs; later: names that its functions look up when called.
    broken: it is not Python, and what it binds is unknown.
    """

    cell: int
    source: str
    binds: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    official: bool = False
    slow: bool = False
    broken: bool = False


def make_parts(cells: list[Cell], imports: Iterable[str] = (), transform=str) -> list[Part]:
    """The parts of all cells that could run, in order.

    imports: the course's own import statements as `ast.unparse` gives them; transform: turns the
    magics of a cell into Python.
    """
    known = set(imports)
    made = []
    for i, cell in enumerate(cells):
        if not is_idle(cell.source):
            made += _parts(i, cell, known, transform)
    return made


def is_idle(source: str) -> bool:
    """True for a cell without code, with the course's check calls alone, or with installs."""
    lines = [line.strip() for line in source.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if all(INSTALL.match(line) for line in lines):
        return True
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(_called(node) in IDLE for node in body if ast.unparse(node) != GRADED)


def _called(node: ast.stmt) -> str:
    """What a statement calls and does nothing else with; what an assertion asks."""
    value = getattr(node, "value" if isinstance(node, ast.Expr) else "test", None)
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ""


def _parts(i: int, cell: Cell, known: set[str], transform) -> list[Part]:
    try:
        body = ast.parse(transform(PLAIN.sub("", cell.source))).body
        texts = [ast.unparse(node) for node in body]
        tables = [symtable.symtable(text, "cell", "exec") for text in texts]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [Part(i, cell.source, official=cell.official, slow=cell.slow, broken=True)]
    if all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in body):
        rows = [
            (text, bound(table), text in known) for text, table in zip(texts, tables, strict=True)
        ]
        return [Part(i, text, binds, official=own, slow=cell.slow) for text, binds, own in rows]
    binds, reads, later = set(), set(), set()
    for node, table in zip(body, tables, strict=True):
        made = bound(table)
        now, then = read(table)
        reads |= now - binds - (set() if isinstance(node, ASSIGNS) else made)
        later |= then
        binds |= made
    later -= binds
    sets = (frozenset(names) for names in (binds, reads, later))
    return [Part(i, cell.source, *sets, official=cell.official, slow=cell.slow)]


ASSIGNS = (ast.Assign, ast.AugAssign, ast.AnnAssign)  # x = x + 1 reads the older x


def bound(table: symtable.SymbolTable) -> set[str]:
    """The names that a piece of code binds in the notebook's namespace."""
    own = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    return own | {
        s.get_name()
        for child in _below(table)
        for s in child.get_symbols()
        if s.is_declared_global() and s.is_assigned()
    }


def read(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """The names that it looks up there: when it runs, and when its functions are called."""
    now = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    later = set()
    for child in table.get_children():
        _read_below(child, now, later)
    return now, later


def _read_below(table: symtable.SymbolTable, now: set[str], later: set[str]) -> None:
    """Class bodies and comprehensions run at once, functions when they are called."""
    into = later if table.get_type() == "function" and table.get_name() not in INLINE else now
    into |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    for child in table.get_children():
        _read_below(child, into if into is later else now, later)


INLINE = {"listcomp", "setcomp", "dictcomp", "genexpr"}


def _below(table: symtable.SymbolTable) -> Iterable[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _below(child)


def chosen(parts: list[Part], exercises: set[int], names: Iterable[str]) -> list[int]:
    """The places of the parts to run, in order.

    exercises: the cells of exercises, which run whatever they need; names: what the cases use.
    Besides what these need, a part that the learner wrote runs when all it needs runs anyhow.
    """
    needed: set[int] = set()
    for i, part in enumerate(parts):
        if part.cell in exercises and not part.slow:
            _add(parts, i, needed)
        elif "*" in _stars(part):
            needed.add(i)
    for name in names:
        for i in binders(parts, name, len(parts)):
            _add(parts, i, needed)
    for i, part in enumerate(parts):
        if i not in needed and not (part.official or part.slow) and _served(parts, i, needed):
            needed.add(i)
    return sorted(needed)


def closure(parts: list[Part], name: str) -> list[int]:
    """The places of the parts that bind a name, and of all that these need, in order."""
    needed: set[int] = set()
    for i in binders(parts, name, len(parts)):
        _add(parts, i, needed)
    return sorted(needed)


def binders(parts: list[Part], name: str, before: int, late: bool = False) -> list[int]:
    """The places that bind a name: those before a place; with `late` the learner's after it too.

    Where none stands before it, those after it count.
    """
    places = [i for i, p in enumerate(parts) if name in p.binds and not p.slow and i != before]
    early = [i for i in places if i < before]
    more = [i for i in places if i > before and late and not parts[i].official]
    return early + more if early else places


def _add(parts: list[Part], i: int, needed: set[int]) -> None:
    """Add a part and all that it needs."""
    open_places = [i]
    while open_places:
        i = open_places.pop()
        if i in needed:
            continue
        needed.add(i)
        open_places += [j for name in parts[i].reads for j in binders(parts, name, i)]
        open_places += [j for name in parts[i].later for j in binders(parts, name, i, True)]


def _served(parts: list[Part], i: int, needed: set[int]) -> bool:
    """True when every name that a part uses, and that the notebook binds, is bound by what runs."""
    for name in parts[i].reads | parts[i].later:
        there = [j for j, part in enumerate(parts) if name in part.binds and j != i]
        if there and not any(j in needed for j in there):
            return False
    return True


def _stars(part: Part) -> set[str]:
    """{"*"} for an import of everything, whose names nobody can see."""
    return {"*"} if re.match(r"from \S+ import \*", part.source) else set()
