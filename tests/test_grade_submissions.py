"""Whose notebooks lie in a folder or a zip, in all the ways that they are handed in."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from utils import grade_submissions
from utils.grade_submissions import SubmissionsError, find, person

STEMS = ("01_measure_first", "02_teach_the_form")


def make(folder: Path, *names: str) -> Path:
    """A folder with files of these names; those that end in / are folders."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_text("{}")
    return folder


def found(source: Path, scratch: Path | None = None) -> list[tuple[str, str]]:
    """Name and file of each submission."""
    return [(one.name, one.file) for one in find(source, scratch or source, STEMS)]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ada", "ada"),
        ("ada.ipynb", "ada"),
        ("ada lovelace.ipynb.txt", "ada lovelace"),
        ("Ada Lovelace_4711_assignsubmission_file_", "Ada Lovelace"),
        ("Ada Lovelace_4711_assignsubmission_file", "Ada Lovelace"),
        ("Ada Lovelace_4711_assignsubmission_file_01_measure_first.ipynb", "Ada Lovelace"),
        ("lovelaceada_1234_56789_01_measure_first.ipynb", "lovelaceada"),
        ("lovelaceada_LATE_1234_56789_01_measure_first-2.ipynb", "lovelaceada"),
        ("ada_01_measure_first.ipynb", "ada"),
        ("01_measure_first - ada.ipynb", "ada"),
        ("01_measure_first.ipynb", "01_measure_first"),
        ("=cmd", "=cmd"),
    ],
)
def test_the_name_of_a_person(key, name):
    assert person(key, STEMS) == name


def test_notebooks_side_by_side_and_folders_a_person(tmp_path):
    make(tmp_path, "ada.ipynb", "ben/x.ipynb", "ben/y.ipynb", "cleo/deep/down/z.IPYNB", "dan/")
    make(tmp_path, "eve/notes.txt", ".ipynb_checkpoints/ada.ipynb", "ben/.DS_Store")
    assert found(tmp_path) == [
        ("ada", "ada.ipynb"),
        ("ben", "ben/x.ipynb"),
        ("ben", "ben/y.ipynb"),
        ("cleo", "cleo/deep/down/z.IPYNB"),
        ("dan", "dan"),
        ("eve", "eve"),
    ]
    problems = {one.name: one.problem for one in find(tmp_path, tmp_path)}
    assert problems["dan"] == ("empty", "the folder is empty")
    assert problems["eve"] == ("empty", "there is no notebook, only notes.txt")
    assert problems["ada"] is problems["ben"] is None


def test_the_folders_of_nbgrader(tmp_path):
    make(tmp_path, "submitted/ada/01/x.ipynb", "submitted/ben/01/x.ipynb")
    assert found(tmp_path) == [
        ("ada", "submitted/ada/01/x.ipynb"),
        ("ben", "submitted/ben/01/x.ipynb"),
    ]
    assert [name for name, _ in found(tmp_path / "submitted")] == ["ada", "ben"]


def test_links_and_pipes_are_named_and_not_opened(tmp_path):
    make(tmp_path, "ada.ipynb", "elsewhere/x.ipynb")
    inner = tmp_path / "in"
    inner.mkdir()
    try:
        (inner / "file.ipynb").symlink_to(tmp_path / "ada.ipynb")
        (inner / "folder").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    if hasattr(os, "mkfifo"):
        os.mkfifo(inner / "pipe.ipynb")
    submissions = find(inner, tmp_path)
    assert {one.name for one in submissions} >= {"file", "folder"}
    assert all(one.path == "" and one.problem[0] == "invalid notebook" for one in submissions)


def test_a_zip_of_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr("class/ada/x.ipynb", "one")
        archive.writestr("class\\ben\\x.ipynb", "two")
        archive.writestr("class/", "")
    (tmp_path / "scratch").mkdir()
    submissions = find(tmp_path / "class.zip", tmp_path / "scratch")
    assert [(one.name, Path(one.path).read_text()) for one in submissions] == [
        ("ada", "one"),
        ("ben", "two"),
    ]
    assert len(list((tmp_path / "scratch").iterdir())) == 2


def test_a_zip_beyond_the_limits(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a", "b", "c"):
            archive.writestr(f"{name}.ipynb", bytes(1_000))
    monkeypatch.setattr(grade_submissions, "TOTAL", 1_500)
    (tmp_path / "s").mkdir()
    problems = [one.problem for one in find(tmp_path / "z.zip", tmp_path / "s")]
    assert problems[0] is None and problems[1][1] == "unpacked it is larger than is allowed"
    assert problems[2] is not None
    assert len(list((tmp_path / "s").iterdir())) == 1
    monkeypatch.setattr(grade_submissions, "ENTRIES", 2)
    with pytest.raises(SubmissionsError, match="holds 3 files; 2 are the most"):
        find(tmp_path / "z.zip", tmp_path / "s")


def test_a_zip_that_is_damaged(tmp_path):
    path = tmp_path / "z.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.ipynb", "some text that is stored as it is")
    path.write_bytes(path.read_bytes().replace(b"some text", b"soma text"))
    (tmp_path / "s").mkdir()
    (one,) = find(path, tmp_path / "s")
    assert one.problem[0] == "invalid notebook" and "cannot be unpacked" in one.problem[1]


def test_something_else_is_refused(tmp_path):
    with pytest.raises(
        SubmissionsError, match="is neither a folder nor a zip; give one of the two"
    ):
        find(tmp_path / "nothing", tmp_path)
