"""The CSV, the feedback and the journal of a class."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from utils.grade_records import Result, Settings, Submission, plain
from utils.grade_results import Journal, cell, file_stem, sheet, write, write_feedback
from utils.grade_sandbox import Limits

POINTS = {"1.1": 2, "1.10": 0, "1.2": 1}
ADA = Result("ada", "ada.ipynb", "ok", "01", POINTS, 3, 5, 1.25, "bubblewrap", "1.10: an error")
BROKEN = Result("Ben", "ben.ipynb", "invalid notebook", detail="the file is not JSON")


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def test_the_columns_and_their_order():
    text = sheet([BROKEN, ADA])
    assert text.splitlines() == [
        "name,file,status,1.1,1.2,1.10,total,max,seconds,sandbox,detail",
        "ada,ada.ipynb,ok,2,1,0,3,5,1.2,bubblewrap,1.10: an error",
        "Ben,ben.ipynb,invalid notebook,,,,0,,0.0,none,the file is not JSON",
    ]


def test_the_same_results_give_the_same_bytes_in_any_order():
    twice = [ADA, replace(ADA, file="z.ipynb", seconds=9.0), BROKEN]
    slower = [replace(result, seconds=result.seconds + 1) for result in reversed(twice)]
    assert sheet(twice, seconds=False) == sheet(slower, seconds=False)
    assert rows(sheet(twice, seconds=False))[0]["seconds"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula(text):
    shown = "'" + text.replace("\t", " ").replace("\r", " ")
    assert cell(text) == shown
    row = rows(sheet([replace(ADA, name=text, file=text, detail=text)]))[0]
    assert row["name"] == row["file"] == row["detail"] == shown


def test_lessons_side_by_side_share_a_table():
    other = replace(ADA, name="cleo", lesson="02", points={"2.1": 1}, total=1, max=7)
    head = sheet([other, ADA]).splitlines()[0]
    assert head == "name,file,status,1.1,1.2,1.10,2.1,total,max,seconds,sandbox,detail"
    assert rows(sheet([other, ADA]))[1]["1.1"] == ""


def test_half_characters_and_new_lines_reach_no_file(tmp_path):
    odd = replace(ADA, name="a\ud800b\n<b>", feedback=("</pre><script>x</script>",))
    write(tmp_path / "x.csv", sheet([odd]))
    write_feedback(tmp_path, [odd])
    page = next(tmp_path.glob("*.html")).read_text("utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page and "&lt;b&gt;" in page
    assert "Status: ok" in next(tmp_path.glob("*.txt")).read_text("utf-8")


def test_names_of_feedback_files_stay_in_the_folder_and_differ():
    odd = [replace(ADA, name=name) for name in ("../../x", "a/b", "..", "CON:", "x" * 500)]
    assert all("/" not in file_stem(one) and len(file_stem(one)) < 100 for one in odd)
    assert file_stem(ADA) != file_stem(replace(ADA, file="other.ipynb"))


def test_plain_text_is_the_same_in_every_run():
    said = "<X object at 0x7f12ab34cd> in /tmp/form-and-facts-grade-ab_12/work\x1b[31m\u202e"
    assert plain(said) == "<X object at ...> in .../work [31m "


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "x.csv"
    write(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write(path, "two \ud800")
    assert path.read_text() == "one" and [p.name for p in path.parent.iterdir()] == ["x.csv"]


@pytest.fixture
def submission(tmp_path):
    """A submission with a file."""
    (tmp_path / "ada.ipynb").write_text("{}")
    return Submission("ada", "ada.ipynb", str(tmp_path / "ada.ipynb"))


def test_the_journal_knows_what_is_graded(tmp_path, submission):
    path = tmp_path / "j"
    journal = Journal(path, Settings(), resume=False)
    journal.add(journal.key(submission), ADA)
    journal.add("other", replace(ADA, status="grader error"))
    with path.open("a") as file:
        file.write('{"key": "cut sho')
    again = Journal(path, Settings(limits=Limits(threads=7), secrets=("x",)), resume=True)
    assert again.known == {again.key(submission): ADA}
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == [*again.known]
    assert Journal(path, Settings(), resume=False).known == {} and path.read_text() == ""


def test_a_change_of_anything_is_graded_anew(tmp_path, submission):
    def key(one: Submission = submission, **changes) -> str:
        return Journal(tmp_path / "j", replace(Settings(), **changes), False).key(one)

    keys = [
        key(),
        key(lesson="01"),
        key(hidden="x"),
        key(limits=Limits(memory=9)),
        key(sandbox=False),
    ]
    keys += [key(replace(submission, name="eve")), key(replace(submission, problem=("empty", "x")))]
    (tmp_path / "ada.ipynb").write_text("{ }")
    assert len({*keys, key()}) == len(keys) + 1
