"""Where this copy of the course is published, and what depends on it: the first cell, the badges.

The address is one line of pyproject.toml, `address` of [tool.form-and-facts]; "" is none.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import quote

BRANCH = "main"
FIRST = "notebooks/00_start_here.ipynb"
COLAB = "https://colab.research.google.com"
BINDER = "https://mybinder.org"
HUBS = {"https://github.com/": "gh", "https://gitlab.com/": "gl"}  # as Binder calls them
GITHUB = next(iter(HUBS))

CELL = """\
# On Google Colab this cell brings the course; anywhere else it does nothing.
import sys

if "google.colab" in sys.modules:
{bring}
    runpy.run_path("form-and-facts/utils/colab.py", run_name="__main__")"""

FROM_ZIP = """\
    import os, runpy, zipfile
    from google.colab import files

    if not os.path.exists("form-and-facts"):
        if not zipfile.is_zipfile("form-and-facts.zip"):
            print("Choose form-and-facts.zip, which `make zip` builds:")
            files.upload_file("form-and-facts.zip")
        zipfile.ZipFile("form-and-facts.zip").extractall("form-and-facts.part")
        os.renames("form-and-facts.part/form-and-facts", "form-and-facts")"""

FROM_ADDRESS = """\
    import os, runpy, subprocess

    if not os.path.exists("form-and-facts"):
        clone = "git clone --quiet --depth 1 {address} form-and-facts"
        done = subprocess.run(clone.split(), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError("The course could not be fetched: " + done.stderr)"""


def address(root: Path) -> str:
    """The address that pyproject.toml names; "" for none, or without the file."""
    path = root / "pyproject.toml"
    if not path.is_file():
        return ""
    tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    return tool.get("form-and-facts", {}).get("address", "")


def first_cell(address: str) -> str:
    """The code that stands first in every notebook.

    On Colab it unpacks the course into the folder form-and-facts, from the address or, without
    one, from form-and-facts.zip, and hands over to utils/colab.py.
    """
    bring = FROM_ADDRESS.format(address=address) if address else FROM_ZIP
    return CELL.format(bring=bring)


def badges(root: Path, place: str | None = None) -> str:
    """Markdown that opens the course on Colab and on Binder; "" without an address.

    `place` is the address, left out: that of pyproject.toml. Colab opens notebooks of GitHub only.
    """
    place = address(root) if place is None else place
    if not place:
        return ""
    picture = f"[![Open on Binder]({BINDER}/badge_logo.svg)]({binder(place)})"
    if not place.startswith(GITHUB):
        return picture + "\n"
    image = f"{COLAB}/assets/colab-badge.svg"
    numbers = [
        f"[{path.name[:2]}]({colab(place, f'notebooks/{path.name}')})"
        for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    ]
    first = f"[![Open in Colab]({image})]({colab(place, FIRST)})"
    return f"{first} {picture}\n\nEach lesson in Colab: {' '.join(numbers)}\n"


def colab(address: str, path: str) -> str:
    """The page of Colab that opens a notebook of a GitHub repository."""
    return f"{COLAB}/github/{address.removeprefix(GITHUB)}/blob/{BRANCH}/{path}"


def binder(address: str) -> str:
    """The page of Binder that opens the first lesson in JupyterLab."""
    kinds = [(hub, kind) for hub, kind in HUBS.items() if address.startswith(hub)]
    hub, kind = kinds[0] if kinds else ("", "git")
    name = address.removeprefix(hub)
    place = name if kind == "gh" else quote(name, safe="")
    return f"{BINDER}/v2/{kind}/{place}/{BRANCH}?urlpath={quote(f'lab/tree/{FIRST}', safe='')}"


def is_address(text: str) -> bool:
    """True for https://host/path in plain letters, so that it can stand in code and in links."""
    return bool(re.fullmatch(r"https://[\w.-]+(:\d+)?(/[\w.~-]+)+", text, re.ASCII))
