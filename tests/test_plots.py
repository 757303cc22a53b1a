"""The pictures of search and of tokens: every figure in words, nothing told by colour alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict
from pathlib import Path

import matplotlib
import pytest

from utils import plots
from utils.measure import rate
from utils.reference import reference


def share(k: int, n: int) -> dict:
    return asdict(rate([True] * k + [False] * (n - k)))


def recall(dataset="cities", retriever="dense", k=1, value=0.61, n=100) -> dict:
    return {"dataset": dataset, "retriever": retriever, "k": k, "recall": value, "n": n}


def row(arm: str, valid: int, tokens: float, dataset="form", variant="plain") -> dict:
    return {
        "arm": arm,
        "dataset": dataset,
        "variant": variant,
        "valid": share(valid, 200),
        "prompt_tokens": tokens,
    }


RECALL = [
    recall(),
    recall(k=5, value=0.91),
    recall(retriever="lexical", value=1.0),
    recall(retriever="hybrid", value=1.0),
    recall("library", "hybrid", value=0.96, n=300),
]
ROWS = [
    row("base", 0, 40.1),
    row("few-shot", 134, 290.1),
    row("form", 199, 40.1),
    row("other", 1, 7, dataset="atlas"),
    row("another", 1, 7, variant="general"),
]


@pytest.fixture
def readable():
    """Pictures whose letters stay letters in the .svg."""
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        yield


def drawn(path: Path) -> list[str]:
    """The strings that a picture draws."""
    found = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()).strip() for text in found]


def described(path: Path) -> str:
    return "".join(ElementTree.parse(path).getroot().itertext())


def test_the_recall_picture_says_each_recall_with_its_interval(tmp_path, readable) -> None:
    text = plots.recall_picture(RECALL, tmp_path / "new")
    assert text == (
        "Bar chart: share of questions whose passage is found, by data set and retriever.\n"
        "cities, dense, recall@1: 61 of 100 (61 %, interval 51 to 70).\n"
        "cities, dense, recall@5: 91 of 100 (91 %, interval 84 to 95).\n"
        "cities, lexical, recall@1: 100 of 100 (100 %, interval 96 to 100).\n"
        "cities, hybrid, recall@1: 100 of 100 (100 %, interval 96 to 100).\n"
        "library, hybrid, recall@1: 288 of 300 (96 %, interval 93 to 98).\n"
    )
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "recall.png",
        "recall.svg",
        "recall.txt",
    ]
    assert (tmp_path / "new" / "recall.txt").read_text("utf-8") == text
    assert all(line in described(tmp_path / "new" / "recall.svg") for line in text.splitlines())


def test_the_recall_picture_draws_names_and_figures(tmp_path, readable) -> None:
    plots.recall_picture(RECALL, tmp_path)
    words = drawn(tmp_path / "recall.svg")
    for wanted in ("cities", "library", "61", "96", "dense, recall@1", "dense, recall@5"):
        assert wanted in words
    assert words.count("100") == 3  # two bars, and the axis


def test_the_tokens_picture_shows_the_plain_rows_of_one_data_set(tmp_path, readable) -> None:
    text = plots.tokens_picture(ROWS, tmp_path)
    assert text == (
        "Scatter chart: prompt tokens against valid cards on form, by arm.\n"
        "base: 40 prompt tokens, valid 0 of 200 (0 %, interval 0 to 2).\n"
        "few-shot: 290 prompt tokens, valid 134 of 200 (67 %, interval 60 to 73).\n"
        "form: 40 prompt tokens, valid 199 of 200 (100 %, interval 97 to 100).\n"
    )
    words = drawn(tmp_path / "tokens.svg")
    assert {"base", "few-shot", "form", "prompt tokens an answer", "valid cards (%)"} <= set(words)
    assert not {"other", "another"} & set(words)


def test_arms_at_one_place_share_a_label(tmp_path, readable) -> None:
    rows = [row("form", 199, 40), row("open-book", 200, 41), row("base", 0, 40)]
    plots.tokens_picture(rows, tmp_path, "both")
    words = drawn(tmp_path / "both.svg")
    assert "form, open-book" in words and "base" in words


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("picture", [plots.recall_picture, plots.tokens_picture])
def test_no_rows_make_an_empty_picture_without_a_warning(tmp_path, picture) -> None:
    assert len(picture([], tmp_path, "empty").splitlines()) == 1
    assert (tmp_path / "empty.png").stat().st_size > 1000


def test_the_stored_results_are_drawn(tmp_path) -> None:
    stored = reference("headline")
    assert plots.recall_picture(stored["recall"], tmp_path).count("\n") == 1 + len(stored["recall"])
    assert "form: " in plots.tokens_picture(stored["rows"], tmp_path)


def test_a_notebooks_own_pictures_stay_as_they_are(tmp_path) -> None:
    matplotlib.use("svg")
    try:
        plots.headline_picture([], tmp_path)
        plots.recall_picture(RECALL, tmp_path)
        assert matplotlib.get_backend() == "svg"
    finally:
        matplotlib.use("agg")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("colour", [plots.FORM, plots.FACTS, plots.GREEN])
def test_filled_areas_stand_out_from_the_page(colour) -> None:
    assert 1.05 / (luminance(colour) + 0.05) > 3  # WCAG 2.2, 1.4.11, for graphical objects


def test_the_palette_is_okabe_and_itos() -> None:
    palette = "#E69F00 #56B4E9 #009E73 #F0E442 #0072B2 #D55E00 #CC79A7".split()
    assert {plots.FORM, plots.FACTS, plots.GREEN, plots.PINK} <= set(palette)
    source = Path(plots.__file__).read_text("utf-8")
    assert set(re.findall(r"#[0-9A-F]{6}", source)) <= set(palette)
