"""The explorer, the monitor, the guess and the dose, without a browser."""

from __future__ import annotations

import json

import pytest

from utils import widget_monitor, widget_panel, widgets
from utils.data import Passage, Question
from utils.finetune import Step
from utils.generate import Completion
from utils.measure import rate
from utils.reference import find_rows, reference
from utils.retrieve import Hit
from widget_parts import CARD, HOSTILE, KNOWN, ask, body, column, controls


class Naive:
    """A retriever over the numbers 0 to 49: a score is the length of the query less the number."""

    passages = [Passage(str(i), "", f"Number {i}. {HOSTILE}") for i in range(50)]

    def __init__(self):
        self.calls = []

    def search(self, queries, k, method):
        self.calls.append((queries[0], method))
        scored = [(len(queries[0]) - i, i) for i in range(50)]
        scored.sort(key=lambda pair: (pair[0] < 0, pair[1]))
        return [[Hit(self.passages[i], float(score)) for score, i in scored[:k]]]


def test_the_explorer_ranks_marks_and_finds_the_right_passage_further_down():
    question = Question("q", "abcd", "4", source="2")
    far = Question("r", "far away", "4", source="30")
    panel = widgets.RetrievalExplorer(Naive(), [question, far])
    table = panel.tables()[0]
    assert table.caption == "abcd (the right passage has rank 3)"
    assert [row[0] for row in table.rows] == ["1", "2", "3", "4", "5"]
    assert column(table, "right one") == {
        "1": "",
        "2": "",
        "3": "✓ right passage",
        "4": "",
        "5": "",
    }
    assert column(table, "hybrid score")["3"] == "2.000"
    (text,), (k,), (method,) = (
        controls(panel, n) for n in "Combobox IntSlider RadioButtons".split()
    )
    k.value = 8
    assert body(panel).tags.count("tr") == 9
    method.value, text.value = "dense", "far away"
    reader = body(panel)
    assert "far away (the right passage has rank 31)" in reader.words
    assert not {"script", "img"} & set(reader.tags) and HOSTILE in reader.words
    text.value = HOSTILE
    assert "is not known here" in body(panel).words
    assert panel.retriever.calls == [
        ("abcd", "hybrid"),
        ("abcd", "dense"),
        ("far away", "dense"),
        (HOSTILE, "dense"),
    ]


def test_the_explorer_asks_for_nothing_without_a_question():
    panel = widgets.RetrievalExplorer(Naive(), [])
    assert panel.tables()[0].rows == () and panel.retriever.calls == []


def test_of_many_moves_made_at_once_the_last_is_shown(monkeypatch):
    waiting, seen_ks = [], []
    monkeypatch.setattr(widget_panel, "on_main", waiting.append)
    panel = widgets.RetrievalExplorer(Naive(), [KNOWN])
    monkeypatch.setattr(panel, "paint", lambda: seen_ks.append(panel.k))
    slider = controls(panel, "IntSlider")[0]
    seen_ks.clear()
    for k in (6, 7, 8):
        slider.value = k
    assert len(waiting) == 1 and seen_ks == []
    waiting[0]()
    assert seen_ks == [8]


def monitor(tiny, monkeypatch, texts=("x",)) -> widgets.TrainingMonitor:
    def write(model, tokenizer, prompts, new):
        assert len(prompts) == 1 and "Where?" in prompts[0]
        return [Completion(model, 1, 1, 0.1)]

    monkeypatch.setattr(widget_monitor, "generate", write)
    return widgets.TrainingMonitor(["Where?"], tiny[1])


def test_the_monitor_shows_the_card_appear(tiny, monkeypatch):
    panel = monitor(tiny, monkeypatch)
    panel.box()
    panel.sample(0, f"Oslo {HOSTILE}")
    for i in range(1, 21):
        if i % 10 == 0:
            panel.sample(i, CARD)
        panel.tick(Step(i, 20, 3 - i / 10))
    answers, losses = panel.tables()
    assert column(answers, "form") == {
        "0": "✗ no valid card",
        "10": "✓ valid card",
        "20": "✓ valid card",
    }
    assert column(losses, "loss (nats a token)")["1"] == "2.90"
    assert losses.rows[-1] == ("20", "1.00") and len(losses.rows) <= 12
    assert panel.note == "Step 20 of 20, loss 1.00."
    reader = body(panel)
    assert "polyline" in reader.tags and "script" not in reader.tags
    assert "Loss curve: 2.90 at step 1, 1.00 at step 20." in panel._body.value


def test_a_training_that_begins_anew_clears_the_old_one(tiny, monkeypatch):
    panel = monitor(tiny, monkeypatch)
    for _ in range(2):
        panel.sample(0, "before")
        for i in (1, 2, 3):
            panel.tick(Step(i, 3, float(i)))
        panel.sample(3, "after")
    assert panel.losses == {1: 1.0, 2: 2.0, 3: 3.0}
    assert [s.step for s in panel.samples] == [0, 3]


def test_a_training_that_goes_on_keeps_the_first_part(tiny, monkeypatch):
    panel = monitor(tiny, monkeypatch)
    for i in (1, 2, 3):
        panel.tick(Step(i, 9, 1.0))
    for i in (3, 4, 5):  # from the checkpoint after step 2
        panel.tick(Step(i, 9, 2.0))
    assert panel.losses == {1: 1.0, 2: 1.0, 3: 2.0, 4: 2.0, 5: 2.0}


def test_the_curve_rises_and_falls_with_the_loss():
    drawn = str(widget_monitor.curve({1: 4.0, 2: 2.0, 4: 1.0}, 4, [4]))
    points = drawn.split('points="')[1].split('"')[0].split()
    xs, ys = zip(*((float(n) for n in point.split(",")) for point in points), strict=True)
    assert ys[0] < ys[1] < ys[2] and xs[2] - xs[1] == pytest.approx(2 * (xs[1] - xs[0]), abs=0.2)
    assert drawn.count("<circle") == 1


@pytest.fixture
def progress(tmp_path, monkeypatch):
    """A progress file of its own; a function that keeps a guess in it."""
    path = tmp_path / "progress.json"
    monkeypatch.setenv("FORM_AND_FACTS_PROGRESS", str(path))

    def keep(id, answer):
        entry = {"outcome": "right", "right": True, "attempts": 1, "answer": answer}
        path.write_text(json.dumps({"version": 1, "exercises": {id: entry}}))

    return keep


RATES = [
    ("2.4", 0.9, "0.9", "0.933 (28 of 30)", "inside"),
    ("2.4", 0.5, "0.5", "0.933 (28 of 30)", "outside"),
    ("3.1", 28, "28", "28 (28 of 30)", "inside"),
    ("3.1", 0, "0", "28 (28 of 30)", "outside"),
]


@pytest.mark.parametrize(("id", "guess", "told", "measured", "where"), RATES)
def test_a_guess_stands_beside_the_rate(progress, id, guess, told, measured, where):
    progress(id, guess)
    found = widgets.Predict("What?", exercise=id).beside(rate([True] * 28 + [False] * 2))
    assert column(found.tables()[0], "value") == {"expected": told, "measured": measured}
    assert found.note.endswith(f"your guess lies {where} it.")


def test_a_guess_in_words_stands_beside_words(progress):
    progress("5.4", "more")
    found = widgets.Predict("More or fewer?", exercise="5.4").beside("fewer")
    assert column(found.tables()[0], "value") == {"expected": "more", "measured": "fewer"}


def test_a_choice_of_numbers_is_drawn_on_its_own_scale(progress):
    progress("3.4", 10)
    found = widgets.Predict("Passes?", exercise="3.4").beside(20)
    assert [str(row[1]).split("width: ")[1].split("%")[0] for row in found.table.rows] == [
        "50.0",
        "100.0",
    ]


def test_without_a_guess_it_says_how_to_make_one(progress):
    panel = widgets.Predict("What?", exercise="2.4")
    assert "nothing yet: do exercise 2.4" in repr(panel.beside(0.5))


@pytest.mark.parametrize(
    ("options", "kind", "value"),
    [
        ({"high": 40}, "IntSlider", 12),
        ({}, "FloatSlider", 0.35),
        ({"options": ("more", "fewer")}, "Dropdown", "fewer"),
    ],
)
def test_a_guess_is_made_and_kept(options, kind, value):
    panel = widgets.Predict("What?", **options)
    assert panel.guess() is None
    entry = controls(panel, kind)[0]
    controls(panel, "Button")[0].click()
    assert panel.guess() == entry.value  # also for who does not move it
    entry.value = value
    assert panel.guess() == value
    assert f"Kept: {value}." in panel._line.value and str(value) in body(panel).words


def test_a_guess_cannot_be_moved_once_the_result_is_out():
    panel = widgets.Predict("What?", high=40)
    panel.beside(7)  # nothing was kept yet, so nothing is closed
    slider = controls(panel, "IntSlider")[0]
    slider.value = 12
    panel.beside(7)
    slider.value = 7
    assert panel.guess() == 12 and panel.note == "The result is out; your guess stays 12."


def test_the_dose_slider_shows_the_stored_rows():
    panel = widgets.DoseSlider()
    stored = reference("dose")
    slider = controls(panel, "SelectionSlider")[0]
    assert list(slider.options) == sorted({r["passes"] for r in stored["rows"]})
    slider.value = 20
    words = body(panel).words
    for row in find_rows(stored, passes=20):
        assert f"{row['right']['k']} of {row['right']['n']}" in words
    assert "after 20 passes" in words
    assert len(panel.tables()[0].rows) == len(slider.options)


def test_no_doses_are_no_error():
    panel = widgets.DoseSlider([])
    assert panel.tables()[0].rows == () and controls(panel, "SelectionSlider") == []


def test_every_control_has_a_name():
    panels = [
        ask(),
        widgets.RetrievalExplorer(Naive(), [KNOWN]),
        widgets.DoseSlider(),
        widgets.Predict("What?"),
    ]
    kinds = "Combobox Button IntSlider RadioButtons SelectionSlider FloatSlider IntProgress".split()
    found = [widget for panel in panels for kind in kinds for widget in controls(panel, kind)]
    assert len(found) == 9 and all(widget.description for widget in found)
