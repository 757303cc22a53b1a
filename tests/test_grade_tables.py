"""What the column maps are made of: names compared, CSV files read, profiles checked."""

from __future__ import annotations

import tomllib

import pytest

from utils.grade_pairing import key, picked
from utils.grade_profile import FOLDER, load_profile, profile_from
from utils.grade_tables import ColumnsError, harmless, read_table

BASE = {"column": [{"name": "x"}]}


@pytest.mark.parametrize(
    ("cell", "pattern", "want"),
    [
        ("doejane_101_9001_01_measure_first.ipynb", "canvas", "101"),
        ("roejo_LATE_102_9002_x_1_2_.ipynb", "canvas", "102"),
        ("submissions/roejo_102_9002_x.ipynb", "canvas", "102"),
        ("roe_3_4_/x.ipynb", "canvas", ""),
        ("Jane Doe_12_assignsubmission_file_01.ipynb", "moodle", "12"),
        ("B-Jane Doe_12_assignsubmission_file/x_99_assignsubmission_.ipynb", "moodle", "12"),
        ("Jane Doe.ipynb", "moodle", ""),
    ],
)
def test_the_number_in_the_name_of_a_downloaded_file(cell, pattern, want):
    assert picked(cell, load_profile(pattern).match[0].grades_pattern) == want


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Jane  Doe ", "jane doe", True),
        ("Zo\u00eb", "Zoe\u0308", True),
        ("'=cmd", "=cmd", True),
        ("'t Hooft", "t Hooft", False),
        ("Jane", "Janet", False),
        ("Stra\u00dfe", "STRASSE", True),
    ],
)
def test_names_are_compared_without_their_dress(one, other, same):
    assert (key(one) == key(other)) is same


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx"])
def test_a_text_of_a_submission_is_no_formula(text):
    assert harmless(text) == "'" + text
    assert harmless("plain") == "plain"


@pytest.mark.parametrize(
    ("bytes", "want"),
    [
        (b"a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        (b'\xef\xbb\xbfa;b\r\n1;"x;y"\r\n', [{"a": "1", "b": "x;y"}]),
        ("a\tb\n\u00e9\t2\n".encode("utf-16"), [{"a": "\u00e9", "b": "2"}]),
        (b"# a comment, with commas\n\na,b\n1\n\n,\n", [{"a": "1", "b": ""}]),
        (b"a,b\n#1,2\n", [{"a": "#1", "b": "2"}]),
    ],
)
def test_tables_of_many_programs_are_read(tmp_path, bytes, want):
    (tmp_path / "t.csv").write_bytes(bytes)
    assert list(read_table(tmp_path / "t.csv").rows) == want


@pytest.mark.parametrize(
    ("bytes", "says"),
    [
        (b"", "t.csv is empty; give a CSV"),
        (b"# only a comment\n", "t.csv is empty"),
        (b"n\xe9,b\n", "t.csv is not UTF-8; save it anew as CSV UTF-8"),
        (b"a,a\n1,2\n", "t.csv has two columns 'a'; rename or remove one"),
        (b"a,b\n1,2,3\n", "t.csv, row 2: more cells than there are columns"),
    ],
)
def test_a_broken_table_says_what_to_mend(tmp_path, bytes, says):
    (tmp_path / "t.csv").write_bytes(bytes)
    with pytest.raises(ColumnsError, match=says.replace("(", r"\(")):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, r"it has no \[\[column\]\]"),
        ({**BASE, "delimeter": ";"}, "`delimeter` is unknown; there are: column, "),
        ({**BASE, "delimiter": ";;"}, "`delimiter` must be one character"),
        ({**BASE, "decimals": -1}, "`decimals` must be a whole number from 0 to 6"),
        ({**BASE, "decimals": True}, "`decimals` must be a whole number"),
        ({**BASE, "scale": 0}, '`scale` must be "points" or a number above 0'),
        ({**BASE, "scale": "percent"}, "`scale` must be"),
        ({**BASE, "without_grade": "zeros"}, "`without_grade` must be one of: leave out, blank"),
        ({**BASE, "encoding": "utf8mb4"}, "`encoding` 'utf8mb4' is unknown"),
        ({**BASE, "hold": "timeout"}, "`hold` must be a list of statuses"),
        ({**BASE, "roster_skip": "("}, r"'\(' is no pattern"),
        ({**BASE, "match": [{"grades": "name"}]}, "match 1: `roster` is missing"),
        ({**BASE, "match": {"grades": "name"}}, r"write each match under a line \[\[match\]\]"),
        ({"column": [{"points": "total"}]}, "column 1: `name` is missing"),
        ({"column": [{"name": "x", "point": "total"}]}, "column 1: `point` is unknown"),
        ({"column": [{"name": "x", "points": 1}]}, "column 1: all values must be texts"),
        ({**BASE, "points_row": 3}, "`points_row` must be a text"),
    ],
)
def test_a_broken_profile_says_what_to_mend(table, says):
    with pytest.raises(ColumnsError, match=says):
        profile_from(table, "p")


def test_every_profile_of_the_course_loads_and_says_where_its_rules_are_from():
    paths = sorted(FOLDER.glob("*.toml"))
    assert [path.stem for path in paths] == ["canvas", "moodle"]
    for path in paths:
        assert load_profile(path.stem).column
        assert tomllib.loads(path.read_text("utf-8"))["roster_from"]
        assert "import" in path.read_text("utf-8") and path.read_text("utf-8").startswith("# ")
