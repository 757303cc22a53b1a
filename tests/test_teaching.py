"""The teaching kit: every lesson has its part, the quiz its keys, and numbers come from code."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import fields

import pytest

from test_pages import slug
from tools import readme, teaching
from tools.tables import ReadmeError
from utils.card import is_card
from utils.exercise_data import load_all, load_exercise
from utils.grade_columns import carried_over, parse
from utils.grade_profile import Profile, profile_from
from utils.grade_tables import Table
from utils.measure import rate

ROOT = readme.ROOT
FOLDER = ROOT / "docs" / "teaching"
PAGES = [ROOT / "docs" / "teaching.md", *sorted(FOLDER.glob("*.md"))]
TEXT = {path.stem: path.read_text("utf-8") for path in PAGES}
PLANS = tomllib.loads(teaching.PLANS.read_text("utf-8"))["session"]
LESSONS = load_all()


def sections(text: str, level: str = "##") -> dict[str, str]:
    """Heading -> what stands below it, up to the next heading of that level."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def after(text: str, head: str) -> str:
    """What stands between a bold head and the next one."""
    return text.split(f"**{head}**")[1].split("\n**")[0]


def test_every_lesson_has_its_section_in_order():
    found = [re.match(r"Lesson (\d\d): ", head)[1] for head in sections(TEXT["lessons"])]
    assert found == [lesson.number for lesson in LESSONS]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_a_section_has_all_its_parts(lesson):
    text = next(t for h, t in sections(TEXT["lessons"]).items() if lesson.number in h)
    assert f"<!-- begin: lesson-{lesson.number} -->" in text
    assert len(after(text, "Goal.").split()) > 10
    assert len(after(text, "The misconception it cures.").split()) > 15
    questions = re.findall(r"^(\d)\. \*(.+?)\* (Good answers.+)$", text, re.MULTILINE)
    assert [number for number, _, _ in questions] == ["1", "2", "3"]
    assert all(asked.rstrip().endswith(("?", "answer")) for _, asked, _ in questions)
    assert all(len(answer.split()) > 25 for _, _, answer in questions)
    faults = re.findall(r"^- (.+)$", text.split("**What goes wrong**")[1], re.MULTILINE)
    assert len(faults) >= 4 and all(len(fault.split()) > 8 for fault in faults)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_resolve(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        assert page.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
            assert anchor in {slug(head) for head in heads}, target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_the_pages_name_is_there(path):
    text = path.read_text("utf-8")
    known = {e.id for lesson in LESSONS for e in lesson.exercises}
    named = re.findall(r"[Ee]xercises? (\d\.\d)", text)
    assert set(named) <= known
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?m)(?:`|^ +)make ([a-z]+)", text)) <= targets
    code = "".join(p.read_text("utf-8") for p in (ROOT / "utils").glob("*.py"))
    lessons = "".join(p.read_text("utf-8") for p in (ROOT / "solutions").glob("*.py"))
    for variable in set(re.findall(r"FORM_AND_FACTS_\w+", text)):
        assert variable in code + lessons, variable


def test_the_kit_names_all_its_pages():
    links = re.findall(r"\]\(teaching/([\w.]+)\)", TEXT["teaching"])
    assert sorted(set(links)) == sorted(path.name for path in FOLDER.glob("*.md"))


QUIZ = sections(TEXT["quiz"], "###")
KEYS = re.findall(r"^- \*\*(\d+): ([a-d])\.\*\* (.+)$", TEXT["quiz_key"], re.MULTILINE)


def test_the_quiz_has_ten_questions_with_four_answers_each():
    assert [head.split(".")[0] for head in QUIZ] == [str(i) for i in range(1, 11)]
    for head, text in QUIZ.items():
        answers = re.findall(r"^- ([a-d])\) (.+)$", text, re.MULTILINE)
        assert [letter for letter, _ in answers] == list("abcd"), head
        assert len({answer for _, answer in answers}) == 4


def test_every_question_has_one_key_with_a_reason_and_a_lesson():
    assert [number for number, _, _ in KEYS] == [str(i) for i in range(1, 11)]
    letters = [letter for _, letter, _ in KEYS]
    assert {letters.count(letter) for letter in "abcd"} <= {2, 3}  # no pattern to guess by
    assert all(len(reason.split()) > 15 and "../../notebooks/0" in reason for *_, reason in KEYS)
    assert {m for *_, reason in KEYS for m in re.findall(r"notebooks/(\d\d)_", reason)} == {
        lesson.number for lesson in LESSONS
    }


def test_the_keys_agree_with_the_course():
    right = {number: letter for number, letter, _ in KEYS}
    assert 0.1 < rate([False] * 20).high < 0.5 and right["2"] == "d"
    cards = re.findall(r"^- ([a-d])\) `(.+)`$", list(QUIZ.values())[2], re.MULTILINE)
    assert [letter for letter, card in cards if is_card(card)] == [right["3"]]
    claims = {q.key: q.right for q in load_exercise("3.7").questions}
    assert claims["reversed"] == ("contradicted",) and right["6"] == "a"
    eight = {q.key: q.right for q in load_exercise("6.2").questions}
    assert eight["prices"] == ("retrieve",) and right["10"] == "a"


def test_the_code_in_the_key_runs():
    code = re.findall(r"^      (\S.*)$", TEXT["quiz_key"], re.MULTILINE)
    assert code[0] == "from utils.measure import rate" and code[-1] == "print(rate(after))"
    call = [sys.executable, "-c", "\n".join(code)]
    ended = subprocess.run(call, cwd=ROOT, capture_output=True)
    assert ended.returncode == 0, ended.stderr


def rows_of(table: str) -> list[list[str]]:
    """The cells of each row of a Markdown table, the head left out."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("session", PLANS, ids=lambda session: session["title"])
def test_a_plan_adds_up_to_the_minutes_of_its_room(session):
    text = sections(teaching.plan_values(ROOT)[session["plan"]], "###")[session["title"]]
    rows, at = rows_of(text), 0
    for begin, minutes, _, _ in rows:
        hours, rest = begin.split(":")
        assert 60 * int(hours) + int(rest) == at
        at += int(minutes)
    assert at == session["room"]
    named = [id for block in session["block"] for id in block.get("exercises", [])]
    assert len(named) == len(set(named))
    own = sum(block.get("minutes", 0) for block in session["block"])
    spare = int(rows[-1][1]) if rows[-1][2] == session["rest"] else 0
    assert own + sum(load_exercise(id).minutes for id in named) + spare == session["room"]


@pytest.mark.parametrize("session", [s for s in PLANS if "lesson" in s], ids=lambda s: s["lesson"])
def test_a_week_leaves_no_exercise_out(session):
    lesson = next(lesson for lesson in LESSONS if lesson.number == session["lesson"])
    text = sections(teaching.plan_values(ROOT)["weeks"], "###")[session["title"]]
    home = re.findall(r"\d\.\d", text.split("At home after:")[1].split("\n")[0])
    room = [id for row in rows_of(text) for id in row[3].split(", ") if id]
    assert sorted(home + room) == [exercise.id for exercise in lesson.exercises]


def test_the_weeks_are_the_lessons():
    assert [s["lesson"] for s in PLANS if s["plan"] == "weeks"] == [
        lesson.number for lesson in LESSONS if lesson.number != "00"
    ]


def test_an_impossible_plan_is_refused():
    exercises = {e.id: e for lesson in LESSONS for e in lesson.exercises}
    block = {"what": "all", "minutes": 10, "exercises": ["1.4"]}
    short = {"title": "Short", "room": 15, "rest": "spare", "block": [block]}
    with pytest.raises(ReadmeError, match="Short needs 20 minutes and has 15; take a block"):
        teaching.session_text(short, exercises)
    block["exercises"] = ["9.9"]
    with pytest.raises(ReadmeError, match=r"there is no exercise 9\.9; name another"):
        teaching.session_text(short, exercises)


def test_the_minutes_are_those_of_the_files():
    rows = {row[0]: row for row in rows_of(teaching.minutes_table(teaching.facts(ROOT)))}
    sums = [0, 0, 0]
    for path in sorted((ROOT / "utils" / "exercises").glob("*.toml")):
        table = tomllib.loads(path.read_text("utf-8"))
        found = table["exercise"]
        want = [len(found), sum(e["minutes"] for e in found), sum(e["points"] for e in found)]
        row = rows[f"{path.stem} {table['title']}"]
        assert [int(row[2]), float(row[3]), int(row[4])] == want
        assert row[1].isdigit() and row[5] != "–"  # every lesson names its time and has been run
        sums = [a + b for a, b in zip(sums, want, strict=True)]
    assert [int(rows["all"][2]), float(rows["all"][3]), int(rows["all"][4])] == sums


def test_without_results_no_number_is_given(tmp_path):
    assert set(teaching.room_values(tmp_path)["memory"].split()) & {"GiB"} == set()
    values = teaching.lesson_values(tmp_path)
    assert all(value.endswith(teaching.OPEN) for value in values.values())
    assert "Computing" not in teaching.hub_values(tmp_path)["minutes"]


@pytest.mark.parametrize("number", [lesson.number for lesson in LESSONS])
def test_every_lesson_shows_numbers_of_the_stored_run(number):
    text = teaching.lesson_values(ROOT)[f"lesson-{number}"]
    assert text.startswith("**Timing.** ") and "Measured on " in text
    assert len(rows_of(text)) >= len(teaching.ROWS.get(number, "x"))


def test_the_options_of_the_column_maps_are_told(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    real = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}
    shown = sections(TEXT["grading"])["Into the gradebook"]
    assert set(re.findall(r"--[a-z]+", shown)) == real


def test_the_keys_of_a_profile_are_told_and_the_example_works():
    text = sections(TEXT["grading"], "###")["A profile of your own"].split("## With")[0]
    keys = {key for row in rows_of(text) for key in re.findall(r"`(\w+)`", row[0])}
    assert keys == {field.name for field in fields(Profile)} - {"name"}
    lines = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    profile = profile_from(tomllib.loads("\n".join(lines)), "example")
    grades = Table("g", ("name", "file", "status", "total", "max"), ())
    row = {"name": "ann", "file": "a", "status": "ok", "total": "7", "max": "8"}
    grades = Table("g", tuple(row), (row,))
    _, made = carried_over(grades, Table("r", ("login",), ({"login": "ann"},)), profile)
    assert made == [["Login", "Mark"], ["ann", "17,5"]]
