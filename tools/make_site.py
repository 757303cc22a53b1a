"""The course as pages to read without Jupyter; `make site` calls it.

`python tools/make_site.py [--out FOLDER]` renders the executed lessons and the documents into
build/site with Sphinx, MyST-NB and the theme Furo. Nothing is run and nothing is fetched, and the
pages need nothing from elsewhere: they can be read and searched from a disk.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = Path("build") / "site"
COPIED = ("docs", "data/README.md", "CONTRIBUTING.md", "LICENSE", "LICENSE-text.md")
TEACHING = ("docs/teaching", "docs/grading", "docs/exercises")  # documents for teachers
MISSING = "Sphinx is not installed here; run: make site, or: python -m pip install -e .[site]"


class SiteError(Exception):
    """The site cannot be built; the message says why, with the mend."""


def stage(root: Path, folder: Path) -> None:
    """Lay out the sources as in the course, so that its links hold; lessons are the executed ones.

    index.md is README.md with the table of contents.
    """
    for name in COPIED:
        source, target = root / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.is_file():
            shutil.copyfile(source, target)
    lessons = sorted((root / "solutions").glob("[0-9][0-9]_*.ipynb"))
    (folder / "notebooks").mkdir()
    for path in lessons:
        value = reading(json.loads(path.read_text(encoding="utf-8")))
        (folder / "notebooks" / path.name).write_text(json.dumps(value), encoding="utf-8")
    pages = sorted(p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.md"))
    page = (root / "README.md").read_text(encoding="utf-8")
    text = contents([f"notebooks/{path.stem}" for path in lessons], pages)
    (folder / "index.md").write_text(f"{page}\n{text}", encoding="utf-8")


def reading(notebook: dict[str, Any]) -> dict[str, Any]:
    """An executed lesson for a reader: no cell for Colab; what solves an exercise is folded."""
    cells = [c for c in notebook["cells"] if "setup" not in c["metadata"].get("tags", ())]
    for cell in cells:
        if "exercise" in cell["metadata"]:
            tags = cell["metadata"].get("tags", [])
            cell["metadata"] = cell["metadata"] | {"tags": [*tags, "hide-input"]}
    return notebook | {"cells": cells}


def contents(lessons: Iterable[str], pages: Iterable[str]) -> str:
    """The tables of contents: the lessons, the pages for teachers, all others."""
    pages = list(pages)
    taught = [page for first in TEACHING for page in pages if page.startswith(first)]
    groups = {"Lessons": list(lessons), "For teachers": taught}
    groups["About the course"] = [page for page in pages if page not in taught]
    return "".join(
        f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```\n\n"
        for caption, names in groups.items()
        if names
    )


def build(root: Path, out: Path) -> None:
    """Render the site into `out`, whole or not at all. SiteError for a fault or a warning."""
    if out.exists() and any(out.iterdir()) and not (out / "objects.inv").is_file():
        raise SiteError(f"{out} holds other things; name an empty or a new folder with --out")
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "source", Path(folder) / "made"
        source.mkdir()
        stage(root, source)
        command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
        command += ["--no-color", "-b", "html", "-c", str(root / "docs"), "-d", f"{folder}/trees"]
        done = subprocess.run([*command, str(source), str(made)], capture_output=True, text=True)
        if "No module named" in done.stderr:
            raise SiteError(MISSING)
        if done.returncode:
            raise SiteError(f"The site was not built; mend this first:\n{done.stderr.strip()}")
        if out.exists():
            shutil.rmtree(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, out)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Build the site and say where it is: 0, or 1 and the reasons."""
    parser = argparse.ArgumentParser(prog="python tools/make_site.py", description=__doc__)
    parser.add_argument("--out", type=Path, default=root / OUT, help="left out: build/site")
    out = parser.parse_args(arguments).out
    try:
        build(root, out)
    except (SiteError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    count = len(list(out.rglob("*.html")))
    print(f"{out / 'index.html'}: {count} pages; open it in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
