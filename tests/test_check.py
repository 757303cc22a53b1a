"""check on the exercises of sample_lesson: each outcome, and learners' code of every kind."""

from __future__ import annotations

import sys

import pytest

from sample_lesson import RIGHT, make_notebook, run_cell  # noqa: F401
from utils import check as course
from utils import guesses
from utils.evaluate import evaluate
from utils.exercise_cases import Case
from utils.judge import judge_case
from utils.runs import Run


def test_right(notebook):
    out = notebook(RIGHT + "check('1.1')")
    assert out == "Exercise 1.1, Share of valid cards: right. 2 of 2 points.\n"
    assert course.passed("1.1") and not course.passed("1.2")


def test_wrong_says_input_yours_expected_and_the_likely_cause(notebook):
    out = notebook("def share(flags):\n    print('mean')\n    return 0.75\ncheck('1.1')")
    assert out.splitlines() == [
        "Exercise 1.1, Share of valid cards: not right yet (0 of 2 points).",
        "  input:        share([True, False, False, False])",
        "  yours:        0.75",
        "  expected:     0.25",
        "  likely cause: that is the fraction of invalid cards",
        "  printed:      mean",
        '  Next: hint("1.1")',
    ]
    assert not course.passed("1.1")


@pytest.mark.parametrize(
    ("body", "fragment"),
    [
        ("return sum(flags)", "likely cause: that is a count, not a share"),
        ("return 7", "likely cause: a share is never above 1"),
        ("return 0.5", "likely cause: Divide how many are True"),
        ("return '0.25'", "look at:      yours is a string, and a number is wanted"),
        ("x = 1", "likely cause: it gives None: a `return` is missing"),
        ("return sum(flags) / (len(flags) or 1) ", "expected:     ValueError is raised"),
        ("return 0.25", "given:        flags = [True] * 4\n  input:        share(flags)"),
        ("return 0.25", "This is case 2 of 3; those before it are right."),
        ("return (f / 4 for f in flags)", "a generator, which gives its items only once: put"),
        ("return len", "the builtin_function_or_method itself: are the brackets of a call"),
        ("return object()", "an object of type object"),
        ("return float('nan')", "yours:        nan"),
        ("return [0] * 200_000", "a list of 200,000 items, which holds more than"),
        ("return 10 ** 5000", "a whole number of"),
        ("return 'x' * 2_000_000", "a string of 2,000,000 characters"),
        ("x = []\n    x.append(x)\n    return x", "a value nested more than"),
        ("return True", "yours is a truth value, and a number is wanted"),
    ],
)
def test_wrong_values(notebook, body, fragment):
    out = notebook(f"def share(flags):\n    {body}\ncheck('1.1')")
    assert "not right yet" in out and fragment in out


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "def share(flags):\n    ...",
        "def share(flags):\n    'Text.'\n    n = len(flags)\n    ...",
        "def share(flags):\n    n = ...\n    return n / len(flags)",
        "def share(flags):\n    return ...",
        "def share(flags):\n    return [..., 1]",
        "def share(flags):\n    raise NotImplementedError",
        "share = ...",
        "share = lambda flags: None if hidden else ...\nhidden = False",
        "class Share:\n    def __call__(self, flags):\n        ...\nshare = Share()",
    ],
)
def test_not_attempted(notebook, cell):
    out = notebook(cell + "\ncheck('1.1')")
    assert "not attempted (0 of 2 points).\n" in out and len(out.splitlines()) == 2
    assert "No attempt" not in out and "Next" not in out


@pytest.mark.parametrize(
    ("body", "fragments"),
    [
        (
            "return 1 / 0",
            ["error:        ZeroDivisionError", "your line:    return 1 / 0   (line 3"],
        ),
        ("return flags.mean()", ["AttributeError: 'list' object", "a list has no such method"]),
        ("flags.pop(9)", ["IndexError: pop index out of range", "beyond the end of the list"]),
        ("import io; io.IOBase().seek(0)", ["error:        UnsupportedOperation"]),
        ("return total", ["NameError: name 'total'", "a name that is misspelt"]),
        ("return math.pi", ["NameError: name 'math'", "write `import math` in this cell"]),
        ("return 0.5 ^ 0.5", ["TypeError: unsupported", "a power is written **"]),
        ("return [1] * flags", ["TypeError: can't multiply", "repeated by a whole number"]),
        ("return share(flags)", ["RecursionError", "ever coming to an end"]),
        ("raise SystemExit(3)", ["SystemExit: 3"]),
        ("raise KeyboardInterrupt", ["error:        KeyboardInterrupt\n"]),
        ("raise Odd", ["an exception that cannot be read"]),
        ("raise Fatal", ["an exception that cannot be read"]),
    ],
)
def test_errors_show_the_learners_own_line(notebook, body, fragments):
    odd = "class {}(Exception):\n    def __str__(self):\n        raise {}\n"
    extra = odd.format("Odd", "ValueError") + odd.format("Fatal", "KeyboardInterrupt")
    out = notebook(f"def share(flags):\n    {body}\n{extra}check('1.1')")
    assert "an error in your code (0 of 2 points)." in out
    assert [f for f in fragments if f not in out] == []
    assert "utils" not in out and len(out) < 1_500


@pytest.mark.parametrize(
    ("body", "fragment"),
    [
        ("while True: pass", "likely cause: a loop that never ends"),
        ("while True: print('x' * 99)", "printed:      xxx"),
        ("import time; time.sleep(1)", "far more work than is needed"),
    ],
)
def test_what_takes_too_long_is_stopped(notebook, body, fragment):
    out = notebook(f"def quick():\n    {body}\ncheck('1.5')")
    assert "error:        no answer after 0.3 seconds" in out and fragment in out


def test_a_case_may_have_its_own_time_limit():
    asked = []

    def ask(expr, setup, seconds):
        asked.append(seconds)
        return Run(value=1)

    for case in (Case("f()", "", 1, seconds=3.0), Case("f()", "", 1)):
        assert judge_case(case, ask, 10.0).outcome == "right"
    assert asked == [3.0, 10.0]


@pytest.mark.parametrize(("body", "unwritten"), [("...", True), ("x = rows", False)])
def test_a_case_that_iterates_over_the_none_of_an_empty_cell(tmp_path, body, unwritten):
    namespace = run_cell(tmp_path, f"def best(rows):\n    {body}\n")
    run = evaluate("list(best([3]))", namespace)
    assert run.error[0] == "TypeError" and run.unwritten is unwritten


def test_a_call_with_the_wrong_arguments_is_an_error_without_a_line_of_ours(notebook):
    out = notebook("def share():\n    return 1\ncheck('1.1')")
    assert "error:        TypeError: share() takes 0 positional" in out and "your line" not in out
    assert "likely cause: the function takes other arguments than the exercise says" in out
    out = notebook("share = 15\ncheck('1.1')")
    assert "likely cause: this name holds a value, no function: write it with `def`" in out


def test_a_none_that_the_check_itself_goes_on_with_is_a_missing_return(tmp_path):
    namespace = run_cell(tmp_path, "def best(rows):\n    x = rows\n")
    for expr in ("best([3])[0]", "list(best([3]))", "best([3]) + 1", "best([3]).text"):
        assert guesses.of_error(evaluate(expr, namespace)) == [guesses.NO_RETURN], expr


def test_an_error_is_told_apart_by_its_text(notebook):
    out = notebook("def answer():\n    return [] + 1\ncheck('1.4')")
    assert "likely cause: join a list with a list" in out
    out = notebook("def answer():\n    return {}[[]]\ncheck('1.4')")
    assert "TypeError: unhashable" in out and "likely cause" not in out


def test_a_loop_that_catches_everything_is_left_behind_and_muted(tmp_path):
    from utils.evaluate import evaluate

    stop = "while not done:\n        try:\n            print('x')\n            time.sleep(0.001)"
    text = f"import time\ndone = []\ndef f():\n    {stop}\n        except BaseException: pass"
    namespace = run_cell(tmp_path, text)
    real = sys.stdout, sys.stderr
    try:
        run = evaluate("f()", namespace, seconds=0.1)
        again = evaluate("print('y') or 3", namespace)
        assert run.late and len(run.printed) <= 10_000 and again.value == 3
        assert again.printed == "y\n"
    finally:
        namespace["done"].append(1)
        sys.stdout, sys.stderr = real


HOSTILE = """
class Hostile:
    def __eq__(self, other): raise RuntimeError("eq")
    def __hash__(self): return 1
    def __repr__(self): raise RuntimeError("repr")
    def __bool__(self): raise RuntimeError("bool")
    def __len__(self): raise RuntimeError("len")
    def __iter__(self): raise RuntimeError("iter")
    def __getattr__(self, name): raise RuntimeError("getattr")
class Liar(list):
    def __eq__(self, other): return True
    def __len__(self): return 2
    def __iter__(self): return iter([1, 2])
class Number(int):
    def __eq__(self, other): return True
    __hash__ = None
class Word(str):
    def __eq__(self, other): return True
    __hash__ = None
    def __str__(self): return "1"
class Meta(type):
    def __getattribute__(cls, name): raise RuntimeError("meta")
class Hidden(metaclass=Meta): pass
class Pretend:
    @property
    def __class__(self): raise RuntimeError("class")
"""


@pytest.mark.parametrize(
    "value",
    "Hostile() Liar([3]) [Number(1),Number(3)] [Word('1'),Word('2')] Hidden() Pretend() "
    "[Hostile()] {1:Hostile()} Hidden Meta 2**20000 [1,True] (1,) {Hostile():1}".split(),
)
def test_hostile_objects_are_wrong_and_nothing_more(notebook, value):
    out = notebook(f"{HOSTILE}\ndef answer():\n    return {value}\ncheck('1.4')")
    assert "not right yet" in out or "an error in your code" in out


@pytest.mark.parametrize(
    "value",
    ["(1, 2)", "np.array([1, 2])", "torch.tensor([1.0, 2.0], requires_grad=True)", "{2, 1}"]
    + ["[np.int64(1), np.float32(2)]", "range(1, 3)", "{1: 'a', 2: 'b'}.keys()", "Liar([1, 2])"],
)
def test_right_answers_in_other_styles_pass(notebook, value):
    imports = "import numpy as np\nimport torch\n" if "np" in value or "torch" in value else ""
    out = notebook(f"{imports}{HOSTILE}\ndef answer():\n    return {value}\ncheck('1.4')")
    assert "right. 1 of 1 point." in out
