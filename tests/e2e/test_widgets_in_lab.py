"""Every widget in JupyterLab: typed into, moved, clicked, stopped, in both themes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from . import pages
from .lab import LONG, Notebook

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def opened(lab, long_page):
    """The notebook of the widgets, run once from top to bottom."""
    pages.write(lab.folder / "widgets.ipynb")
    found = Notebook(long_page, lab, "widgets.ipynb")
    found.run_all()
    return found


@pytest.fixture
def notebook(opened):
    """The same for each test, which may not make it complain."""
    yield opened
    assert opened.page.complaints == []


def part(notebook, source: str):
    """What stands below the cell with this source."""
    return notebook.cell(source).locator(".jp-Cell-outputArea")


def has(area, text: str, timeout: int = 60_000) -> None:
    """Wait until an area shows a text."""
    try:
        area.get_by_text(text).first.wait_for(timeout=timeout)
    except Exception:
        pytest.fail(f"{text!r} is not in: {area.inner_text()}")


def test_ask_answers_side_by_side_and_shows_markup_as_text(notebook):
    area = part(notebook, pages.ASK)
    has(area, "4 answers in")
    rows = area.locator("table").first.locator("tbody tr")
    cells = [row.locator("th, td").all_inner_texts() for row in rows.all()]
    assert cells[1] == [
        "form",
        "✗ no valid card",
        "✓ valid card",
        "✗ no valid card",
        "✓ valid card",
    ]
    assert cells[2] == ["fact", "✗ wrong", "✗ wrong", "✓ right", "✓ right"]
    assert pages.HOSTILE in cells[0][1]
    assert area.locator("img, script").count() == 0
    assert "used by open-book + RAG" in area.locator("table").nth(1).inner_text()

    box = area.locator("input[type=text]")
    box.fill("Who is <b>mayor</b>?")
    box.press("Enter")
    has(area, "Who is <b>mayor</b>? (the right answer is not known here)")
    has(area, "4 answers in")
    assert area.get_by_text("not known", exact=False).count() > 1
    box.fill("")
    area.get_by_role("button", name="Ask").click()
    has(area, "Type a question first.")


def test_ask_stops_with_the_kernels_interrupt_and_goes_on(notebook):
    area = part(notebook, "# slow")
    area.locator("input[type=text]").fill("Slow?")
    area.get_by_role("button", name="Ask").click()
    has(area, "of 20 answers. Now: 1")
    notebook.interrupt()
    has(area, "Stopped.")
    seen = area.locator("table").first.inner_text()
    assert "slow" in seen and "\u2026" in seen
    notebook.page.wait_for_timeout(1000)
    area.get_by_role("button", name="Ask").click()
    has(area, "of 20 answers. Now: 0")
    notebook.interrupt()
    has(area, "Stopped.")
    assert "live: True" in notebook.run(notebook.cell('print("live:"'))


def test_the_explorer_ranks_anew_for_k_method_and_question(notebook):
    area = part(notebook, "RetrievalExplorer(")
    rows = area.locator("tbody tr")
    has(area, "right passage has rank 1")
    assert rows.count() == 5
    slider = area.get_by_role("slider")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    notebook.page.wait_for_function(
        "e => e.querySelectorAll('tbody tr').length == 8", arg=area.element_handle()
    )
    area.get_by_label("dense").check()
    has(area, "dense score")
    box = area.locator("input[type=text]")
    box.fill("What is the population of City_7?")
    box.press("Enter")
    has(area, "What is the population of City_7? (the right passage")
    box.fill("city <i>seven</i>")
    box.press("Enter")
    has(area, "city <i>seven</i> (which passage is right is not known here)")
    assert area.locator("tbody i").count() == 0


def test_the_monitor_has_drawn_the_training(notebook):
    area = part(notebook, "monitor.show()")
    has(area, "Step 40 of 40")
    assert area.locator("svg polyline").count() == 1
    label = area.locator("svg").get_attribute("aria-label")
    assert re.fullmatch(r"Loss curve: [\d.]+ at step 1, [\d.]+ at step 40\.", label)
    steps = area.locator("table").first.locator("tbody th").all_inner_texts()
    assert steps == ["0", "10", "20", "30", "40"]


def test_the_monitor_draws_while_the_cell_runs_and_stops_with_it(notebook):
    cell = notebook.append(pages.TRAIN_SLOWLY)
    cell.locator(".cm-content").press("Control+Enter")
    area = cell.locator(".jp-Cell-outputArea")
    has(area, "Step 3 of 30")
    notebook.interrupt()
    has(area, "KeyboardInterrupt")
    notebook.wait_idle()
    last = re.search(r"Step (\d+) of 30", area.inner_text())
    assert 3 <= int(last[1]) < 30 and area.locator("svg polyline").count() == 1
    notebook.remove(cell)


def test_what_is_saved_can_be_read_without_a_kernel(notebook):
    notebook.menu("File", "Save Notebook")
    path = notebook.folder / "widgets.ipynb"
    found = saved(path, "monitor.show()")
    for _ in range(50):
        if found:
            break
        notebook.page.wait_for_timeout(200)
        found = saved(path, "monitor.show()")
    assert "Step 40 of 40" in found and "<td" in found
    assert "4 answers in" in saved(path, "Ask(arms, KNOWN)")
    assert "general knowledge" in saved(path, pages.DOSE)


def saved(path: Path, source: str) -> str:
    """The HTML kept below a cell in the file."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    outputs = next(c["outputs"] for c in cells if source in "".join(c["source"]))
    return "".join(part for o in outputs for part in o.get("data", {}).get("text/html", ()))


def test_a_guess_is_kept_and_stands_beside_the_result(notebook):
    area = part(notebook, "guess = Predict(")
    slider = area.get_by_role("slider")
    slider.focus()
    slider.press("Home")
    for _ in range(12):
        slider.press("ArrowRight")
    area.get_by_role("button", name="Keep this guess").press("Enter")
    has(area, "Kept: 12.")
    assert "your guess lies inside it" in notebook.run(notebook.cell(pages.BESIDE))
    assert "nothing yet" in notebook.output(notebook.cell(pages.KEPT))


def test_the_dose_slider_moves_with_the_keyboard(notebook):
    area = part(notebook, pages.DOSE)
    has(area, "Right answers after 0 passes")
    slider = area.get_by_role("slider")
    slider.focus()
    slider.press("End")
    has(area, "Right answers after 20 passes")
    assert area.locator("tbody tr").count() == 4


NAMES = {
    "combobox": {"Question": 3},
    "button": {"Ask": 2, "Keep this guess": 1},
    "radio": {"dense": 1, "lexical": 1, "hybrid": 1},
}


def test_every_control_has_a_name(notebook):
    areas = notebook.page.locator(".jp-Cell-outputArea")
    for role, names in NAMES.items():
        found = {name: areas.get_by_role(role, name=name).count() for name in names}
        assert found == names
    for label in ("k passages", "I expect", "Passes"):  # ipywidgets puts it beside the handle
        slider = areas.locator(".widget-slider", has_text=label)
        assert slider.get_by_role("slider").count() == 1


def test_both_themes_leave_every_text_readable(notebook):
    sources = (
        pages.ASK,
        "RetrievalExplorer(",
        "monitor.show()",
        "guess = Pre",
        pages.BESIDE,
        pages.DOSE,
    )
    notebook.page.set_viewport_size({"width": 1280, "height": 2400})
    for theme, name in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
        notebook.theme(theme)
        for i, source in enumerate(sources):
            notebook.picture(f"widget-{i}-{name}", part(notebook, source))
    notebook.page.set_viewport_size({"width": 1280, "height": 900})


def test_the_real_models_answer(notebook):
    cell = notebook.append(pages.REAL)
    notebook.run(cell)
    area = cell.locator(".jp-Cell-outputArea")
    area.locator("input[type=text]").fill("What is the capital of Norway?")
    area.get_by_role("button", name="Ask").click()
    has(area, "4 answers in", LONG)
    notebook.picture("widget-real", area)
    forms = area.locator("table").first.locator("tbody tr").nth(1).locator("td").all_inner_texts()
    assert forms == ["✗ no valid card", "✓ valid card", "✗ no valid card", "✓ valid card"]


def test_after_a_restart_and_a_second_run_the_widgets_answer_again(notebook):
    notebook.restart()
    notebook.run_all()
    area = part(notebook, pages.DOSE)
    area.get_by_role("slider").press("End")
    has(area, "Right answers after 20 passes")
    area = part(notebook, pages.ASK)
    area.locator("input[type=text]").fill("Again?")
    area.get_by_role("button", name="Ask").click()
    has(area, "Again? (the right answer is not known here)")
    assert area.locator(".widget-button").count() == 1
