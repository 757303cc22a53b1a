"""When widgets are live, how they stop, and what is left of them without a front end."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from utils import widget_panel, widgets
from utils.widget_panel import STOPPED, VIEW, live
from widget_parts import KNOWN, arm, ask, controls


def test_what_is_typed_is_asked_and_a_click_asks_it_again(monkeypatch):
    monkeypatch.setattr(widget_panel, "PAUSE", 0)
    panel = ask()
    (box,), (button,) = controls(panel, "Combobox"), controls(panel, "Button")
    box.value = KNOWN.question
    assert len(panel.answers) == 4 and "4 answers in" in panel._line.value
    assert controls(panel, "IntProgress")[0].value == 4
    panel.answers.clear()
    button.click()
    assert len(panel.answers) == 4 and panel.question == KNOWN
    box.value = ""
    assert "Type a question first." in panel._line.value


def test_a_second_click_while_it_works_is_dropped():
    panel, asked = widgets.Ask({}), []

    def answer(question):
        asked.append(question.question)
        controls(panel, "Button")[0].click()
        return arm("x")(question)

    panel.arms = {"one": answer}
    controls(panel, "Combobox")[0].value = "Who?"
    controls(panel, "Button")[0].click()  # made while the first was at work, handled after it
    assert asked == ["Who?"]


def test_an_interrupt_stops_and_the_next_click_works(monkeypatch):
    monkeypatch.setattr(widget_panel, "PAUSE", 0)
    moods = [KeyboardInterrupt(), None]

    def moody(question):
        if (mood := moods.pop(0)) is not None:
            raise mood
        return arm("x")(question)

    panel = widgets.Ask({"first": arm("kept"), "moody": moody})
    controls(panel, "Combobox")[0].value = "Who?"
    assert panel.note == STOPPED and list(panel.answers) == ["first"] and not panel.busy
    controls(panel, "Button")[0].click()
    assert list(panel.answers) == ["first", "moody"]


def test_shown_with_a_question_an_interrupt_ends_the_cell_too(capsys):
    def stop(question):
        raise KeyboardInterrupt

    panel = widgets.Ask({"one": stop})
    with pytest.raises(KeyboardInterrupt):
        panel.show("Who?")
    assert panel.note == STOPPED


def kernel(monkeypatch, **names):
    """IPython in a kernel, as far as the widgets look at it."""
    shell = SimpleNamespace(kernel=SimpleNamespace(), user_ns=names)
    monkeypatch.setattr(widget_panel, "_shell", lambda: shell)
    for name in ("JPY_SESSION_NAME", "FORM_AND_FACTS_HEADLESS"):
        monkeypatch.delenv(name, raising=False)
    return shell


@pytest.mark.parametrize(
    ("names", "variables", "wanted"),
    [
        ({}, {}, False),
        ({}, {"JPY_SESSION_NAME": "a.ipynb"}, True),
        ({}, {"JPY_SESSION_NAME": "a.ipynb", "FORM_AND_FACTS_HEADLESS": "1"}, False),
        ({}, {"FORM_AND_FACTS_HEADLESS": "0"}, True),
        ({"__vsc_ipynb_file__": "a.ipynb"}, {}, True),
    ],
)
def test_where_widgets_are_live(monkeypatch, names, variables, wanted):
    kernel(monkeypatch, **names)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert live() is wanted


def test_outside_of_a_kernel_nothing_is_live(monkeypatch):
    monkeypatch.setenv("FORM_AND_FACTS_HEADLESS", "0")
    monkeypatch.setattr(widget_panel, "_shell", lambda: None)
    assert live() is False


def test_the_bundle_has_the_widget_only_where_it_is_live(monkeypatch):
    panel = ask()
    still = panel._repr_mimebundle_()
    assert set(still) == {"text/plain", "text/html"} and panel._box is None
    monkeypatch.setattr(widget_panel, "live", lambda: True)
    found = panel._repr_mimebundle_()
    assert set(found) == {"text/plain", "text/html", VIEW}
    assert found[VIEW]["model_id"] == panel.box().model_id


def test_a_second_run_of_a_cell_closes_the_widgets_of_the_first(monkeypatch):
    parent = {"metadata": {"cellId": "c1"}, "header": {"msg_id": "one"}}
    shell = SimpleNamespace(get_parent=lambda: parent)
    monkeypatch.setattr(widget_panel, "_shell", lambda: shell)
    monkeypatch.setattr(widget_panel, "_shown", {})
    first, beside = ask(), ask()
    boxes = [first.box(), beside.box()]
    assert all(box.comm is not None for box in boxes)
    parent["header"] = {"msg_id": "two"}
    again = ask()
    again.box()
    assert all(box.comm is None for box in boxes) and again.box().comm is not None
    first.ask("Who?")  # what was closed can still be used from code
    assert len(first.answers) == 4


def test_a_job_from_another_thread_waits_for_the_main_one(monkeypatch):
    shell, done = kernel(monkeypatch), []
    calls = []
    shell.kernel.io_loop = SimpleNamespace(add_callback=lambda *call: calls.append(call))
    thread = threading.Thread(
        target=lambda: widget_panel.on_main(lambda: done.append(threading.current_thread()))
    )
    thread.start()
    thread.join()
    assert done == [] and len(calls) == 1
    calls[0][0](*calls[0][1:])
    assert done == [threading.main_thread()]


SILENT = """
import sys, threading
from utils.widgets import Ask, DoseSlider, Predict
Ask({}).show()
DoseSlider().show()
Predict("What?", high=40).show()
print("ipywidgets" in sys.modules, threading.active_count())
"""


def test_without_a_front_end_there_are_no_widgets_and_no_threads():
    ran = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "False 1"
    assert "Nothing has been asked yet." in ran.stdout and "general knowledge" in ran.stdout


def test_in_nbclient_a_notebook_keeps_tables_and_no_widget(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    code = "from utils.widgets import Ask, DoseSlider\nDoseSlider().show()\nAsk({}).show('Who?')"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    options = {"timeout": 120, "kernel_name": "python3", "store_widget_state": True}
    NotebookClient(book, resources={"metadata": {"path": str(tmp_path)}}, **options).execute()
    bundles = [set(output["data"]) for output in book.cells[0].outputs]
    assert bundles == [{"text/plain", "text/html"}] * 2
    assert "Who?" in book.cells[0].outputs[1]["data"]["text/plain"]
    assert not book.metadata.get("widgets")
