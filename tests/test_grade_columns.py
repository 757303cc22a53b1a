"""Grades carried over into Canvas, Moodle and a teacher's own columns: tables in, tables out."""

from __future__ import annotations

import csv
import random
from fractions import Fraction

import pytest

from utils import grade_columns
from utils.exercise_data import load_exercise
from utils.grade_pairing import carry
from utils.grade_profile import Column, Profile, Rule
from utils.grade_records import FAULT, Result
from utils.grade_results import sheet
from utils.grade_tables import Table

GRADES = """\
name,file,status,1.1,1.2,total,max,seconds,sandbox,detail
doejane,doejane_101_9001_01_measure_first.ipynb,ok,2,2,11,11,4.0,bubblewrap,
roejo,roejo_LATE_102_9002_01.ipynb,partly run,2,0,6,11,4.0,bubblewrap,cell 7 failed
c7@example.org,c7@example.org.ipynb,timeout,0,0,0,11,60.0,bubblewrap,
stranger,stranger.ipynb,ok,2,2,9,11,4.0,bubblewrap,
twice,twice/a.ipynb,ok,2,0,5,11,4.0,bubblewrap,
twice,twice/b.ipynb,ok,2,2,7,11,4.0,bubblewrap,
oops,oops_105_9009_x.ipynb,grader error,,,0,11,4.0,bubblewrap,worker lost
kim lee,kim lee.ipynb,ok,2,2,8,11,4.0,bubblewrap,
"""
CANVAS = """\
Student,ID,SIS Login ID,Section,Lesson 01 (4711),Final Score
    Points Possible,,,,11.00,(read only)
"Doe, Jane",101,jdoe,A,,
"Roe, Jo",102,jroe,A,,
"Sea, Cy",103,c7@example.org,B,,
"Two, Tw",104,twice,B,,
"Ops, O",105,oops,B,,
"None, Nan",106,nnone,B,,
Kim Lee,107,klee,A,,
Kim  LEE,108,klee2,B,,
"Student, Test",109,,A,,
"""
WANT_CANVAS = [
    ["Student", "ID", "SIS Login ID", "Section", "Lesson 01 (4711)"],
    ["    Points Possible", "", "", "", "11.00"],
    ["Doe, Jane", "101", "jdoe", "A", "11.00"],
    ["Roe, Jo", "102", "jroe", "A", "6.00"],
    ["Sea, Cy", "103", "c7@example.org", "B", "0.00"],
]
HELD = {
    "stranger.ipynb": "nobody in the roster fits",
    "twice/a.ipynb": "one person has 2 grades",
    "twice/b.ipynb": "one person has 2 grades",
    "oops_105_9009_x.ipynb": "its status is grader error",
    "kim lee.ipynb": "2 people of the roster have this Student",
}
WORKSHEET = """\
Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade)
Participant 12,Jane Doe,jane@example.org,Submitted,,100.00,-
Participant 13,Jo Roe,jo@example.org,Submitted,,100.00,-
Participant 112,Ann Other,ann@example.org,No submission,,100.00,-
"""
MOODLE_GRADES = """\
# Graded without a sandbox.
name,file,status,1.1,total,max,seconds,detail
Jane Doe,Jane Doe_12_assignsubmission_file/01.ipynb,ok,2,7,11,4.0,
jo@example.org,jo@example.org.ipynb,ok,2,11,11,4.0,
"""
OWN = """
delimiter = ";"
encoding = "utf-16"
decimals = 1
decimal_mark = ","
scale = 20
without_grade = "zero"
hold = ["grader error"]
[[match]]
grades = "name"
roster = "login"
[[column]]
name = "Who"
roster = "login"
[[column]]
name = "Mark of 20"
points = "total"
[[column]]
name = "First"
points = "1.1"
[[column]]
name = "Remark"
grades = "detail"
text = "-"
[[column]]
name = "Room"
"""


def lines_of(path, delimiter=",", encoding="utf-8"):
    """The cells of a CSV."""
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


@pytest.fixture(name="carry_over")
def make_carry_over(tmp_path):
    """A function of grades, roster and arguments that runs the command: its status, its output."""

    def run(grades, roster, *arguments, out="out.csv"):
        (tmp_path / "grades.csv").write_text(grades, encoding="utf-8")
        call = [str(tmp_path / "grades.csv"), "--out", str(tmp_path / out), *arguments]
        if roster is not None:
            (tmp_path / "roster.csv").write_text(roster, encoding="utf-8")
            call += ["--roster", str(tmp_path / "roster.csv")]
        return grade_columns.main(call)

    return run


def test_canvas(carry_over, tmp_path, capsys):
    assert carry_over(GRADES, CANVAS, "--profile", "canvas", "--assignment", "Lesson 01") == 0
    assert lines_of(tmp_path / "out.csv") == WANT_CANVAS
    held = lines_of(tmp_path / "out.held.csv")
    assert held[0] == [*GRADES.split("\n")[0].split(","), "reason"]
    assert {row[1]: row[-1] for row in held[1:]} == HELD
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("out.csv: 3.")
    assert said[1] == "In the roster without a grade, left out: 1 (None, Nan)."
    assert "Held back because nobody in the roster fits: 1 (stranger, stranger.ipynb)." in said
    both = "Held back because one person has 2 grades: 2 (twice, twice/a.ipynb; twice, twice/b.ipyn"
    assert any(line.startswith(both) for line in said)
    assert "out.held.csv, with the reasons." in said[-1]


def test_an_assignment_that_canvas_does_not_know_keeps_its_name(carry_over, tmp_path):
    carry_over(GRADES, CANVAS, "--profile", "canvas", "--assignment", "Lesson 0")
    assert lines_of(tmp_path / "out.csv")[0][-1] == "Lesson 0"


def test_moodle(carry_over, tmp_path, capsys):
    assert carry_over(MOODLE_GRADES, "\ufeff" + WORKSHEET, "--profile", "moodle") == 0
    head = ["Identifier", "Full name", "Email address", "Grade", "Maximum Grade"]
    assert lines_of(tmp_path / "out.csv") == [
        [*head, "Last modified (grade)"],
        ["Participant 12", "Jane Doe", "jane@example.org", "7.00", "100.00", "-"],
        ["Participant 13", "Jo Roe", "jo@example.org", "11.00", "100.00", "-"],
    ]
    assert not (tmp_path / "out.held.csv").exists()
    assert "without a grade, left out: 1 (Participant 112)" in capsys.readouterr().out


def test_a_profile_of_ones_own(carry_over, tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    grades = GRADES.replace("cell 7 failed", "=1+1").replace("roejo,", "jroe,")
    roster = "login;x\njroe;1\nnnone;2\ntwice;3\noops;4\n"
    assert carry_over(grades, roster, "--profile", str(tmp_path / "own.toml")) == 0
    assert lines_of(tmp_path / "out.csv", ";", "utf-16") == [
        ["Who", "Mark of 20", "First", "Remark", "Room"],
        ["jroe", "10,9", "2,0", "'=1+1", ""],
        ["nnone", "0,0", "0,0", "-", ""],
    ]


def test_the_table_that_the_grader_writes_is_understood(carry_over, tmp_path):
    results = [
        Result("=ann", "=ann.ipynb", "ok", "01", {"1.1": 2, "1.10": 1}, 3, 11, 1.5, "none", "=x"),
        Result("bob", "bob, b.ipynb", FAULT, None, {}, 0, None, 0.0, "none", "lost, again"),
        Result("cy", "cy.ipynb", "empty", "01", {}, 0, 11),
    ]
    text = '[[match]]\ngrades = "name"\nroster = "login"\n[[column]]\nname = "n"\n'
    text = 'hold = ["grader error"]\n' + text + 'roster = "login"\n[[column]]\nname = "t"\n'
    (tmp_path / "own.toml").write_text(text + 'points = "total"\n')
    roster = "login,x\n=ann,1\nbob,2\ncy,3\n"
    assert carry_over(sheet(results), roster, "--profile", str(tmp_path / "own.toml")) == 0
    assert lines_of(tmp_path / "out.csv") == [["n", "t"], ["=ann", "3.00"], ["cy", "0.00"]]
    assert [row[0] for row in lines_of(tmp_path / "out.held.csv")] == ["name", "bob"]


def test_without_a_roster_the_names_of_the_grades_serve(carry_over, tmp_path):
    text = '[[column]]\nname = "name"\nroster = "n"\ngrades = "name"\n'
    (tmp_path / "own.toml").write_text(text + '[[column]]\nname = "grade"\npoints = "total"\n')
    assert carry_over(GRADES, None, "--profile", str(tmp_path / "own.toml")) == 0
    names = ["doejane", "roejo", "c7@example.org", "stranger", "oops", "kim lee"]
    assert [row[0] for row in lines_of(tmp_path / "out.csv")] == ["name", *names]
    held = lines_of(tmp_path / "out.held.csv")
    assert [row[1] for row in held[1:]] == ["twice/a.ipynb", "twice/b.ipynb"]


def test_an_old_file_of_held_grades_is_emptied(carry_over, tmp_path):
    (tmp_path / "out.held.csv").write_text("old")
    carry_over(MOODLE_GRADES, WORKSHEET, "--profile", "moodle")
    assert len(lines_of(tmp_path / "out.held.csv")) == 1


def test_the_points_possible_of_an_exercise():
    columns = (Column("Student"), Column("1.4", points="1.4"), Column("Total", points="total"))
    profile = Profile("p", columns, points_row="Points Possible", decimals=0, scale=50)
    line = grade_columns.points_row([{"max": "11", "name": "", "file": ""}], profile)
    assert line == ["Points Possible", str(load_exercise("1.4").points), "50"]


@pytest.mark.parametrize("decimals", [0, 1, 2, 3])
def test_scaling_against_exact_fractions(decimals):
    shuffle = random.Random(decimals)
    profile = Profile("p", (Column("x"),), decimals=decimals, scale=100)
    for _ in range(200):
        most = shuffle.randint(1, 30)
        total = shuffle.randint(0, most)
        row = {"total": str(total), "max": str(most), "name": "", "file": ""}
        got = grade_columns.written(grade_columns.number(row, "total", profile), profile)
        step = 10**decimals
        want = Fraction(int(Fraction(100 * total, most) * step + Fraction(1, 2)), step)
        assert Fraction(got) == want and len(got.partition(".")[2]) == decimals


def test_every_grade_and_every_person_is_somewhere():
    """Against a naive pairing of all with all, on rosters with doubled and missing names."""
    shuffle = random.Random(7)
    head = ("name", "file", "status", "total", "max")
    for _ in range(200):
        names = [shuffle.choice("abcdefg") for _ in range(shuffle.randint(0, 6))]
        people = [{"login": shuffle.choice("abcdefg")} for _ in range(shuffle.randint(0, 6))]
        grades = [
            dict.fromkeys(head, "1") | {"name": n, "file": str(i)} for i, n in enumerate(names)
        ]
        profile = Profile("p", (Column("x"),), (Rule("name", "login"),), without_grade="blank")
        roster = Table("r", ("login",), tuple(people))
        got = carry(Table("g", head, tuple(grades)), roster, profile)
        sure = {g["file"] for g in grades if naive(g["name"], names, people)}
        assert {g["file"] for _, g in got.pairs if g} == sure
        assert {g["file"] for g, _ in got.held} == {g["file"] for g in grades} - sure
        assert all(p["login"] == g["name"] for p, g in got.pairs if g)
        assert list(got.missing) == [p for p in people if p["login"] not in names]
        assert len(got.pairs) == len(got.missing) + len(sure)


def naive(name, names, people):
    """True when the name stands once among the grades and once in the roster."""
    return names.count(name) == 1 and [p["login"] for p in people].count(name) == 1


@pytest.mark.parametrize(
    ("change", "arguments", "says"),
    [
        (
            ("", ""),
            ["--profile", "blackboard"],
            "no profile 'blackboard'; there are canvas, moodle",
        ),
        (("", ""), ["--profile", "x.toml"], "no profile 'x.toml'"),
        (("", ""), ["--profile", "canvas"], "canvas.toml needs --assignment NAME"),
        (("", ""), ["--profile", "canvas", "--out", "grades.csv"], "--out would write over"),
        (
            ("total", "sum"),
            ["--profile", "canvas"],
            "grades.csv has no column 'total', which the g",
        ),
        ((",11,11,", ",eleven,11,"), None, "doejane_101_9001_01_measure_first.ipynb) has 'eleven'"),
        ((",6,11,", ",6,9,"), None, "the grades are out of 11 and of 9 points, so of several les"),
        ((",6,11,", ",nan,11,"), None, "has 'nan' under total, which is no number"),
    ],
)
def test_bad_input_gets_one_sentence(carry_over, tmp_path, capsys, change, arguments, says):
    if arguments is None:
        arguments = ["--profile", "canvas", "--assignment", "Lesson 01"]
    if "--out" in arguments:
        arguments = [*arguments[:-1], str(tmp_path / "grades.csv")]
    assert carry_over(GRADES.replace(*change), CANVAS, *arguments) == 1
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_a_missing_roster_is_asked_for_with_the_way_to_it(carry_over, capsys):
    assert carry_over(GRADES, None, "--profile", "canvas", "--assignment", "x") == 1
    told = capsys.readouterr().err
    assert told == "canvas.toml needs --roster FILE: in Canvas open Grades, then Export, " + (
        "Export Entire Gradebook\n"
    )


def test_a_letter_that_the_encoding_lacks(carry_over, tmp_path, capsys):
    profile = 'encoding = "ascii"\n[[column]]\nname = "n"\ngrades = "name"\n'
    (tmp_path / "own.toml").write_text(profile)
    grades = GRADES.replace("kim lee,", "zo\u00eb,")
    assert carry_over(grades, None, "--profile", str(tmp_path / "own.toml")) == 1
    assert "ascii has no letter 'ë'; set `encoding" in capsys.readouterr().err
