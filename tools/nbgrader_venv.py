"""An environment that holds nbgrader beside the course's packages, which stay as they are.

nbgrader brings an extension of JupyterLab and the classic notebook. In .venv every learner would
get both; here they are on top, in a folder of their own, and nothing in .venv changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

LIMIT = 600  # seconds the installation may take
DONE = "form-and-facts-done"  # in the environment: the requirement that is installed there
NAMED = "the environment {} could not be made: {}"


class VenvError(RuntimeError):
    """The environment cannot be made; the message gives the reason and the mend."""


def requirement(root: Path) -> str:
    """The line of pyproject.toml's group `nbgrader`. Raises VenvError without one."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)["project"].get("optional-dependencies", {})
    if not groups.get("nbgrader"):
        raise VenvError("pyproject.toml has no group nbgrader; fetch the course anew")
    return groups["nbgrader"][0]


def script(folder: Path, name: str) -> Path:
    """A program of an environment: python, nbgrader; or activate, to be sourced by a shell."""
    if os.name == "nt":
        return folder / "Scripts" / (name if name == "activate" else f"{name}.exe")
    return folder / "bin" / name


def make_venv(folder: Path, root: Path) -> Path:
    """Make the environment unless it is there, and give its Python.

    It sees the packages of the Python that runs this, so only nbgrader and what nobody has yet
    is fetched, by pip. Raises VenvError.
    """
    wanted, python, done = requirement(root), script(folder, "python"), folder / DONE
    below = [sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]]
    stamp = "\n".join([wanted, *below])
    if done.is_file() and done.read_text(encoding="utf-8") == stamp and python.exists():
        return python
    venv.create(folder, clear=True, with_pip=False)
    own = sysconfig.get_paths("venv", vars={"base": str(folder), "platbase": str(folder)})
    Path(own["purelib"], "course.pth").write_text("\n".join(below) + "\n", encoding="utf-8")
    templates = Path("share", "jupyter", "nbconvert")  # looked for below sys.prefix
    shutil.copytree(sys.prefix / templates, folder / templates)
    options = ["--no-input", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, wanted]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VenvError(NAMED.format(folder.name, error)) from error
    if ended.returncode:
        told = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")]
        reason = (told or ended.stderr.splitlines() or ["pip wrote nothing"])[-1]
        raise VenvError(NAMED.format(folder.name, f"{reason}; connect to a package registry"))
    done.write_text(stamp, encoding="utf-8")
    return python
