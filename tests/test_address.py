"""Where the course is published: one command, every place, the same bytes each time."""

from __future__ import annotations

import ast
import tomllib

import pytest

from test_build import make_course  # noqa: F401
from test_readme import marked
from tools import address, published, readme

PYPROJECT = '[project]\nname = "x"\n\n[tool.form-and-facts]\naddress = "" # set by us\n'
HUB = "https://github.com/owner/name"


@pytest.fixture(name="published_course")
def make_published(course):
    """The small course of the builder's tests, with the pages that hold the badges."""
    root, _ = course
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "README.md").write_text((readme.ROOT / "README.md").read_text("utf-8"))
    return root


def contents(root) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_one_command_sets_it_everywhere_and_takes_it_out_again(published_course, capsys):
    root = published_course
    assert address.main([""], root) == 0
    without = contents(root)
    assert address.main([HUB + ".git/"], root) == 0
    once = contents(root)
    assert address.main([HUB], root) == 0 and contents(root) == once
    assert capsys.readouterr().out.splitlines()[-1] == f"address: {HUB}"
    changed = {name for name in once if once[name] != without[name]}
    assert changed == {"README.md", "pyproject.toml", "notebooks/01_measure.ipynb"}
    assert tomllib.loads(once["pyproject.toml"].decode())["tool"]["form-and-facts"] == {
        "address": HUB
    }
    assert f"git clone --quiet --depth 1 {HUB} form" in once["notebooks/01_measure.ipynb"].decode()
    badges = marked(root, "badges")
    assert f"({published.COLAB}/github/owner/name/blob/main/notebooks/01_measure.ipynb)" in badges
    assert f"({published.BINDER}/v2/gh/owner/name/main?urlpath=lab%2Ftree%2Fnotebooks%2F" in badges
    assert address.main([], root) == 0 and contents(root) == once
    assert capsys.readouterr().out == f"address: {HUB}\n"
    assert address.main([""], root) == 0 and contents(root) == without
    assert (
        marked(root, "badges") == "" and "zipfile" in without["notebooks/01_measure.ipynb"].decode()
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (HUB, HUB),
        (f" {HUB}.git ", HUB),
        (f"{HUB}/", HUB),
        ("https://git.example.org:8443/a/b/c", "https://git.example.org:8443/a/b/c"),
        ("", ""),
    ],
)
def test_addresses_that_are_taken(text, wanted):
    assert address.cleaned(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "http://host/a",
        "https://host",
        "git@host:a/b",
        f'{HUB}"; x',
        f"{HUB} x",
        f"{HUB}\nx",
    ],
)
def test_addresses_that_are_refused_change_nothing(published_course, capsys, text):
    before = contents(published_course)
    assert address.main([text], published_course) == 1
    assert "is not the address of a repository; give one such as" in capsys.readouterr().err
    assert contents(published_course) == before


def test_a_pyproject_without_the_line_is_named(published_course, capsys):
    (published_course / "pyproject.toml").write_text("[project]\n")
    assert address.main([HUB], published_course) == 1
    assert "holds no address; add these two lines" in capsys.readouterr().err


def test_a_page_without_a_place_for_badges_is_named(published_course, capsys):
    (published_course / "README.md").write_text("# Mine\n")
    assert address.main([HUB], published_course) == 1
    assert "README.md has no badges; add" in capsys.readouterr().err
    assert (published_course / "README.md").read_text() == "# Mine\n"
    assert (published_course / "pyproject.toml").read_text() == PYPROJECT


def test_other_hubs_have_no_colab():
    lab = "https://gitlab.com/group/name"
    assert published.binder(lab).startswith(f"{published.BINDER}/v2/gl/group%2Fname/main?")
    own = published.binder("https://git.example.org/a/b")
    assert own.startswith(f"{published.BINDER}/v2/git/https%3A%2F%2Fgit.example.org%2Fa%2Fb/main?")


@pytest.mark.parametrize("text", ["", HUB])
def test_the_first_cell_is_python_and_short(text):
    code = published.first_cell(text)
    assert len(ast.parse(code).body) == 2 and len(code.splitlines()) <= 15
