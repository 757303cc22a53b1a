"""The widgets without a browser: any text stays text, and Ask shows what each arm says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import widget_ask, widget_panel, widgets
from utils.retrieve import Hit
from utils.widget_html import Table, badge, bar, brief, seen
from widget_parts import CARD, HOSTILE, KNOWN, TOWN, Reader, arm, ask, body, column


@given(st.lists(st.text(), min_size=3, max_size=3))
def test_any_text_stays_text(texts):
    caption, name, cell = texts
    table = Table(caption, ("", name), ((name, cell), (badge(cell, True), bar(0.5, cell))))
    reader = Reader(table.html())
    assert set(reader.tags) <= set("table caption thead tbody tr th td span".split())
    assert set(reader.attributes) <= {"style", "scope", "aria-hidden"}
    assert reader.words.count(seen(cell)) >= 3 or "\r" in cell or not cell
    json.dumps(table.text()).encode("utf-8")
    str(table.html()).encode("utf-8")


@pytest.mark.parametrize("hidden", ["\x00", "\x1b", "\u202e", "\u2066", "\ud800", "\x85"])
def test_what_cannot_be_seen_is_marked(hidden):
    assert seen(f"a{hidden}b") == "a\ufffdb"
    assert seen("a\tb\nc é 語") == "a\tb\nc é 語"


def test_the_plain_table_is_aligned():
    table = Table("Title", ("", "wide name"), (("a", badge("right", True)), ("long one", "x\ny")))
    assert table.text() == "Title\n          wide name\na         ✓ right\nlong one  x y"


def test_a_long_answer_is_one_paragraph_cut_short():
    assert brief("a\n\n\n b\t c ") == "a b c"
    assert brief(" \n ") == "(nothing)"
    assert brief("x" * 400) == "x" * 400 and brief("y" * 401) == "y" * 398 + " …"


def test_bars_stay_inside():
    widths = [str(bar(share, "1")).split("width: ")[1].split("%")[0] for share in (-1, 0.25, 7)]
    assert widths == ["0.0", "25.0", "100.0"]


def test_colours_are_jupyterlabs_or_the_pages_own():
    for name in ("html", "panel", "monitor", "ask", "predict"):
        source = Path(widget_panel.__file__).with_name(f"widget_{name}.py")
        text = source.read_text(encoding="utf-8")
        assert not re.search(r"#[0-9a-fA-F]{3,6}\b|\b(white|black)\b(?!-)", text), name
        assert not re.search(r"var\(--jp[\w-]+\)", text), f"{name}: a colour without a fallback"


def test_ask_shows_answers_side_by_side():
    panel = ask()
    panel.ask("  how many people live in  Vellmar? ")
    answers, passages = panel.tables()
    assert answers.caption == "How many people live in Vellmar? (wanted: 48,213)"
    assert column(answers, "base") == {
        "answer": f"About two million. {HOSTILE}",
        "form": "✗ no valid card",
        "fact": "✗ wrong",
        "source": "–",
        "tokens": "40 in, 12 out",
        "seconds": "0.2",
    }
    assert column(answers, "form")["form"] == "✓ valid card"
    assert column(answers, "base + RAG")["fact"] == "✓ right"
    assert column(answers, "open-book + RAG")["source"] == "vellmar"
    assert column(passages, "named as source") == {
        "vellmar": "✓ used by open-book + RAG",
        "orsk": "",
    }
    assert column(passages, "right one") == {"vellmar": "✓ holds the answer", "orsk": ""}


def test_of_a_question_that_is_not_known_only_the_form_is_judged():
    panel = ask()
    panel.ask(HOSTILE)
    answers = panel.tables()[0]
    assert [column(answers, name)["fact"] for name in panel.arms] == ["– not known"] * 4
    assert column(answers, "form")["form"] == "✓ valid card"
    assert body(panel).words.count(HOSTILE) >= 3
    assert not {"script", "img"} & set(body(panel).tags)


@pytest.mark.parametrize("text", ["", "  ", "x" * 1001])
def test_no_arm_is_asked_for_nothing_or_for_too_much(text):
    panel = widgets.Ask({"base": lambda question: pytest.fail("asked")})
    panel.ask(text)
    assert panel.answers == {} and panel.note.endswith(("first.", "shorter one."))


def test_an_arm_that_fails_leaves_the_others():
    def broken(question):
        raise RuntimeError(f"no adapter {HOSTILE}")

    panel = widgets.Ask({"broken": broken, "form": arm(CARD)}, [KNOWN])
    panel.ask(KNOWN.question)
    answers = panel.tables()[0]
    assert column(answers, "broken")["answer"] == f"no answer (RuntimeError): no adapter {HOSTILE}"
    assert column(answers, "broken")["form"] == "–"
    assert column(answers, "form")["fact"] == "✓ right"
    assert "script" not in body(panel).tags


def test_after_the_limit_no_further_arm_is_asked():
    panel = ask(limit=-1)
    panel.ask(KNOWN.question)
    told = {column(panel.tables()[0], name)["answer"] for name in panel.arms}
    assert told == {"not asked: -1 seconds were over"}


def test_the_four_arms_load_what_is_missing_once(monkeypatch, tiny):
    model, tokenizer = tiny
    loaded = []

    def load(name):
        loaded.append(name)
        if name == "retriever":
            hits = [[Hit(TOWN, 1.0)]]
            return {name: SimpleNamespace(search=lambda queries, k, method: hits)}
        return {name: model, "tokenizer": tokenizer}

    monkeypatch.setattr(widget_ask, "_load", load)
    arms = widgets.four_arms(models={"form": model})
    answers = [arms[name](KNOWN) for name in arms for _ in range(2)]
    assert list(arms) == ["base", "form", "base + RAG", "open-book + RAG"]
    assert loaded == ["base", "retriever", "open-book"]
    assert [bool(a.passages) for a in answers] == [False] * 4 + [True] * 4
    assert all(a.completion.prompt_tokens > 0 for a in answers)
