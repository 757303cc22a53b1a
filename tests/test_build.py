"""The lesson builder on small lessons in a folder of their own, and on the committed ones."""

from __future__ import annotations

import json
import re

import nbformat
import pytest

from tools import build, lesson, published

TOML = """\
title = "Measure"
[[exercise]]
id = "1.1"
name = "share"
title = "Share of cards"
points = 2
minutes = 5
difficulty = 1
hints = ["Divide."]
[[exercise.case]]
expr = "share([True])"
want = 1
message = "Divide."
"""
SOURCE = '''\
# %% [markdown]
# # Measure first
#
# What is a share?

# %% tags=["slow"]
from utils.check import check
print("ready")

# %% [markdown]
# ### Exercise 1.1
#
# Write `share`.

# %% exercise="1.1"
def share(flags):
    """The share of True."""
    ### BEGIN SOLUTION
    total = len(flags)
    return sum(flags) / total
    ### END SOLUTION

# %%
check("1.1")

# %%
%load_ext autoreload
share([True])
'''


@pytest.fixture(name="course")
def make_course(tmp_path):
    """A course of one lesson, and a function that replaces a part of its source."""
    for name in ("solutions", "notebooks", "utils/exercises"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "utils" / "exercises" / "01.toml").write_text(TOML)
    source = tmp_path / "solutions" / "01_measure.py"
    source.write_text(SOURCE)

    def change(old, new):
        assert old in SOURCE
        source.write_text(SOURCE.replace(old, new, 1))

    return tmp_path, change


def cells(root, name="notebooks/01_measure.ipynb"):
    """The cells of a notebook, which must be a valid one."""
    notebook = nbformat.read(root / name, as_version=4)
    nbformat.validate(notebook)
    return notebook.cells


def test_the_learners_notebook(course, capsys):
    root, _ = course
    assert build.main([], root) == 0 and "lessons made: 1" in capsys.readouterr().out
    made = cells(root)
    assert [cell.id for cell in made] == [
        "01-000",
        "01-setup",
        "01-001",
        "01-002",
        "01-exercise-1-1",
        "01-check-1-1",
        "01-005",
    ]
    comment = "<!-- made from solutions/01_measure.py by make build; edit that -->\n\n# Measure"
    assert made[0].source.startswith(comment)
    assert made[1].metadata == {"tags": ["setup"], "jupyter": {"source_hidden": True}}
    assert made[2].metadata == {"tags": ["slow"]}
    head = "### Exercise 1.1: Share of cards\n*2 points, about 5 minutes, difficulty 1 of 3*\n\nWr"
    assert made[3].source.startswith(head)
    assert made[4].source == 'def share(flags):\n    """The share of True."""\n    ...'
    assert made[6].source.startswith("%load_ext autoreload")
    assert all(c.outputs == [] and c.execution_count is None for c in made if "outputs" in c)
    assert "SOLUTION" not in (root / "notebooks" / "01_measure.ipynb").read_text()


def test_the_metadata_of_nbgrader(course):
    root, _ = course
    build.main([], root)
    exercise, check = (cell.metadata for cell in cells(root)[4:6])
    shared = {"schema_version": 3, "task": False}
    body = {"grade_id": "share", "solution": True, "grade": False, "locked": False}
    assert exercise == {"exercise": "1.1", "nbgrader": {**shared, **body}}
    graded = {"grade_id": "share_check", "solution": False, "grade": True, "locked": True}
    assert check == {"nbgrader": {**shared, **graded, "points": 2}}


def test_the_solutions_for_the_notebook(course):
    root, _ = course
    build.main([], root)
    stored = json.loads((root / "utils" / "exercises" / "solutions.json").read_text())
    assert list(stored) == ["1.1"] and "SOLUTION" not in stored["1.1"]
    assert stored["1.1"].endswith("    total = len(flags)\n    return sum(flags) / total")


def test_twice_gives_the_same_bytes_and_check_says_what_differs(course, capsys):
    root, change = course
    build.main([], root)
    paths = [root / "notebooks" / "01_measure.ipynb", root / "utils/exercises/solutions.json"]
    first = [path.read_bytes() for path in paths]
    build.main([], root)
    assert [path.read_bytes() for path in paths] == first
    assert not list(root.rglob("*.tmp"))
    (root / "solutions" / "01_measure.ipynb").write_text(
        build.text(build.notebook(root / "solutions" / "01_measure.py", root, student=False))
    )
    assert build.main(["--check"], root) == 0
    change("total = len(flags)", "total = max(1, len(flags))")
    (root / "notebooks" / "07_gone.ipynb").write_text("{}")
    capsys.readouterr()
    assert build.main(["--check"], root) == 1
    assert capsys.readouterr().out.splitlines() == [
        "utils/exercises/solutions.json differs from its source; run: make build",
        "solutions/01_measure.ipynb differs from its source; "
        "run: python tools/build.py --execute 01_measure",
        "notebooks/07_gone.ipynb has no source; remove it",
    ]
    assert [path.read_bytes() for path in paths] == first


def test_an_executed_lesson_gets_a_new_first_cell_without_being_run(course, capsys):
    root, _ = course
    ran = root / "solutions" / "01_measure.ipynb"
    value = build.notebook(root / "solutions" / "01_measure.py", root, student=False)
    value["cells"][2]["outputs"] = [{"name": "stdout", "output_type": "stream", "text": "kept"}]
    value["cells"][1] = value["cells"][1] | {"source": "an older one", "execution_count": 1}
    ran.write_text(build.text(value))
    build.main([], root)
    made = cells(root, "solutions/01_measure.ipynb")
    assert made[1].source == published.first_cell("") and made[1].execution_count is None
    assert made[2].outputs[0].text == "kept" and len(made) == len(value["cells"])
    value["cells"][1]["source"] = published.first_cell("").splitlines(keepends=True)
    ran.write_text(build.text(value))
    before = ran.read_bytes()
    build.main([], root)
    assert ran.read_bytes() == before and build.main(["--check"], root) == 0
    del value["cells"][1]
    ran.write_text(build.text(value))
    capsys.readouterr()
    assert build.main(["--check"], root) == 1
    wanted = "solutions/01_measure.ipynb differs from its source; run: make build\n"
    assert capsys.readouterr().out == wanted


CHECK = '# %%\ncheck("1.1")\n'
BODY = SOURCE[SOURCE.index('# %% exercise="1.1"') : SOURCE.index(CHECK)]
HEAD = "# ### Exercise 1.1\n"
END = "    ### END SOLUTION"
BEGIN = "    ### BEGIN SOLUTION"


@pytest.mark.parametrize(
    ("old", "new", "line", "fault"),
    [
        (END, "", 18, "### BEGIN SOLUTION without an ### END SOLUTION in this cell"),
        (BEGIN, "", 21, "### END SOLUTION without a ### BEGIN SOLUTION before it"),
        (BEGIN, f"{BEGIN}\n{BEGIN}", 19, "a second ### BEGIN SOLUTION before the"),
        (END, "  ### END SOLUTION", 21, "not indented as the ### BEGIN SOLUTION of line 18"),
        (BEGIN, "    ### BEGIN SOLUTON", 18, "'### BEGIN SOLUTON' is misspelt; write ### BEGIN"),
        (BEGIN, "    # BEGIN SOLUTION", 18, "'# BEGIN SOLUTION' is misspelt"),
        (END, "    ### end solution", 21, "'### end solution' is misspelt"),
        (END, "    ### END", 21, "'### END' is misspelt"),
        (' exercise="1.1"', "", 15, 'a solution in a cell that is no exercise; add exercise="1.2"'),
        ('exercise="1.1"', 'exersise="1.1"', 15, "unknown after `# %%`: exersise; there are"),
        ('exercise="1.1"', 'exercise="1.2"', 15, "exercise 1.2 is not in 01.toml"),
        (CHECK, "", 15, 'exercise 1.1 has no check cell after it; add check("1.1")'),
        (BODY + CHECK, CHECK + BODY, 17, "exercise 1.1 has no check cell after it"),
        (CHECK, CHECK + CHECK, 25, "a second check of exercise 1.1"),
        (BODY, "", 15, "a check of exercise 1.1 without its cell"),
        (BODY, "", 10, "a header of exercise 1.1 without its cell"),
        (BODY, BODY + BODY, 23, "a second cell of exercise 1.1"),
        (CHECK, CHECK + '# %%\ncheck("4.4")\n', 25, "exercise 4.4 is not in 01.toml"),
        ('check("1.1")', "check(1.1)", 24, "a check is alone in its cell"),
        ('check("1.1")', 'x = check("1.1")', 24, "a check is alone in its cell"),
        ('check("1.1")', 'check("1.1")\nprint(1)', 24, "a check is alone in its cell"),
        (HEAD, "", 14, "no header `### Exercise 1.1` before the exercise's cell"),
        (HEAD, "# ### Exercise 1.1: Share\n", 11, "write the header as `### Exercise 1.1`"),
        (HEAD, "# #### Exercise 1.1\n", 11, "write the header as `### Exercise 1.1`"),
        ('print("ready")', "print(", 8, "not Python: '(' was never closed"),
        (f"{BEGIN}\n", "    try:\n        ### BEGIN SOLUTION\n        pass\n", 23, "of line 19"),
        ("# %% [markdown]\n# # Measure", "# %%\n# # Measure", 1, "the first cell must be markdown"),
        ("# %% [markdown]\n# # Measure", "import os\n\n# %% [markdown]\n# # M", 1, "into cells"),
        (HEAD + "#\n# Write `share`.\n\n" + BODY + CHECK, "", 1, "1.1 of 01.toml has no cell"),
    ],
)
def test_a_faulty_source_is_refused_with_file_and_line(course, capsys, old, new, line, fault):
    root, change = course
    change(old, new)
    assert build.main([], root) == build.main(["--check"], root) == 1
    told = capsys.readouterr().out
    lines = [
        t for t in told.splitlines() if t.startswith(f"solutions/01_measure.py, line {line}: ")
    ]
    assert any(fault in t for t in lines), told
    assert not (root / "notebooks" / "01_measure.ipynb").exists()


def test_code_that_breaks_without_its_solution_is_refused(course, capsys):
    root, change = course
    change("    ### BEGIN", "    if flags:\n        pass\n    ### BEGIN")
    assert build.main([], root) == 0
    change(BEGIN, "    x = (\n    ### BEGIN SOLUTION\n    1)")
    assert build.main([], root) == 1
    assert "line 15: not Python when the solution is out" in capsys.readouterr().out


def test_a_bad_exercise_file_and_all_faulty_lessons_are_named(course, capsys):
    root, change = course
    (root / "solutions" / "02_next.py").write_text("# %%\n1\n")
    (root / "utils" / "exercises" / "01.toml").write_text("title = ")
    assert build.main([], root) == 1
    told = capsys.readouterr().out
    assert "01.toml: cannot be read" in told and "solutions/02_next.py, line 1: the first" in told


@pytest.mark.parametrize(
    "line",
    [
        "# Begin with the mean",
        "# the end",
        "# a solution",
        "x = 1  # END",
        "# BEGIN",
        "## Solution",
    ],
)
def test_other_comments_are_no_markers(line):
    assert not lesson.resembles(line)


def test_several_regions_keep_their_indentation():
    source = "x = 1\nBEGIN\ny = 2\nEND\nif x:\n    BEGIN\n    z\n    END"
    source = re.sub("BEGIN|END", r"### \g<0> SOLUTION", source)
    assert lesson.stripped(source) == "x = 1\n...\nif x:\n    ..."
    assert lesson.full(source) == "x = 1\ny = 2\nif x:\n    z"


def test_a_name_with_its_gap_stands_once_and_is_no_part_of_the_solution():
    shown = "# one a line\nclaims = {\n    'a': ...,\n}"
    source = f"{shown}\n### BEGIN SOLUTION\nclaims = {{'a': 1}}\n### END SOLUTION"
    assert lesson.stripped(source) == shown
    assert lesson.full(source) == "# one a line\nclaims = {'a': 1}"
    inside = "def f(x):\n    y = x[..., 0]\n    ### BEGIN SOLUTION\n    1\n    ### END SOLUTION"
    assert lesson.stripped(inside) == "def f(x):\n    y = x[..., 0]\n    ..."
    assert lesson.full(inside) == "def f(x):\n    y = x[..., 0]\n    1"


def test_one_minute_is_no_minutes(course):
    root, _ = course
    path = root / "utils" / "exercises" / "01.toml"
    path.write_text(TOML.replace("minutes = 5", "minutes = 1"))
    build.main([], root)
    assert "*2 points, about 1 minute, difficulty 1 of 3*" in cells(root)[3].source


def test_the_committed_notebooks_are_what_the_sources_give():
    assert build.stale(build.ROOT) == []
