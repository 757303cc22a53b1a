"""A fresh environment that stands in for Google Colab: its own torch, older packages, its module.

The environment has torch as files of its own, in hard links, so that a change of them would show
and would not reach ours. All other packages are those of this Python, by links on a shelf, but for
the older ones that are installed into the environment, and the missing ones.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

FILES = """\
import os, shutil
asked = []
def upload_file(name):
    asked.append(name)
    shutil.copy(os.environ["UPLOADED"], name)
"""
WITH_TORCH = ("torch", "torchgen", "functorch")


@dataclass(frozen=True)
class StandIn:
    """The environment's Python, its packages, and the folder that plays /content."""

    python: Path
    packages: Path
    content: Path


def make(folder: Path, older: list[str], missing: set[str], pinned: list[str]) -> StandIn:
    """Make the environment. `older` are requirements for pip; `pinned` those of google-colab."""
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    python = folder / "env" / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    packages, content = Path(told.strip()), folder / "content"
    content.mkdir()
    ours = Path(sysconfig.get_path("purelib"))
    own_torch(ours, packages)
    shelf(ours, folder / "shelf", missing)
    (packages / "shelf.pth").write_text(f"{folder / 'shelf'}\n")
    google_colab(packages, pinned)
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", *older]
    subprocess.run(pip, check=True)
    return StandIn(python, packages, content)


def own_torch(ours: Path, packages: Path) -> None:
    """Our torch and its note of what is installed, as the environment's own."""
    note = Path(str(metadata.distribution("torch")._path)).name  # type: ignore[attr-defined]
    for name in (*WITH_TORCH, note):
        if (ours / name).is_dir():
            shutil.copytree(ours / name, packages / name, copy_function=linked)


def linked(source: str, target: str) -> None:
    """A hard link, or a copy where the disk is another."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def shelf(ours: Path, shelf: Path, missing: set[str]) -> None:
    """Links to all our packages but the missing ones, torch and pip."""
    shelf.mkdir()
    for entry in ours.iterdir():
        name = entry.name.partition("-")[0]
        if name not in {*missing, *WITH_TORCH, "pip"} and entry.suffix != ".pth":
            (shelf / entry.name).symlink_to(entry)


def google_colab(packages: Path, pinned: list[str]) -> None:
    """The module google.colab, and a package that pins what the real one pins."""
    (packages / "google" / "colab").mkdir(parents=True)
    (packages / "google" / "colab" / "__init__.py").write_text("from google.colab import files\n")
    (packages / "google" / "colab" / "files.py").write_text(FILES)
    note = packages / "google_colab-1.0.0.dist-info"
    note.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: google-colab", "Version: 1.0.0"]
    lines += [f"Requires-Dist: {line}" for line in pinned]
    (note / "METADATA").write_text("\n".join(lines) + "\n")


def torch_files(packages: Path) -> dict[str, str]:
    """Path -> sha256 of the environment's torch and of its note."""
    paths = [p for p in packages.glob("torch*/**/*") if p.is_file() and p.suffix != ".pyc"]
    found = {}
    for path in sorted(paths):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[path.relative_to(packages).as_posix()] = digest
    return found
