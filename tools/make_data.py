"""Make every committed data set from its seeds: `python tools/make_data.py [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import make_atlas, make_cities, make_form, make_open_book  # noqa: E402
from utils.data import write_examples, write_lines  # noqa: E402

OPEN_BOOK = {"train": (8000, 103), "dev": (160, 901)}


def make_data(folder: Path) -> list[Path]:
    """Write all files below `folder`; the same bytes each time. Returns their paths."""
    sets = {
        "cities/passages.jsonl": make_cities.passages(),
        "cities/questions.jsonl": make_cities.questions(),
        "cities/facts.jsonl": make_cities.facts(),
        "atlas/passages.jsonl": make_atlas.passages(),
        "atlas/questions.jsonl": make_atlas.questions(),
        "form/questions.jsonl": make_form.questions(),
        "form/train.jsonl": make_form.examples(),
    }
    for split, (count, seed) in OPEN_BOOK.items():
        sets[f"open_book/{split}.jsonl"] = make_open_book.make_examples(count, seed, split)
    for name, records in sets.items():
        write = write_examples if name.startswith("open_book/") else write_lines
        write(folder / name, records)
    return [folder / name for name in sets]


if __name__ == "__main__":
    for path in make_data(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "data"):
        print(path)
