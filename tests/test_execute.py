"""Lessons executed in a kernel: outputs, the note, and no path of this machine."""

from __future__ import annotations

import re

import pytest

from test_build import cells, make_course  # noqa: F401
from tools import build, execute
from tools.lesson import LessonError

IN_KERNEL = """\
import os, sys, pathlib
import utils.check
utils.check.FOLDER = pathlib.Path("../utils/exercises")
print(os.getcwd(), sys.executable)
"""


def test_a_lesson_is_executed_with_its_outputs_and_without_our_paths(course, capsys):
    root, change = course
    change('print("ready")', IN_KERNEL)
    assert build.main(["--execute", "01"], root) == 0
    made = cells(root, "solutions/01_measure.ipynb")
    note = r"Executed on \d{4}-\d\d-\d\d, on \w+ \w+ with \d+ cores, Python 3\.\d+\.\d+, in \d+ sec"
    assert made[-1].id == "made-on" and re.match(note, made[-1].source)
    assert made[2].outputs[0].text.startswith("./notebooks python")
    assert made[5].outputs[0].text == "Exercise 1.1, Share of cards: right. 2 of 2 points.\n"
    assert made[6].outputs[-1].data["text/plain"] == "1.0"
    assert str(root) not in (root / "solutions" / "01_measure.ipynb").read_text()
    assert build.main(["--check"], root) == 0
    change('print("ready")', "1 / 0")
    assert build.main(["--execute"], root) == 1
    assert "01_measure: a cell failed" in capsys.readouterr().out
    assert build.main(["--execute", "07"], root) == 1
    assert "there is no lesson '07'; there are: 01_measure" in capsys.readouterr().out


def test_the_first_cell_names_the_time_measured(course):
    root, change = course
    change('print("ready")', IN_KERNEL)
    source = root / "solutions" / "01_measure.py"
    text = source.read_text().replace(
        "# # Measure", "# # Measure\n#\n# Computing: {computing time}.", 1
    )
    source.write_text(text)
    build.main([], root)
    assert "Computing: not measured yet." in cells(root, "notebooks/01_measure.ipynb")[0].source
    assert build.main(["--execute", "01"], root) == 0
    seconds = re.search(r"in (\d+) seconds", cells(root, "solutions/01_measure.ipynb")[-1].source)[
        1
    ]
    for folder in ("notebooks", "solutions"):
        told = cells(root, f"{folder}/01_measure.ipynb")[0].source
        assert re.search(rf"Computing: {seconds} seconds on \w+ \w+ with \d+ cores without", told)
    assert build.main(["--check"], root) == 0


def test_paths_in_outputs(tmp_path):
    text = f"{tmp_path}/x and /tmp/ipykernel_12/345.py:3 and {tmp_path}more"
    assert execute.scrubbed([{"text": text}, 3], tmp_path) == [
        {"text": f"./x and cell:3 and {tmp_path}more"},
        3,
    ]
    assert execute.scrubbed({"image/png": "/home/" + "ada"}, tmp_path)["image/png"].endswith("ada")
    with pytest.raises(LessonError, match="an output holds a path of this machine"):
        execute.scrubbed("see /home/" + "somebody/x", tmp_path)
