"""Tables, JSON and pictures of the results: every number is there, in figures and in words."""

from __future__ import annotations

import importlib.metadata
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import matplotlib
import pytest
from rich.console import Console

from utils import plots, report
from utils.measure import DIAGNOSES, rate
from utils.report import COLUMNS, cells, markdown, percent, read_json, write_json

PNG = b"\x89PNG\r\n\x1a\n"
MISSES = dict(zip(DIAGNOSES, (1, 2, 3, 4), strict=True))


def share(k: int, n: int) -> dict:
    return asdict(rate([True] * k + [False] * (n - k)))


def row(arm: str, valid: int, right: int, n: int = 100, **values) -> dict:
    """A row as the experiment makes it: atlas, plain, closed book unless said otherwise."""
    return {
        "arm": arm,
        "dataset": "atlas",
        "variant": "plain",
        "passes": None,
        "k": None,
        "retriever": None,
        "n": n,
        "valid": share(valid, n),
        "right": share(right, n),
        "source": None,
        "abstained": None,
        "prompt_tokens": 41.6,
        "completion_tokens": 12.2,
        "seconds_per_answer": 0.456,
        "misses": MISSES,
        **values,
    }


ROWS = [
    row("base", 0, 3),
    row("form", 97, 2),
    row("open-book+rag", 100, 88, k=3, source=share(91, 100), abstained=share(5, 100)),
    row("other", 50, 50, dataset="cities"),
    row("another", 50, 50, variant="reworded"),
]
DOSE = [
    row("facts", 0, right, passes=passes, variant=variant, dataset="cities")
    for variant, rights in (("plain", (97, 0)), ("reworded", (40, 1)), ("general", (33, 30)))
    for passes, right in zip((20, 0), rights, strict=True)
]

PERCENTS = [
    (None, "–"),
    (share(97, 100), "97 % (92–99)"),
    (share(0, 20), "0 % (0–16)"),
    (share(20, 20), "100 % (84–100)"),
    (share(1, 3), "33 % (6–79)"),
]


@pytest.mark.parametrize(("value", "wanted"), PERCENTS, ids=[case[1] for case in PERCENTS])
def test_percent(value: dict | None, wanted: str) -> None:
    assert percent(value) == wanted


def test_cells_stand_under_their_columns() -> None:
    assert dict(zip(COLUMNS, cells(ROWS[2]), strict=True)) == {
        "arm": "open-book+rag",
        "data set": "atlas",
        "variant": "plain",
        "passes": "–",
        "k": "3",
        "n": "100",
        "valid": "100 % (96–100)",
        "right": "88 % (80–93)",
        "source": "91 % (84–95)",
        "abstained": "5 % (2–11)",
        "tokens in": "42",
        "tokens out": "12",
        "s/answer": "0.46",
        "misses f/t/r/a": "1/2/3/4",
    }
    assert cells(row("facts", 1, 1, passes=0))[3] == "0"


def test_the_table_shows_every_cell() -> None:
    written = io.StringIO()
    Console(width=300, file=written).print(report.table(ROWS, "Form & Facts"))
    lines = written.getvalue().splitlines()
    assert lines[0].strip() == "Form & Facts"
    for wanted in [list(COLUMNS), *map(cells, ROWS)]:
        assert any([part.strip() for part in re.split("[│┃]", s)][1:-1] == wanted for s in lines)


def test_markdown_has_a_line_a_row_and_the_columns_asked_for() -> None:
    found = markdown(ROWS[:2], ["arm", "right", "n"])
    assert found == (
        "| arm | right | n |\n| --- | --- | --- |\n"
        "| base | 3 % (1–8) | 100 |\n| form | 2 % (1–7) | 100 |\n"
    )
    for line in markdown(ROWS).splitlines():
        assert line.count("|") == len(COLUMNS) + 1


def test_json_is_read_back_and_no_half_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "headline.json"
    write_json(path, {"rows": ROWS, "name": "Öland"})
    assert read_json(path) == {"rows": ROWS, "name": "Öland"}
    with pytest.raises(TypeError):
        write_json(path, {"rows": object()})
    assert read_json(path)["rows"] == ROWS
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", [None, b"", b'{"rows": [', b"\xff"])
def test_a_missing_or_broken_file_is_none(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    assert read_json(tmp_path / "a.json") is None


def test_the_headline_says_what_it_depends_on(monkeypatch) -> None:
    monkeypatch.setenv("FORM_AND_FACTS_DEVICE", "cpu")
    found = report.headline(ROWS, [], {"before_rag": "a"}, seed=3, model="tiny")
    assert json.loads(json.dumps(found)) == found
    assert (found["schema"], found["seed"], found["model"]) == (1, 3, "tiny")
    assert found["rows"] == ROWS and found["weights"] == {"before_rag": "a"}
    assert found["versions"]["peft"] == importlib.metadata.version("peft")
    assert datetime.fromisoformat(found["created"]).utcoffset().total_seconds() == 0
    device = found["device"]
    assert (device["device"], device["dtype"] in ("float32", "bfloat16")) == ("cpu", True)
    assert device["memory_gib"] > 0 and device["cores"] >= 1 and device["processor"]


@pytest.fixture
def readable():
    """Pictures whose letters stay letters in the .svg."""
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        yield


def words_in(path: Path) -> list[str]:
    """The strings that the picture draws."""
    found = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()).strip() for text in found]


def numbers(rates: list[dict]) -> list[str]:
    """What the text of a picture must say about each rate."""
    return [
        f"{r['k']} of {r['n']} ({100 * r['rate']:.0f} %, "
        f"interval {100 * r['low']:.0f} to {100 * r['high']:.0f})"
        for r in rates
    ]


def check_files(folder: Path, name: str, text: str) -> None:
    files = sorted(path.name for path in folder.iterdir())
    assert files == [f"{name}.png", f"{name}.svg", f"{name}.txt"]
    assert (folder / f"{name}.png").read_bytes().startswith(PNG)
    assert (folder / f"{name}.txt").read_text("utf-8") == text
    described = "".join(ElementTree.parse(folder / f"{name}.svg").getroot().itertext())
    assert all(line in described for line in text.splitlines())


def test_the_headline_picture(tmp_path: Path, readable) -> None:
    text = plots.headline_picture(ROWS, tmp_path / "new")
    check_files(tmp_path / "new", "headline", text)
    lines = text.splitlines()
    assert lines[0] == "Bar chart: share of valid cards and of right answers on atlas, by arm."
    assert lines[1] == (
        "base: valid 0 of 100 (0 %, interval 0 to 4), right 3 of 100 (3 %, interval 1 to 8)."
    )
    assert [line.split(":")[0] for line in lines[1:]] == ["base", "form", "open-book+rag"]
    for line, shown in zip(lines[1:], ROWS[:3], strict=True):
        assert all(number in line for number in numbers([shown["valid"], shown["right"]]))


def test_the_headline_picture_names_what_it_shows(tmp_path: Path, readable) -> None:
    plots.headline_picture([*ROWS, row("few", 1, 1, n=20)], tmp_path, "bars")
    drawn = words_in(tmp_path / "bars.svg")
    title = "Form and facts on atlas, n = 20 to 100 questions an arm"
    for wanted in ("arm", "share of answers (%)", title, "base", "open-book+rag", "97", "88"):
        assert wanted in drawn
    assert {"valid card (form)", "right answer (fact)"} <= set(drawn)
    assert not {"other", "another"} & set(drawn)


@pytest.mark.filterwarnings("error")
def test_a_run_without_atlas_has_an_empty_picture(tmp_path: Path, readable) -> None:
    text = plots.headline_picture(ROWS[3:], tmp_path)
    check_files(tmp_path, "headline", text)
    assert len(text.splitlines()) == 1


def test_the_dose_picture(tmp_path: Path, readable) -> None:
    text = plots.dose_picture(DOSE, tmp_path)
    check_files(tmp_path, "dose", text)
    drawn = words_in(tmp_path / "dose.svg")
    title = "When are facts memorised, and what does it cost?"
    for wanted in ("passes over the 100 facts (epochs)", "right answers (% of n = 100)", title):
        assert wanted in drawn
    assert {"as trained", "reworded", "reversed", "general knowledge"} <= set(drawn)
    lines = text.splitlines()
    assert lines[1] == "as trained, 0 passes: 0 of 100 (0 %, interval 0 to 4)."
    assert [line.split(":")[0] for line in lines[1:]] == [
        f"{label}, {passes} passes"
        for label in ("as trained", "reworded", "general knowledge")
        for passes in (0, 20)
    ]
    for number in numbers([point["right"] for point in DOSE]):
        assert number in text


def test_two_runs_of_one_dose_are_both_shown(tmp_path: Path) -> None:
    text = plots.dose_picture([DOSE[0], {**DOSE[0], "right": share(90, 100)}], tmp_path)
    assert text.count("as trained, 20 passes") == 2


def test_no_picture_stays_open(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    plots.headline_picture(ROWS, tmp_path)
    plots.dose_picture(DOSE, tmp_path)
    assert plt.get_fignums() == []
