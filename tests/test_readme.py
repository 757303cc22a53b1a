"""What is generated in the README and the data card, on made-up results and as committed."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from tools import bench_picture, readme, tables
from utils.measure import rate

ROOT = readme.ROOT
PAGE = (
    "# Page\n<!-- begin: one -->\nold\n<!-- end: one -->\nkept\n"
    "<!-- begin: two -->\n<!-- end: two -->\n"
)
BENCH = {
    "training": {"rounds": {"TRL, fp32": [80.0, 90.0], "ours, passages shared": [400.0]}},
    "answers": {"rounds": {"one at a time": [0.5], "ours": [4.0, 3.0]}},
    "retrieval": [
        {
            "passages": size,
            "backend": "FAISS lists",
            "queries_per_second": ours,
            "exact_queries_per_second": 80.0,
            "recall_at_10": 0.98,
            "n": 256,
        }
        for size, ours in ((1000, 90.0), (1_000_000, 1600.0))
    ],
}


def row(arm="base", dataset="atlas", variant="plain", valid=0, right=3, n=10, **more) -> dict:
    """A made-up row, as runner.run_task gives it."""
    rates = {"valid": (valid, n), "right": (right, n)}
    return {
        "arm": arm,
        "dataset": dataset,
        "variant": variant,
        "passes": None,
        "k": None,
        "n": n,
        **{name: asdict(rate([i < k for i in range(of)])) for name, (k, of) in rates.items()},
        "source": None,
        "abstained": None,
        "prompt_tokens": 41.2,
        "completion_tokens": 20.0,
        "seconds_per_answer": 0.456,
        "misses": {"form": 0, "retrieval": n - right, "reading": 0, "abstained": 0},
        "adapter": None,
        **more,
    }


def result(seed=0, **more) -> dict:
    """A made-up headline with two arms and a recall."""
    trained = row("form", valid=9, right=seed, adapter="trained")
    shipped = row("open-book", valid=8, adapter="shipped")
    rows = [row(), trained, shipped, row("form", "form", right=7)]
    found = [("dense", 1, 0.5), ("dense", 3, 0.75), ("hybrid", 1, 1.0)]
    recall = [
        {"dataset": "cities", "retriever": r, "k": k, "recall": v, "n": 8} for r, k, v in found
    ]
    device = {"processor": "Abacus 9", "cores": 2, "device": "cpu", "dtype": "float32"}
    facts = {"device": device, "model": "tiny-1", "split": "test", "created": "2026-01-02T03:04"}
    facts |= {"embedder": "tiny-2", "versions": {"torch": "9.1"}}
    facts |= {"weights": {"before_rag": "aa" * 32, "after_rag": "aa" * 32}}
    return {**facts, "seed": seed, "rows": rows, "recall": recall, **more}


@pytest.fixture
def course(tmp_path):
    """A copy of both pages with a made-up lesson, and a function that stores a result."""
    for name in readme.PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), encoding="utf-8")
    cell = {"cell_type": "markdown", "source": ["# Measure\n", "text"]}
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_measure.ipynb").write_text(json.dumps({"cells": [cell]}))
    (tmp_path / "data" / "results").mkdir()

    def store(name, value):
        (tmp_path / "data" / "results" / f"{name}.json").write_text(json.dumps(value))

    return tmp_path, store


def marked(root: Path, name: str, page="README.md") -> str:
    """What stands between two markers of a page."""
    found = {m[2]: m[3] for m in readme.MARKED.finditer((root / page).read_text("utf-8"))}
    return found[name].strip()


def test_the_committed_pages_and_picture_are_as_the_stored_results_say():
    assert readme.check(ROOT) == []


def test_fill_changes_only_what_stands_between_the_markers():
    filled = readme.fill(PAGE, {"one": "1\n", "two": r"\1 stays" + "\n"})
    assert filled == (
        "# Page\n<!-- begin: one -->\n\n1\n\n<!-- end: one -->\nkept\n"
        "<!-- begin: two -->\n\n\\1 stays\n\n<!-- end: two -->\n"
    )
    assert readme.differing(PAGE, {"one": "1\n", "two": "2\n"}) == ["one", "two"]
    assert readme.differing(filled, {"one": "1\n", "two": "2\n"}) == ["two"]


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (PAGE.replace(": two", ": six"), "the marker 'six' is unknown; there are: one, two"),
        (
            PAGE.replace("end: two", "end: one"),
            "the marker 'two' has no end; add <!-- end: two -->",
        ),
        (PAGE + PAGE, "the marker 'one' stands there twice; leave one"),
        (PAGE[: PAGE.index("kept")], "the marker 'two' is missing; add its begin and its end"),
    ],
)
def test_a_broken_page_is_named_with_the_mend(page, fault):
    with pytest.raises(tables.ReadmeError, match=re.escape(fault)):
        readme.fill(page, {"one": "1\n", "two": "2\n"})


def test_without_results_the_page_says_so_and_gives_no_number(course):
    root, _ = course
    assert readme.main([], root) == 0 and readme.main(["--check"], root) == 0
    for name in ("answer", "picture", "headline", "recall", "dose"):
        assert re.fullmatch(r"Not measured yet: .* holds no `\w+-seed0.json`\.", marked(root, name))
    assert "Not measured yet: the size of the Python packages" in marked(root, "cost")
    assert marked(root, "results", "data/README.md") == "No result is stored yet."
    assert marked(root, "lessons") == "- [Measure](notebooks/01_measure.ipynb)"
    assert not list((root / "docs").glob("headline.*"))


def test_a_stored_result_fills_the_page_and_draws_the_picture(course):
    root, store = course
    store("headline-seed0", result())
    doses = [
        row("facts", "cities", "plain", right=2, passes=20),
        row("facts", "form", "general", right=9, passes=3),
    ]
    store("dose-seed0", result(rows=doses))
    assert readme.main([], root) == 0 and readme.main(["--check"], root) == 0
    assert "- the untouched model: valid cards 0 % (0–28), right answers 30 % (11–60), n = 10" in (
        marked(root, "answer")
    )
    headline = marked(root, "headline")
    assert headline.startswith("Measured on Abacus 9 (2 cores, cpu, float32) with tiny-1, seed 0,")
    assert (
        "| base | atlas | plain | – | – | 10 | 0 % (0–28) | 30 % (11–60) | – | – | 41 | 0.46 |"
        in (headline)
    )
    assert "again" not in headline
    assert marked(root, "recall").splitlines()[2:] == [
        "| cities | dense | 8 | 50 % (22–78) | 75 % (41–93) |",
        "| cities | hybrid | 8 | 100 % (68–100) | – |",
    ]
    assert marked(root, "dose").splitlines()[-2:] == [
        "| 3 | – | – | – | 90 % (60–98) |",
        "| 20 | 20 % (6–51) | – | – | – |",
    ]
    picture = marked(root, "picture")
    assert picture.endswith("](docs/headline.png)") and "\n" not in picture
    assert "form: valid 9 of 10 (90 %, interval 60 to 98)" in picture
    assert "| headline-seed0.json | 2026-01-02 | Abacus 9 | 0 | 4 |" in (
        marked(root, "results", "data/README.md")
    )


def test_the_page_of_all_results_has_every_row_and_the_seeds_together(course):
    root, store = course
    page = "docs/results.md"
    assert readme.main([], root) == 0
    assert marked(root, "pooled", page) == "Not measured yet: one seed alone is stored."
    store("headline-seed0", result())
    store("headline-seed1", result(1, weights={"before_rag": "aa" * 32, "after_rag": "bb" * 32}))
    assert readme.main([], root) == 0
    first = marked(root, "seed0", page)
    assert first.startswith("Measured on Abacus 9 (2 cores, cpu, float32) with tiny-1, seed 0,")
    assert "torch 9.1; tiny-2." in first and first.count("\n| ") == 2 + len(result()["rows"])
    assert marked(root, "seed2", page).startswith("Not measured yet: `data/results` holds no")
    (line,) = marked(root, "pooled", page).splitlines()[2:]
    form = "| form | atlas | plain | – | 0, 1 | 20 |"
    assert line == f"{form} 90 % (70–97), 90 to 90 | 5 % (1–24), 0 to 10 |"
    said = [line.split(" | ")[-1] for line in marked(root, "weights", page).splitlines()[2:]]
    assert said == ["the same |", "DIFFERENT |"]
    assert "holds no `open-book-seed0.json`" in marked(root, "recipe", page)
    for shown, seed in ((1, 0), (3, 2)):
        anew = row("open-book+rag", valid=10, right=7 + seed, adapter="trained")
        store(
            f"open-book-seed{seed}", result(seed, rows=[anew], seconds={"training open-book": 960})
        )
        assert readme.main([], root) == 0
        assert marked(root, "recipe", page).count("| open-book+rag | atlas | plain |") == shown
    told = marked(root, "recipe", page).splitlines()
    assert told[1].endswith("seed 2, test questions, on 2026-01-02. Training took 16 minutes.")
    assert told[-1] == (
        "| open-book+rag | atlas | plain | – | 0, 2 | 20 | 100 % (84–100), 100 to 100 | "
        "80 % (58–92), 70 to 90 |"
    )
    assert "| open-book-seed2.json |" in marked(root, "results", "data/README.md")
    assert "holds no `unseen-test.json`" in marked(root, "unseen", page)
    assert "holds no `unseen-test.json`" in marked(root, "reach")
    store("unseen-test", result(rows=[row("open-book+rag", "own", valid=10, right=7)]))
    assert readme.main([], root) == 0
    assert "| open-book+rag | own |" in marked(root, "unseen", page)
    assert "was right in 70 % (40–89), n = 10: expect less" in marked(root, "reach")
    store("prose-dev", result(rows=[row("open-book+rag", "own", valid=10, right=5)]))
    assert readme.main([], root) == 0
    assert "| open-book+rag | own |" in marked(root, "prose", page)
    assert "n = 10; on longer prose with" in marked(root, "reach")
    assert "in 50 % (24–76), n = 10 (a set to develop on): expect less" in marked(root, "reach")


@pytest.mark.parametrize("name", ["headline", "performance"])
def test_a_picture_is_the_same_each_time_and_goes_stale_with_the_numbers(course, name):
    root, store = course
    first, other = {
        "headline": (result(), result(rows=[row(right=4)])),
        "performance": (BENCH, BENCH | {"answers": {"rounds": {"ours": [3.0]}}}),
    }[name]
    kept = {"headline": "headline-seed0", "performance": "bench"}[name]
    store(kept, first)
    assert readme.stale_pictures(root) == [name]
    readme.draw(root, [name])
    files = [root / "docs" / f"{name}.{end}" for end in ("png", "svg", "txt")]
    before = [file.read_bytes() for file in files]
    readme.draw(root, [name])
    assert [file.read_bytes() for file in files] == before
    assert not readme.stale_pictures(root)
    store(kept, other)
    assert readme.stale_pictures(root) == [name]


def test_the_picture_of_speed_says_every_way_and_size():
    told = bench_picture.words(BENCH)
    assert "Answers, open book with retrieval, ours: 4 answers a second." in told
    assert "Search in 1,000,000 passages: 1,600 queries a second (FAISS lists" in told


def test_other_seeds_add_the_arms_trained_with_each_seed_and_no_shipped_one(course):
    root, store = course
    for seed in tables.SEEDS:
        store(f"headline-seed{seed}", result(seed))
    said = "with the seeds 0 (float32), 1 (float32), 2 (float32):"
    text = readme.readme_values(root)["headline"].split(said)[1]
    assert text.strip().splitlines()[2:] == [
        "| form | atlas | plain | – | 10 | 9, 9, 9 | 0, 1, 2 |",
    ]


def test_the_check_names_what_differs_and_mends_nothing(course, capsys):
    root, store = course
    readme.main([], root)
    before = (root / "README.md").read_text("utf-8")
    store("timing", {"packages_mb": 812.4, "run_seconds": 600, "machine": "Abacus", "date": "May"})
    assert readme.main(["--check"], root) == 1
    assert capsys.readouterr().err == (
        "README.md: the marker 'cost' differs\nrun: python tools/readme.py\n"
    )
    assert (root / "README.md").read_text("utf-8") == before


def test_timing_is_told_and_what_is_missing_is_named(course):
    known = {"packages_mb": 812.4, "run_seconds": 600, "machine": "Abacus", "date": "1 May"}
    text = tables.cost(known)
    assert "The Python packages: 812 MB with torch's build without CUDA; its default" in text
    assert "larger. `make run` takes 10 minutes after the downloads. Measured on Abacus," in text
    assert text.endswith(
        "Not measured yet: the room of the models, the time with `--quick`, the memory in use.\n"
    )
    slow = {"machine": "a slate", "date": "2 May", "run_seconds": 1200, "quick_seconds": 240}
    assert "On a slate, 2 May, `make run` takes 20 minutes, and 4 minutes with `--quick`." in (
        tables.cost({**known, "without_bf16": slow})
    )


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(42, "42 seconds"), (90, "2 minutes"), (6000, "1.7 hours")]
)
def test_times_in_words(seconds, wanted):
    assert tables.span(seconds) == wanted


def test_a_broken_result_is_named(course, capsys):
    root, _ = course
    (root / "data" / "results" / "dose-seed0.json").write_text("{")
    assert readme.main(["--check"], root) == 1
    assert capsys.readouterr().err == (
        "dose-seed0.json is not JSON; write it again with the experiment\n"
    )
