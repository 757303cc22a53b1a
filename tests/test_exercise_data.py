"""Reading the exercise files: what they give, and what is said of a bad one."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest

from utils import exercise_data as data
from utils.exercise_data import ExerciseError, Question, Wrong, load_all, load_exercise, load_lesson

FUNCTION = """\
title = "Measure"
[[exercise]]
id = "1.1"
name = "share"
title = "Share of cards"
points = 2
minutes = 4.5
difficulty = 1
hints = ["What is counted?", "Divide."]
[[exercise.case]]
expr = "share([True])"
setup = "x = 1"
want = { a = [1, 2.5, true, "x", nan] }
tolerance = 0.1
message = "Count."
wrong = [
    { value_json = "null", message = "none" },
    { value = 0.5, message = "half" },
    { expr = "1 + 1", message = "two" },
    { when = "got > want", message = "too much" },
    { error = "TypeError", says = "list", message = "type" },
]
[[exercise.case]]
expr = "share([])"
want_json = '{"a": null}'
message = "Null."
"""
PREDICT = """\
title = "Guess"
[[exercise]]
id = "1.1"
name = "guess"
title = "Guess"
kind = "predict"
expr = "guess"
type = "number"
low = 0
high = 1
points = 1
minutes = 1
difficulty = 3
"""
CHOICE = """\
title = "Choose"
[[exercise]]
id = "1.1"
name = "choose"
title = "Choose"
kind = "choice"
expr = "choice"
points = 1
minutes = 1
difficulty = 2
hints = ["Think."]
[[exercise.question]]
key = "a"
text = "the first"
right = "x"
reasons = { x = "It fits.", y = "It does not." }
[[exercise.question]]
key = "b"
right = ["x", "y"]
reasons = { x = "It fits.", y = "It fits too." }
"""


def loaded(folder: Path, text: str, name: str = "01.toml") -> data.Lesson:
    """The lesson that a file with this text gives."""
    (folder / name).write_text(text, encoding="utf-8")
    return load_lesson(folder / name)


def test_a_function_exercise(tmp_path):
    lesson = loaded(tmp_path, FUNCTION)
    (exercise,) = lesson.exercises
    assert (lesson.number, lesson.title) == ("01", "Measure")
    assert (exercise.id, exercise.name, exercise.points) == ("1.1", "share", 2)
    assert (exercise.minutes, exercise.difficulty, exercise.seconds) == (4.5, 1, data.SECONDS)
    assert exercise.hints == ("What is counted?", "Divide.")
    first, second = exercise.cases
    assert first.want["a"][:4] == [1, 2.5, True, "x"] and math.isnan(first.want["a"][4])
    assert (first.setup, first.tolerance, second.tolerance) == ("x = 1", 0.1, 0)
    assert second.want == {"a": None} and second.wrong == ()
    assert first.wrong == (
        Wrong("none", (None,)),
        Wrong("half", (0.5,)),
        Wrong("two", expr="1 + 1"),
        Wrong("too much", when="got > want"),
        Wrong("type", error="TypeError", says="list"),
    )


def test_a_prediction_and_a_choice(tmp_path):
    (guess,) = loaded(tmp_path, PREDICT).exercises
    assert (guess.expr, guess.type, guess.low, guess.high) == ("guess", "number", 0, 1)
    assert guess.hints == () and guess.cases == ()
    (choice,) = loaded(tmp_path, CHOICE).exercises
    reasons = {"x": "It fits.", "y": "It does not."}
    assert choice.questions[0] == Question("a", "the first", ("x",), reasons)
    assert choice.questions[1].right == ("x", "y")


def test_a_lone_choice_needs_no_key(tmp_path):
    text = CHOICE[: CHOICE.rindex("[[exercise.question]]")].replace('key = "a"\n', "")
    (choice,) = loaded(tmp_path, text).exercises
    assert choice.questions[0].key is None


def changed(text: str, old: str, new: str) -> str:
    """The text with the first occurrence of a part replaced."""
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "old", "new", "fault"),
    [
        (FUNCTION, 'id = "1.1"', "", "exercise without id: `id` is missing"),
        (FUNCTION, 'id = "1.1"', 'id = "2.1"', "exercise 2.1: `id` must look like 1.1"),
        (FUNCTION, 'id = "1.1"', "id = 1.1", "exercise 1.1: `id` must be text"),
        (FUNCTION, 'name = "share"', 'name = "Share it"', "`name` must look like share_valid"),
        (FUNCTION, "points = 2", "points = 0", "exercise 1.1: `points` must be above 0"),
        (FUNCTION, "points = 2", "points = true", "`points` must be a whole number"),
        (FUNCTION, "points = 2", "point = 2", "unknown: `point`; there are: case, difficulty"),
        (FUNCTION, "minutes = 4.5", 'minutes = "4"', "`minutes` must be a number"),
        (FUNCTION, "difficulty = 1", "difficulty = 4", "`difficulty` must be 1, 2 or 3"),
        (FUNCTION, 'hints = ["What is counted?", "Divide."]', "", "at least one stage"),
        (FUNCTION, '"Divide."', '" "', "`hints` must hold texts"),
        (FUNCTION, 'title = "Share of cards"', 'title = ""', "`title` must be text"),
        (FUNCTION, 'expr = "share([True])"', 'expr = "share("', "case 1: `expr` is not Python"),
        (FUNCTION, 'expr = "share([True])"', 'expr = "x = 1"', "case 1: `expr` is not Python"),
        (FUNCTION, 'setup = "x = 1"', 'setup = "x ="', "case 1: `setup` is not Python"),
        (FUNCTION, "tolerance = 0.1", "tolerance = -1", "`tolerance` must be 0 or more"),
        (FUNCTION, "tolerance = 0.1", "seconds = 0", "`seconds` must be above 0"),
        (FUNCTION, 'message = "Null."', "", "case 2: `message` is missing"),
        (FUNCTION, "want_json = '{\"a\": null}'", "", "exactly one of `want`, `want_json`"),
        (FUNCTION, "want_json = '{\"a\": null}'", "want = 2026-01-02", "is no JSON value"),
        (FUNCTION, "want_json = '{\"a\": null}'", 'want_json = "{"', "is no JSON value"),
        (FUNCTION, "value = 0.5", 'value = 0.5, when = "1"', "wrong 2: needs exactly one of"),
        (FUNCTION, "value = 0.5, ", "", "case 1, wrong 2: needs exactly one of value"),
        (FUNCTION, "value = 0.5, ", 'value = 0.5, says = "x", ', "`says` goes with `error` alone"),
        (FUNCTION, '"got > want"', '"got >"', "wrong 4: `when` is not Python"),
        (FUNCTION, "[[exercise.case]]", "[[exercise.cases]]", "unknown: `cases`"),
        (FUNCTION, 'name = "share"', 'name = "share"\nkind = "essay"', "`kind` must be one of"),
        (FUNCTION, "[[exercise]]", "[exercise]", "01.toml"),
        (FUNCTION, 'title = "Measure"', "", "01.toml: `title` is missing"),
        (FUNCTION, 'title = "Measure"', 'colour = "red"', "01.toml: unknown: `colour`"),
        (PREDICT, 'type = "number"', 'type = "float"', "`type` must be one of number, integer"),
        (PREDICT, "low = 0", "low = 3", "`low` is above `high`"),
        (PREDICT, 'expr = "guess"', "", "`expr` is missing"),
        (CHOICE, 'right = "x"', 'right = "z"', "question 1: `right` must be among the `reasons`"),
        (CHOICE, 'right = "x"', "", "question 1: `right` must be a list"),
        (CHOICE, 'y = "It does not."', "", "01.toml"),
        (CHOICE, '"It does not."', "3", "`reasons` must give two choices or more"),
        (CHOICE, 'key = "b"', 'key = "a"', "two questions have the same `key`"),
        (CHOICE, 'key = "b"', "", "each of several questions needs a `key`"),
        (CHOICE[: CHOICE.index("[[exercise.q")], "points = 1", "points = 1", "has no question"),
        (FUNCTION[: FUNCTION.index("[[exercise.c")], "points", "points", "has no case"),
    ],
)
def test_a_bad_file_is_told_with_file_exercise_and_reason(tmp_path, text, old, new, fault):
    with pytest.raises(ExerciseError) as caught:
        loaded(tmp_path, changed(text, old, new))
    assert str(caught.value).startswith("01.toml") and fault in str(caught.value)
    assert "\n" not in str(caught.value).strip()


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ExerciseError, match="01.toml: cannot be read: "):
        loaded(tmp_path, "title = ")
    (tmp_path / "02.toml").write_bytes(b"\xff")
    for name in ("02.toml", "03.toml"):
        with pytest.raises(ExerciseError, match=f"{name}: cannot be read: "):
            load_lesson(tmp_path / name)


def test_ids_are_unique_in_a_file_and_names_in_the_course(tmp_path):
    both = FUNCTION + FUNCTION.partition("\n")[2]
    with pytest.raises(ExerciseError, match="01.toml: the id 1.1 stands there twice"):
        loaded(tmp_path, both)
    with pytest.raises(ExerciseError, match="01.toml: the name share stands there twice"):
        loaded(tmp_path, both[:99] + both[99:].replace('"1.1"', '"1.2"'))
    loaded(tmp_path, FUNCTION)
    loaded(tmp_path, FUNCTION.replace("1.1", "2.1"), "02.toml")
    with pytest.raises(ExerciseError, match="2.1: share is the name of exercise 1.1 too; rename"):
        load_all(tmp_path)


def test_one_exercise_is_found_without_reading_the_other_lessons(tmp_path):
    loaded(tmp_path, FUNCTION)
    (tmp_path / "02.toml").write_text("broken")
    assert load_exercise("1.1", tmp_path).name == "share"
    with pytest.raises(ExerciseError, match="there is no exercise '1.7'; there are: 1.1$"):
        load_exercise("1.7", tmp_path)
    with pytest.raises(ExerciseError, match="there is no exercise 'x'; there are: 01.x, 02.x$"):
        load_exercise("x", tmp_path)


def test_the_committed_files_can_be_read():
    assert [lesson.number for lesson in load_all()] == [path.stem for path in data.files()]


NAMES = ["exercise_data", "exercise_cases", "exercise_fields", "jsonform", "compare"]


@pytest.mark.parametrize("name", NAMES)
def test_these_modules_import_only_the_standard_library_and_each_other(name):
    import sys

    tree = ast.parse((Path(data.__file__).parent / f"{name}.py").read_text("utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    foreign = {n for n in names if n.split(".")[0] not in sys.stdlib_module_names}
    assert foreign <= {f"utils.exercise_{part}" for part in ("fields", "cases", "data")}
