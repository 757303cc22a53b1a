"""Pack the course into build/form-and-facts.zip, for Colab and for a room without internet.

`python tools/zip.py [--out FILE]`; the same files give the same bytes. With git it takes what git
tracks, as it lies on the disk; without git, all but hidden and made files.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "form-and-facts"  # the one folder that the archive holds
OUT = Path("build") / f"{NAME}.zip"
MADE = {"build", "results", "runs"}  # folders at the top that the commands make
HIDDEN = {".ci", ".gitignore"}  # the hidden files that belong to the course
DATE = (1980, 1, 1, 0, 0, 0)  # the first that an archive can hold


def course_files(root: Path) -> list[Path]:
    """The files of the course below root, sorted by their names."""
    return sorted(tracked(root) or walked(root), key=lambda path: path.as_posix())


def tracked(root: Path) -> list[Path]:
    """What git tracks and is on the disk; [] without git, or where root is no checkout's top."""
    if not (root / ".git").exists():
        return []
    command = ["git", "-C", str(root), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")
    except (OSError, subprocess.CalledProcessError):
        return []
    return [Path(name) for name in listed.split("\0") if name and (root / name).is_file()]


def walked(root: Path) -> list[Path]:
    """All files but hidden and made ones, and packages' notes; folders of these are not entered."""
    found = []
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        top = here == Path()
        folders[:] = [name for name in folders if belongs(name) and not (top and name in MADE)]
        found += [here / name for name in names if belongs(name)]
    return found


def belongs(name: str) -> bool:
    """False for a name that git would ignore."""
    hidden = name.startswith(".") and name not in HIDDEN
    return not (hidden or name == "__pycache__" or name.endswith((".egg-info", ".tmp", ".pyc")))


def pack(root: Path, out: Path) -> int:
    """Write the archive, whole or not at all; returns the number of files. OSError as it comes."""
    files = course_files(root)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".tmp")
    with zipfile.ZipFile(part, "w") as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{NAME}/{path.as_posix()}", DATE)
            entry.create_system = 3  # Unix, wherever it is packed
            runs = path.parts[0] == ".ci" or path.name == "postBuild"
            entry.external_attr = (0o755 if runs else 0o644) << 16
            archive.writestr(entry, (root / path).read_bytes(), zipfile.ZIP_DEFLATED, 9)
    part.replace(out)
    return len(files)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Pack, and say where it is and how large; 0, or 1 and a sentence."""
    parser = argparse.ArgumentParser(prog="python tools/zip.py", description=__doc__)
    parser.add_argument("--out", type=Path, default=root / OUT, help="left out: build/")
    out = parser.parse_args(arguments).out
    try:
        count = pack(root, out)
    except OSError as error:
        print(f"The archive cannot be written ({error}); give another with --out", file=sys.stderr)
        return 1
    print(f"{out}: {count} files, {out.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
