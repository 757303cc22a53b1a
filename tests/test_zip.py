"""The archive of the course: the same bytes each time, what belongs and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile

import pytest

from tools import zip as archive

KEPT = {".ci/run", ".gitignore", "README.md", "data/a.bin", "utils/__init__.py"}
LEFT_OUT = {
    ".venv/lib/x.py",
    ".git/config",
    "build/form-and-facts.zip",
    "results/progress.json",
    "runs/a",
    "utils/__pycache__/a.pyc",
    "form_and_facts.egg-info/PKG-INFO",
    "notebooks/.ipynb_checkpoints/x.ipynb",
    "a.tmp",
}


@pytest.fixture(name="root")
def make_root(tmp_path):
    """A course folder with files that belong and files that do not; no git."""
    for name in KEPT | LEFT_OUT:
        path = tmp_path / "course" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    shutil.rmtree(tmp_path / "course" / ".git")
    return tmp_path / "course"


def names(out) -> list[str]:
    return [name.removeprefix("form-and-facts/") for name in zipfile.ZipFile(out).namelist()]


def test_it_holds_the_course_and_nothing_that_was_made(root, tmp_path, capsys):
    out = tmp_path / "new" / "x.zip"
    assert archive.main(["--out", str(out)], root) == 0
    assert names(out) == sorted(KEPT)
    assert capsys.readouterr().out == f"{out}: {len(KEPT)} files, 0 MB\n"
    shutil.unpack_archive(out, tmp_path / "un")
    for name in KEPT:
        assert (tmp_path / "un" / "form-and-facts" / name).read_text() == name


def test_the_same_files_give_the_same_bytes(root, tmp_path):
    one, two = tmp_path / "1.zip", tmp_path / "2.zip"
    archive.pack(root, one)
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (10**9, 10**9))
            path.chmod(0o600)
    archive.pack(root, two)
    assert one.read_bytes() == two.read_bytes()
    modes = {i.filename: i.external_attr >> 16 for i in zipfile.ZipFile(two).infolist()}
    assert modes["form-and-facts/.ci/run"] == 0o755 and modes["form-and-facts/README.md"] == 0o644


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_with_git_it_takes_what_git_tracks_as_it_lies_there(root, tmp_path):
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "README.md", "data"], check=True)
    (root / "README.md").write_text("changed")
    (root / "data" / "a.bin").unlink()
    archive.pack(root, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as made:
        assert made.namelist() == ["form-and-facts/README.md"]
        assert made.read("form-and-facts/README.md") == b"changed"


def test_a_place_that_cannot_be_written_is_named(root, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert archive.main(["--out", str(tmp_path / "file" / "x.zip")], root) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_the_course_without_git_is_the_same(tmp_path):
    with_git = archive.course_files(archive.ROOT)
    archive.pack(archive.ROOT, tmp_path / "x.zip")
    shutil.unpack_archive(tmp_path / "x.zip", tmp_path)
    assert archive.course_files(tmp_path / "form-and-facts") == with_git
