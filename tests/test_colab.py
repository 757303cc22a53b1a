"""The first cell of every notebook: nothing here, the course on a stand-in for Google Colab."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import standin
from tools import published
from tools import zip as archive
from utils import colab

ROOT = colab.ROOT
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*.ipynb")])
OLDER = ("bm25s", "rich", "platformdirs", "psutil", "jinja2")
RUN = """\
import json, runpy, sys
import google.colab
import platformdirs, psutil  # loaded before the cell, as Colab's kernel has things loaded
import utils
assert utils.WHOSE == "somebody else's"
for _ in range(2):
    runpy.run_path("cell.py")
    print("--", flush=True)
import bm25s, gguf, platformdirs, rich, torch, utils.card, importlib.metadata as m
from utils.doctor import contained
names = ["bm25s", "gguf", "jinja2", "platformdirs", "psutil", "rich", "torch"]
found = {name: m.version(name) for name in names}
found |= {"loaded": platformdirs.__version__, "packages": str(contained("packages"))}
found |= {"utils": utils.__file__, "torch file": torch.__file__, "asked": google.colab.files.asked}
print(json.dumps(found))
"""


def lower(name: str) -> str:
    """The lower bound that pyproject.toml gives a package."""
    need = next(need for need in colab.ranges(ROOT) if need.name == name)
    return next(spec.version for spec in need.specifier if spec.operator == ">=")


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    """The stand-in, with another `utils` in its folder and packages older than our ranges."""
    older = [f"{name}<{lower(name)}" for name in OLDER]
    folder = tmp_path_factory.mktemp("hosted")
    place = standin.make(folder, older, missing={"gguf"}, pinned=["jinja2==3.1"])
    (place.content / "utils").mkdir()
    (place.content / "utils" / "__init__.py").write_text('WHOSE = "somebody else\'s"\n')
    (place.content / "run.py").write_text(RUN)
    return place


def run(place: standin.StandIn, code: str, uploaded: Path) -> subprocess.CompletedProcess:
    """Run a cell twice in the stand-in's folder, as two executions in one session."""
    (place.content / "cell.py").write_text(code)
    own = {"PYTHONPATH": str(place.content), "UPLOADED": str(uploaded)}
    options = {"cwd": place.content, "env": os.environ | own}
    return subprocess.run([place.python, "run.py"], capture_output=True, text=True, **options)


def clear(place: standin.StandIn) -> None:
    """Take away what a cell brought."""
    for path in place.content.glob("form-and-facts*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_it_is_the_first_code_cell_of_every_notebook():
    wanted = published.first_cell(published.address(ROOT))
    assert len(NOTEBOOKS) == 2 * len(list(ROOT.glob("solutions/[0-9][0-9]_*.py"))) > 0
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        first = next(cell for cell in cells if cell["cell_type"] == "code")
        assert "".join(first["source"]) == wanted and first["outputs"] == [], path.name


@pytest.mark.parametrize("address", ["", "https://example.org/owner/name"])
def test_elsewhere_it_does_nothing(tmp_path, address):
    code = published.first_cell(address)
    assert len(code.splitlines()) <= 15
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(set(sys.modules) - before)\n"
    (tmp_path / "cell.py").write_text(script)
    command = [sys.executable, "cell.py"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n" and [p.name for p in tmp_path.iterdir()] == ["cell.py"]


def test_on_colab_it_brings_the_course_once_and_leaves_torch_alone(hosted, tmp_path):
    clear(hosted)
    archive.pack(ROOT, tmp_path / "course.zip")
    before = standin.torch_files(hosted.packages)
    assert len(before) > 1000
    done = run(hosted, published.first_cell(""), tmp_path / "course.zip")
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    found = json.loads(told[-1])
    left = f"jinja2 {found['jinja2']}, psutil {found['psutil']}"
    end = f"; torch {found['torch']} is left as it was, as are {left}."
    assert told[0] == "Choose form-and-facts.zip, which `make zip` builds:"
    start = "Form & Facts: installing bm25s, gguf, platformdirs and 1 more ... done in "
    assert told[1].startswith(start)
    assert told[1].endswith(end) and told[2] == "--"
    assert told[3] == "Form & Facts: nothing to install" + end
    assert found["asked"] == ["form-and-facts.zip"]
    needs = {need.name: need.specifier for need in colab.ranges(ROOT)}
    inside = {name: needs[name].contains(found[name]) for name in needs.keys() & found.keys()}
    assert {name for name, right in inside.items() if not right} == {"jinja2", "psutil"}
    assert found["loaded"] == found["platformdirs"] and "gguf" in inside
    asked = f"[ok] packages: as pyproject.toml asks, but for {left}, which Colab holds"
    assert found["packages"] == asked
    course = hosted.content / "form-and-facts"
    assert Path(found["utils"]) == course / "utils" / "__init__.py"
    assert Path(found["torch file"]).is_relative_to(hosted.packages)
    assert standin.torch_files(hosted.packages) == before
    assert {p.name for p in hosted.content.glob("form*")} == {course.name, course.name + ".zip"}


def test_an_upload_that_was_cut_off_is_asked_for_again(hosted, tmp_path):
    clear(hosted)
    (tmp_path / "half.zip").write_bytes(b"PK")
    done = run(hosted, published.first_cell(""), tmp_path / "half.zip")
    assert done.returncode == 1 and done.stderr.strip().endswith("File is not a zip file")
    archive.pack(ROOT, tmp_path / "course.zip")
    done = run(hosted, published.first_cell(""), tmp_path / "course.zip")
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["asked"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_with_an_address_the_repository_is_cloned(hosted, tmp_path):
    clear(hosted)
    archive.pack(ROOT, tmp_path / "course.zip")
    shutil.unpack_archive(tmp_path / "course.zip", tmp_path)
    course = tmp_path / "form-and-facts"
    shutil.rmtree(course / "data")  # large, and not looked at here
    git = ["git", "-C", str(course), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    done = run(hosted, published.first_cell(course.as_uri()), tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["utils"]).is_relative_to(hosted.content) and found["asked"] == []
    clear(hosted)
    done = run(hosted, published.first_cell(course.as_uri() + "-gone"), tmp_path)
    assert "RuntimeError: The course could not be fetched: fatal: " in done.stderr
    assert done.stdout == "" and not list(hosted.content.glob("form*"))


def test_without_torch_it_says_so_and_installs_nothing(monkeypatch):
    monkeypatch.setattr(colab, "installed", dict)
    monkeypatch.setattr(colab, "install", None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, colab.HIDDEN, None)
    with pytest.raises(colab.ColabError, match="This runtime has no torch"):
        colab.main()


def test_what_pip_cannot_do_is_one_sentence():
    with pytest.raises(colab.ColabError, match="pip could not install pytest .*ERROR.*run this"):
        colab.install([Requirement("pytest>1")], {"pytest": "0.0.1.dev0"})


def test_ranges_leave_out_torch_and_the_page():
    names = {need.name for need in colab.ranges(ROOT)}
    assert {"transformers", "numpy", "ipywidgets"} <= names
    assert not names & {"torch", "jupyterlab", "jupytext"}


@pytest.mark.parametrize(
    ("there", "fixed", "lacking", "left"),
    [
        ({}, {}, ["a>=2,<3"], []),
        ({"a": "2.5"}, {}, [], []),
        ({"a": "2.5+cu126"}, {}, [], []),
        ({"a": "2.5rc1"}, {}, [], []),
        ({"a": "1.9"}, {}, ["a>=2,<3"], []),
        ({"a": "3.0"}, {}, ["a>=2,<3"], []),
        ({"a": "1.9"}, {"a": "1.9"}, [], ["a"]),
        ({"a": "2.0"}, {"a": "2.0"}, [], []),
    ],
)
def test_what_is_missing_or_out_of_range(there, fixed, lacking, left):
    needs, kept = colab.sorted_out([Requirement("A>=2,<3")], there, fixed)
    assert [str(need).lower() for need in needs] == [
        str(Requirement(line)).lower() for line in lacking
    ]
    assert kept == left


def test_another_utils_gives_way_and_our_own_stays_loaded(monkeypatch, tmp_path):
    import utils.card

    monkeypatch.setattr(sys, "path", [str(tmp_path), str(ROOT), "last"])
    colab.first_on_path(ROOT)
    assert sys.path == [str(ROOT), str(tmp_path), "last"]
    assert sys.modules["utils.card"] is utils.card
    mine = {name: sys.modules[name] for name in sys.modules if name.split(".")[0] == "utils"}
    (tmp_path / "utils").mkdir()
    (tmp_path / "utils" / "__init__.py").write_text("")
    other = type(sys)("utils")
    other.__file__ = str(tmp_path / "utils" / "__init__.py")
    monkeypatch.setitem(sys.modules, "utils", other)
    for name in mine:
        monkeypatch.setitem(sys.modules, name, other if name == "utils" else mine[name])
    colab.first_on_path(ROOT)
    assert not [name for name in sys.modules if name.split(".")[0] == "utils"]


@pytest.mark.parametrize(
    ("names", "told"),
    [(["a"], "a"), (["a", "b", "c"], "a, b, c"), (list("abcde"), "a, b, c and 2 more")],
)
def test_names_in_words(names, told):
    assert colab.few(names) == told
