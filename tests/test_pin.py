"""The pins: how they are computed, on a made-up environment, and the ones that are committed."""

from __future__ import annotations

import ast
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import pin

ROOT = pin.ROOT
HERE = {  # name -> (version, requirements)
    "torch": ("2.0+cpu", ["nvidia-blas==1; sys_platform == 'linux'", "triton==3", "leaf>=1"]),
    "cards": ("1.5", ["Leaf_two[fast]<9", "missing; sys_platform == 'no such system'"]),
    "leaf": ("1.1", ["cards; extra == 'all'", "unknown; extra == 'all'"]),
    "leaf-two": ("2.2", ["leaf; extra == 'fast'", "speed; extra == 'fast'", "cards"]),
    "speed": ("3.3", []),
    "tester": ("4.4", []),
}
WANTED = {"torch": "2.0", "cards": "1.5", "leaf": "1.1", "leaf-two": "2.2", "speed": "3.3"}
PROJECT = "[project]\ndependencies = ['torch>=2,<3', 'cards>=1.5,<2']\n"
DEV = "[project.optional-dependencies]\ndev = ['tester>=4,<5']\n"


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """Paths of a made-up course; returns the path of its requirements.txt, not written yet."""
    monkeypatch.setattr(pin, "PYPROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(pin, "REQUIREMENTS", tmp_path / "requirements.txt")
    monkeypatch.setattr(pin, "SCALE", tmp_path / "requirements-scale.txt")
    monkeypatch.setattr(pin, "SITE", tmp_path / "requirements-site.txt")
    pin.PYPROJECT.write_text(PROJECT + DEV)
    return pin.REQUIREMENTS


def test_the_closure_follows_extras_and_markers_and_leaves_out_gpu_packages():
    assert pin.closure(pin.wanted(PROJECT), HERE.get) == WANTED
    assert pin.closure(pin.wanted(PROJECT + DEV), HERE.get) == WANTED | {"tester": "4.4"}


def test_an_extra_asked_for_later_is_followed_too():
    here = {
        "a": ("1", ["b", "c"]),
        "b": ("1", ["d; extra == 'x'"]),
        "c": ("1", ["b[x]"]),
        "d": ("1", []),
    }
    assert set(pin.closure([Requirement("a")], here.get)) == {"a", "b", "c", "d"}


def test_a_missing_package_is_named_with_the_mend(made_up, capsys):
    here = {name: found for name, found in HERE.items() if name != "speed"}
    assert pin.main([], here.get) == 1
    assert capsys.readouterr().err == (
        "speed is not installed and leaf-two needs it; run: make setup\n"
    )
    assert not made_up.exists()


def test_written_pins_pass_the_check(made_up, capsys):
    assert pin.main([], HERE.get) == 0
    lines = [line for line in made_up.read_text().splitlines() if not line.startswith("#")]
    assert lines == [f"{n}=={v}" for n, v in sorted((WANTED | {"tester": "4.4"}).items())]
    assert pin.main(["--check"], HERE.get) == 0
    assert capsys.readouterr().out == "6 packages pinned\n" * 2


def test_what_the_extra_scale_needs_beyond_is_a_file_of_its_own(made_up, capsys):
    here = HERE | {"cluster": ("5.5", ["leaf", "wire"]), "wire": ("6.6", [])}
    pin.PYPROJECT.write_text(PROJECT + DEV + "scale = ['cluster>=5,<6']\n")
    assert pin.main([], here.get) == 0
    assert "cluster" not in made_up.read_text()
    lines = pin.SCALE.read_text().splitlines()
    assert [line for line in lines if line[0] != "#"] == ["cluster==5.5", "wire==6.6"]
    assert pin.main(["--check"], here.get) == 0
    pin.SCALE.write_text(pin.SCALE.read_text().replace("wire==6.6", "wire==6.5"))
    assert pin.main(["--check"], here.get) == 1
    assert "wire==6.5 is listed, and 6.6 is installed" in capsys.readouterr().err
    assert pin.main([], HERE.get) == 1
    assert "cluster is not installed" in capsys.readouterr().err
    assert not pin.SITE.exists()


def test_each_extra_has_a_file_of_its_own(made_up):
    here = HERE | {"cluster": ("5.5", ["wire"]), "pages": ("7.7", ["wire"]), "wire": ("6.6", [])}
    pin.PYPROJECT.write_text(PROJECT + DEV + "scale = ['cluster>=5']\nsite = ['pages>=7']\n")
    assert pin.main([], here.get) == 0
    assert pin.read(pin.SCALE.read_text()) == {"cluster": "5.5", "wire": "6.6"}
    assert pin.read(pin.SITE.read_text()) == {"pages": "7.7", "wire": "6.6"}
    assert pin.SITE.read_text().startswith(pin.SITE_HEADER)
    assert pin.main([], (here | {"pages": ("6.7", [])}).get) == 1


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("leaf==1.1", "leaf==1.0", "leaf==1.0 is listed, and 1.1 is installed"),
        ("speed==3.3\n", "", "speed==3.3 is not listed"),
        ("speed==3.3", "speed==3.3\nstale==1", "stale==1 is no longer needed"),
        ("# Made", "# made", "the header or the order"),
    ],
)
def test_the_check_names_the_difference_and_mends_nothing(made_up, capsys, old, new, fault):
    pin.main([], HERE.get)
    changed = made_up.read_text().replace(old, new)
    made_up.write_text(changed)
    assert pin.main(["--check"], HERE.get) == 1
    assert fault in capsys.readouterr().err
    assert made_up.read_text() == changed


def test_without_a_file_the_check_lists_every_pin(made_up, capsys):
    assert pin.main(["--check"], HERE.get) == 1
    assert capsys.readouterr().err.count("is not listed") == 6


def test_a_version_out_of_range_is_not_written(made_up, capsys):
    assert pin.main([], (HERE | {"cards": ("2.0", ["leaf-two[fast]"])}).get) == 1
    assert "cards 2.0 is not in the range <2,>=1.5" in capsys.readouterr().err
    assert not made_up.exists()


def test_the_committed_pins_lie_in_the_ranges_of_pyproject():
    pins = pin.read(pin.REQUIREMENTS.read_text(encoding="utf-8"))
    project = pin.PYPROJECT.read_text(encoding="utf-8")
    assert pin.outside(pin.wanted(project), pins) == []
    for extra, path, name in (("scale", pin.SCALE, "ray"), ("site", pin.SITE, "sphinx")):
        more = pin.read(path.read_text(encoding="utf-8"))
        assert not pins.keys() & more.keys() and name in more
        assert pin.outside(pin.wanted(project, extra), pins | more) == []
    assert pins["torch"] == "2.13.0"


def test_the_committed_file_is_as_this_tool_writes_it():
    text = pin.REQUIREMENTS.read_text(encoding="utf-8")
    pins = pin.read(text)
    assert text == pin.write(pins)
    for path, header in ((pin.SCALE, pin.SCALE_HEADER), (pin.SITE, pin.SITE_HEADER)):
        more = path.read_text(encoding="utf-8")
        assert more == pin.write(pin.read(more), header)
    assert not [name for name in pins if pin.NEVER.match(name)]
    assert not [version for version in pins.values() if "+" in version]


DATED = ("furo", "packaging")  # their versions are years


def test_each_range_has_a_lower_bound_and_an_upper_one():
    for need in pin.wanted(pin.PYPROJECT.read_text(encoding="utf-8"), "scale", "site"):
        operators = {part.operator for part in need.specifier}
        assert operators == ({">="} if need.name in DATED else {">=", "<"}), need.name


def test_what_the_code_imports_is_declared():
    declared = {
        canonicalize_name(need.name)
        for need in pin.wanted(pin.PYPROJECT.read_text(encoding="utf-8"), "scale")
    }
    ours = set(sys.stdlib_module_names) | {"utils", "tools"}
    owners = metadata.packages_distributions()
    for folder in ("utils", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in imported(path.read_text(encoding="utf-8")) - ours:
                packages = {canonicalize_name(owner) for owner in owners.get(name, [name])}
                assert packages & declared, f"{path.name} imports {name}; add it to pyproject.toml"


def imported(source: str) -> set[str]:
    """The top-level names of all modules that a source imports, at the top or in a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
