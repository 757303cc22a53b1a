"""Fill what is generated in README.md, data/README.md and docs; draw the pictures in docs.

`python tools/readme.py` writes; `python tools/readme.py --check` compares only and names what
differs. Numbers come from data/results: headline-seedN.json and dose-seed0.json, as
utils.experiment writes them, and timing.json, an object with the keys run_seconds, quick_seconds,
packages_mb (downloaded), models_mb (in the cache folder), peak_memory_gib, machine, date, and
without_bf16 with the first two, machine and date of a slower machine.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import (  # noqa: E402
    bench_picture,
    bench_tables,
    published,
    results_tables,
    scale_tables,
    tables,
    teaching,
)
from tools.tables import ReadmeError, load  # noqa: E402
from utils import plots  # noqa: E402

MARKED = re.compile(r"(<!-- begin: ([\w-]+) -->\n)(.*?)(<!-- end: \2 -->)", re.DOTALL)
BEGIN = re.compile(r"<!-- begin: (.*?) -->")
MEND = "run: python tools/readme.py"


def readme_values(root: Path) -> dict[str, str]:
    """The text of each marker of README.md."""
    folder = root / "data" / "results"
    missing = "Not measured yet: `data/results` holds no `{}-seed0.json`.\n".format
    headlines = load_headlines(folder)
    names = ("answer", "picture", "headline", "recall")
    values = dict.fromkeys(names, missing("headline"))
    if headlines:
        rows = headlines[0]["rows"]
        alt = " ".join(tables.words(rows).split())
        values["answer"] = tables.answer(rows)
        values["picture"] = f"![{alt}](docs/headline.png)\n"
        values["headline"] = tables.headline(headlines)
        values["recall"] = tables.recall(headlines[0]["recall"])
    curve = load(folder / "dose-seed0.json")
    values["dose"] = tables.dose(curve) if curve else missing("dose")
    values["reach"] = results_tables.reach(root)
    values["cost"] = tables.cost(load(folder / "timing.json") or {})
    values["lessons"] = tables.lessons(root / "notebooks")
    values["badges"] = published.badges(root)
    return values


def card_values(root: Path) -> dict[str, str]:
    """The text of each marker of data/README.md."""
    data = root / "data"
    return {
        "sizes": tables.sizes(data),
        "adapters": tables.adapters(data / "adapters"),
        "results": tables.stored(data / "results"),
    }


def speed_values(root: Path) -> dict[str, str]:
    """The text of each marker of docs/performance.md."""
    folder = root / "data" / "results"
    bench = load(folder / "bench.json") or {}
    parts = {"training": "training", "answers": "answers", "search": "retrieval", "phases": "run"}
    values = {
        name: getattr(bench_tables, name)(bench) if part in bench else "Not measured yet.\n"
        for name, part in parts.items()
    }
    slow = load(folder / "bench-fp32.json")
    both = bench and slow and all(part in run for part in parts.values() for run in (bench, slow))
    values["fp32"] = bench_tables.compared(bench, slow) if both else "Not measured yet.\n"
    values["machine"] = bench_tables.machine(bench) if bench else "Not measured yet.\n"
    alt = " ".join(bench_picture.words(bench).split())
    values["picture"] = f"![{alt}](performance.png)\n" if bench else "Not measured yet.\n"
    return values


PAGES = {
    "README.md": readme_values,
    "data/README.md": card_values,
    "docs/performance.md": speed_values,
    "docs/results.md": results_tables.values,
    "docs/scale.md": scale_tables.values,
    "docs/teaching.md": teaching.hub_values,
    "docs/teaching/plan.md": teaching.plan_values,
    "docs/teaching/lessons.md": teaching.lesson_values,
    "docs/teaching/room.md": teaching.room_values,
}


def load_headlines(folder: Path) -> dict[int, dict]:
    """The stored headlines by seed; {} where that of seed 0 is missing."""
    found = tables.load_seeds(folder)
    return found if 0 in found else {}


def fill(page: str, values: dict[str, str]) -> str:
    """The page with each value between its markers; the rest stays as it is.

    Raises ReadmeError for a marker without an end, one unknown, one missing or one twice.
    """
    begun = BEGIN.findall(page)
    ended = [match[2] for match in MARKED.finditer(page)]
    for name in begun:
        if name not in values:
            raise ReadmeError(f"the marker {name!r} is unknown; there are: {', '.join(values)}")
        if name not in ended:
            raise ReadmeError(f"the marker {name!r} has no end; add <!-- end: {name} -->")
        if begun.count(name) > 1:
            raise ReadmeError(f"the marker {name!r} stands there twice; leave one")
    for name in values:
        if name not in begun:
            raise ReadmeError(f"the marker {name!r} is missing; add its begin and its end")
    return MARKED.sub(lambda m: f"{m[1]}\n{values[m[2]]}\n{m[4]}", page)


def differing(page: str, values: dict[str, str]) -> list[str]:
    """The markers between which a page does not hold what it should."""
    wanted = fill(page, values)
    pairs = zip(MARKED.finditer(page), MARKED.finditer(wanted), strict=True)
    return [was[2] for was, is_ in pairs if was[3] != is_[3]]


def pictures(root: Path) -> dict[str, tuple[str, Callable[[], object]]]:
    """The pictures in docs by name: what each says in words, and how it is drawn."""
    folder, docs = root / "data" / "results", root / "docs"
    found: dict[str, tuple[str, Callable[[], object]]] = {}
    if headlines := load_headlines(folder):
        rows = headlines[0]["rows"]
        found["headline"] = tables.words(rows), lambda: plots.headline_picture(rows, docs)
    if bench := load(folder / "bench.json"):
        said = bench_picture.words(bench)
        found[bench_picture.NAME] = said, lambda: bench_picture.draw(bench, docs)
    return found


def stale_pictures(root: Path) -> list[str]:
    """The names of pictures that are missing, or show other numbers than the stored results."""
    return [name for name, (words, _) in pictures(root).items() if _stale(root, name, words)]


def _stale(root: Path, name: str, words: str) -> bool:
    png, svg, txt = (root / "docs" / f"{name}.{end}" for end in ("png", "svg", "txt"))
    whole = png.is_file() and svg.is_file() and txt.is_file()
    return not whole or txt.read_text("utf-8") != words


def draw(root: Path, names: list[str]) -> None:
    """Draw these pictures: .png, .svg and .txt; the same bytes each time."""
    import matplotlib

    made = pictures(root)
    with matplotlib.rc_context({"svg.hashsalt": "form-and-facts"}):
        for name in names:
            made[name][1]()


def check(root: Path) -> list[str]:
    """A sentence for each marker, and for the picture, that is not as the stored results say."""
    faults = []
    for name, make in PAGES.items():
        page = (root / name).read_text("utf-8")
        faults += [f"{name}: the marker {m!r} differs" for m in differing(page, make(root))]
    return faults + [f"docs/{name}: the picture differs" for name in stale_pictures(root)]


def write(root: Path) -> None:
    """Fill the pages and draw the pictures."""
    for name, make in PAGES.items():
        path = root / name
        filled = fill(path.read_text("utf-8"), make(root))
        path.write_text(filled, encoding="utf-8", newline="\n")
    draw(root, stale_pictures(root))


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the pages, or with --check compare them: 0 when all is well, else 1 and the reasons."""
    try:
        if "--check" not in arguments:
            write(root)
            return 0
        faults = check(root)
    except ReadmeError as error:
        print(error, file=sys.stderr)
        return 1
    if faults:
        print(*faults, MEND, sep="\n", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
