"""Make the corpus of hostile and broken submissions: `python tests/submissions/make.py FOLDER`.

corpus.toml holds what is a notebook with odd code in it; here stand the files that are odd
themselves. `EXPECTED` and the entries give status and score of each.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tomllib
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HIDDEN = HERE / "hidden.toml"
Notebook = dict[str, Any]
WRONG = {
    "1.1": "def is_valid(text): return True",
    "1.2": "def exact_match(got, gold): return got == gold",
    "1.4": "def wilson(k, n): return 0.0, 1.0",
    "1.5": "def few_shot_messages(question, examples): return []",
}


@dataclass(frozen=True)
class Expected:
    """What the CSV must say of a submission: the row's name, status and total."""

    name: str
    status: str
    score: int


def entries() -> list[dict]:
    """The tables of corpus.toml."""
    return tomllib.loads((HERE / "corpus.toml").read_text("utf-8"))["entry"]


def blank(number: str = "01") -> Notebook:
    """The notebook of a lesson as it is handed out."""
    path = next((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
    return json.loads(path.read_text("utf-8"))


def answers(number: str = "01", which: int = 0) -> dict[str, str]:
    """A right answer to each exercise of a lesson, out of tests/exercises."""
    table = tomllib.loads((ROOT / "tests" / "exercises" / f"{number}.toml").read_text("utf-8"))
    return {id: entry["right"][which]["code"] for id, entry in table.items() if id != "before"}


def before(number: str = "01") -> str:
    """The imports that the answers of a lesson may need."""
    table = tomllib.loads((ROOT / "tests" / "exercises" / f"{number}.toml").read_text("utf-8"))
    return table.get("before", "")


def code(source: str, **metadata: Any) -> dict:
    """A code cell."""
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": []}


def submission(filled: dict[str, str], cell: str = "", number: str = "01") -> Notebook:
    """A notebook with these answers, and one more cell at its end."""
    book = blank(number)
    for old in book["cells"]:
        id = old["metadata"].get("exercise")
        if id in filled:
            old["source"] = filled[id]
    book["cells"].insert(1, code(before(number)))
    if cell:
        book["cells"].append(code(cell.replace("HALF", "\ud800")))
    return book


def of_entry(entry: dict) -> Notebook:
    """The notebook of a table of corpus.toml."""
    filled = answers() | (WRONG if entry.get("answers") == "wrong" else {})
    return submission(filled | entry.get("replace", {}), entry.get("cell", ""))


def stripped() -> Notebook:
    """A right notebook without any metadata and with ids of another program, as Colab may do."""
    book = submission(answers())
    for i, cell in enumerate(book["cells"]):
        cell.update(metadata={}, id=f"colab{i}")
    return book


def reordered() -> Notebook:
    """A right notebook whose cells stand the other way round."""
    book = submission(answers())
    book["cells"].reverse()
    return book


def doubled(last: str) -> Notebook:
    """A notebook with the cell of exercise 1.4 there twice; the last one decides."""
    book = submission(answers() | ({"1.4": WRONG["1.4"]} if last == "right" else {}))
    source = answers()["1.4"] if last == "right" else WRONG["1.4"]
    book["cells"].append(code(source, exercise="1.4"))
    return book


def lacking() -> Notebook:
    """A right notebook without the cell of exercise 1.4."""
    book = submission(answers())
    book["cells"] = [c for c in book["cells"] if c["metadata"].get("exercise") != "1.4"]
    return book


def loud() -> Notebook:
    """A right notebook that has kept 100 MB of output."""
    book = submission(answers())
    book["cells"][-1] = code("1", tags=["slow"])
    text = ["x" * 1_000_000 + "\n"] * 100
    book["cells"][-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    return book


NOTEBOOKS = {
    ("as_handed_out", "ok", 0): blank,
    ("other_right_answers", "ok", 11): lambda: submission(answers(which=1)),
    ("without_metadata", "ok", 11): stripped,
    ("reordered", "ok", 11): reordered,
    ("twice_last_right", "ok", 11): lambda: doubled("right"),
    ("twice_last_wrong", "ok", 8): lambda: doubled("wrong"),
    ("cell_deleted", "ok", 8): lacking,
    ("loud_file", "ok", 11): loud,
    ("other_lesson", "wrong lesson", 0): lambda: submission(answers("02"), number="02"),
    ("no_lesson", "wrong lesson", 0): lambda: {"cells": [code("x = 1")], "nbformat": 4},
    ("no_cells", "empty", 0): lambda: blank() | {"cells": []},
    ("no_code", "empty", 0): lambda: {
        "cells": [{"cell_type": "markdown", "metadata": {}, "source": "text"}],
        "nbformat": 4,
    },
    ("old_format", "invalid notebook", 0): lambda: blank() | {"nbformat": 3},
    ("odd_cells", "invalid notebook", 0): lambda: blank() | {"cells": [1, None, []]},
    ("a_list", "invalid notebook", 0): lambda: [1, 2],
}
FILES = {
    ("not_json", "invalid notebook", 0): b"{ this is no JSON",
    ("nothing", "empty", 0): b"",
    ("latin1", "invalid notebook", 0): '{"cells": "Grüße"}'.encode("latin-1"),
    ("binary", "invalid notebook", 0): bytes(range(256)) * 40,
    ("deep", "invalid notebook", 0): b'{"nbformat": 4, "cells": ' + b"[" * 100_000,
    ("swells", "invalid notebook", 0): b'{"nbformat": 4, "cells": [' + b"[]," * 10**7 + b"[]]}",
}
ROWS = [Expected("Anna Berg", "ok", 11), Expected("Anna Berg", "ok", 8)]  # two of one person
ROWS += [Expected("Ben Holm", "empty", 0), Expected("=1+1", "ok", 11)]
LINKS = [Expected("link", "invalid notebook", 0), Expected("pipe", "invalid notebook", 0)]


def make(folder: Path, without: Collection[str] = ()) -> list[Expected]:
    """Write the corpus into a folder; what is expected of each of its submissions."""
    folder.mkdir(parents=True)
    expected = []
    for entry in [entry for entry in entries() if entry["name"] not in without]:
        write(folder / f"{entry['name']}.ipynb", of_entry(entry))
        expected.append(Expected(entry["name"], entry["status"], entry["score"]))
    for (name, status, score), made in NOTEBOOKS.items():
        write(folder / f"{name}.ipynb", made())
        expected.append(Expected(name, status, score))
    for (name, status, score), data in FILES.items():
        (folder / f"{name}.ipynb").write_bytes(data)
        expected.append(Expected(name, status, score))
    return expected + people(folder) + links(folder)


def people(folder: Path) -> list[Expected]:
    """Folders as Moodle hands them out: two notebooks of one person, none, an odd name."""
    anna = folder / "Anna Berg_4711_assignsubmission_file_"
    write(anna / "01_measure_first.ipynb", submission(answers()))
    write(anna / "01_measure_first (1).ipynb", submission(answers() | {"1.4": WRONG["1.4"]}))
    (folder / "Ben Holm_4712_assignsubmission_file_").mkdir()
    (folder / "Ben Holm_4712_assignsubmission_file_" / "work.pdf").write_bytes(b"%PDF")
    write(folder / "=1+1_4713_assignsubmission_file_" / "x.ipynb", submission(answers()))
    return ROWS


def links(folder: Path) -> list[Expected]:
    """A link out of the folder and a pipe that nobody writes to, where the system has them."""
    if not hasattr(os, "mkfifo"):
        return []
    (folder / "link.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.ipynb")
    return LINKS


def write(path: Path, book: Any) -> None:
    """Write a notebook's file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(book), encoding="utf-8")


def make_zip(path: Path) -> list[Expected]:
    """Write a zip with good and bad entries; what is expected of each."""
    good = json.dumps(submission(answers()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.ipynb", good)
        archive.writestr("../../outside.ipynb", good)
        archive.writestr("/absolute.ipynb", good)
        archive.writestr("C:\\drive.ipynb", good)
        link = zipfile.ZipInfo("linked.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("carla/work/carla.ipynb", good)
        archive.writestr("dan/notes.txt", "no notebook")
        archive.writestr("__MACOSX/._good.ipynb", "junk")
        with archive.open("bomb.ipynb", "w", force_zip64=True) as bomb:
            for _ in range(400):
                bomb.write(bytes(1_000_000))
    bad = ("outside", "absolute", "drive", "linked", "bomb")
    expected = [Expected(name, "invalid notebook", 0) for name in bad]
    expected += [Expected(name, "ok", 11) for name in ("good", "carla")]
    return [*expected, Expected("dan", "empty", 0)]


if __name__ == "__main__":
    for row in make(Path(sys.argv[1])):
        print(row)
