"""Which parts of a notebook run: tables of small notebooks, and the course's own lessons."""

from __future__ import annotations

import json

import pytest

from utils.grade_notebook import NOTEBOOKS, as_cells, case_names, officials
from utils.grade_slice import Cell, binders, chosen, closure, is_idle, make_parts


def run(
    *cells: str | Cell, names: tuple[str, ...] = (), imports: tuple[str, ...] = ()
) -> list[str]:
    """The sources that run. A cell that begins with # ex is an exercise, with # off official."""
    made = [cell if isinstance(cell, Cell) else as_cell(cell) for cell in cells]
    parts = make_parts(made, imports)
    exercises = {i for i, cell in enumerate(made) if cell.exercise}
    return [parts[i].source for i in chosen(parts, exercises, names)]


def as_cell(text: str) -> Cell:
    """A cell from its marked source."""
    exercise = "1.1" if text.startswith("# ex") else None
    return Cell(text, exercise, text.startswith("# off"), "# slow" in text)


def test_only_what_an_exercise_uses_runs():
    model = "# off\nmodel = load()"
    table = "# off\ntable = [1, 2]"
    use = "# ex\ndef f(x):\n    return table[x]"
    assert run(model, table, use) == [table, use]


def test_a_cell_of_imports_falls_into_its_statements():
    imports = "import torch\nimport math, json as j\nfrom os import path"
    use = "# ex\ndef f(x): return math.sqrt(x)"
    known = ("import torch", "import math, json as j", "from os import path")
    assert run(imports, use, imports=known) == ["import math, json as j", use]
    assert run(imports, use, imports=known[:1]) == [
        "import math, json as j",
        "from os import path",
        use,
    ]


def test_needs_are_followed_through_functions_and_classes():
    a, b = "# off\na = 1", "# off\ndef b(): return a"
    c = "# off\nclass C:\n    size = b()"
    use = "# ex\nf = lambda x: [C for _ in x]"
    assert run(a, b, c, "# off\nd = a", use) == [a, b, c, use]


def test_own_names_of_a_function_are_no_needs():
    use = "# ex\ndef f(model, rows=None):\n    total = sum(k for k in model)\n    return total"
    assert run("# off\nmodel = 1", "# off\nk, total, rows = 2, 3, 4", use) == [use]


def test_slow_cells_never_run_and_what_needs_them_is_still_tried():
    slow = "# off # slow\ntuned = train()"
    use = "# ex\ndef f(): return tuned"
    assert run(slow, use) == [use]


def test_a_helper_below_counts_where_the_learner_wrote_it():
    use, below = "# ex\ndef f(x): return help(x)", "def help(x): return x"
    assert run(use, below) == [use, below]
    first, later = "# off\ndef help(x): return x", "# off\nhelp = None"
    assert run(first, use, later) == [first, use]


def test_a_cell_of_the_learner_runs_when_all_it_needs_is_there():
    model, use = "# off\nmodel = load()", "# ex\ndef f(): return 1"
    assert run(model, use, "print(f())", "print(model)", "import os\nos._exit(0)") == [
        use,
        "print(f())",
        "import os\nos._exit(0)",
    ]


def test_a_name_that_a_case_uses_is_needed():
    assert run("# off\nLIMIT = 3", "# off\nOTHER = 4", names=("LIMIT", "len")) == [
        "# off\nLIMIT = 3"
    ]


def test_what_is_not_python_runs_when_the_learner_wrote_it():
    assert run("def broken(", "# off\n%%bash\nls") == ["def broken("]


def test_a_cell_magic_that_keeps_the_names():
    use = "%%time\nimport math\ndef f(): return table"
    cells = ["# off\ntable = 1", Cell(use, "1.1")]
    assert run(*cells) == ["# off\ntable = 1", use]


@pytest.mark.parametrize(
    "source",
    ["", "# note", 'check("1.1")', 'hint("1.1")\nsolution("1.1")', "progress()", "%pip install x"]
    + ['from utils import graded\n\nassert graded.passes("1.1"), graded.feedback("1.1")'],
)
def test_cells_that_grading_ignores(source):
    assert is_idle(source)


@pytest.mark.parametrize(
    "source", ["x = check", "check", "print(1)", 'f(check("1.1"))', "(", "check.x()"]
)
def test_other_cells_are_not_ignored(source):
    assert not is_idle(source)


def test_binders_before_a_place_are_taken_first():
    parts = make_parts([Cell("x = 1"), Cell("y = x"), Cell("x = 2")])
    assert binders(parts, "x", 1) == [0] and binders(parts, "x", 0) == [2]
    assert closure(parts, "y") == [0, 1] and closure(parts, "z") == []


def test_a_deep_source_costs_no_more_than_itself():
    deep = "x = " + "(" * 5_000 + ")" * 5_000
    assert [part.broken for part in make_parts([Cell(deep)])] == [True]


def test_no_lesson_as_handed_out_loads_a_model():
    for number, one in officials().items():
        path = next(NOTEBOOKS.glob(f"{number}_*.ipynb"))
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = as_cells([cell for cell in cells if cell["cell_type"] == "code"], one)
        parts = make_parts(code, one.imports)
        exercises = {i for i, cell in enumerate(code) if cell.exercise}
        steps = chosen(parts, exercises, case_names(one.lesson.exercises))
        assert len(exercises) == len(one.lesson.exercises)
        assert not [parts[i].source for i in steps if "load_" in parts[i].source.split("\n")[0]]
        assert len({parts[i].cell for i in steps}) <= len(exercises) + 1
