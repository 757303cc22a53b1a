"""The lessons as they are handed out, run with the real models, and what holds for their pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import build
from tools.execute import environment
from utils.exercise_data import load_all

ROOT = build.ROOT
STEMS = [path.stem for path in build.sources(ROOT)]
CHECK = re.compile(r'^check\("(\d+\.\d+)"\)', re.MULTILINE)
KINDS = {exercise.id: exercise.kind for lesson in load_all() for exercise in lesson.exercises}
LONGEST = 25  # lines of a code cell
SECONDS = 900
KEEP = """def keep():
    import sys
    from pathlib import Path

    sys.path.append({!r})
    from kept_answers import install

    install(Path({!r}))

keep()
del keep"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what the models answered, so that they are asked the same once."""
    return tmp_path_factory.mktemp("kept")


def run(stem: str, folder: str, tmp_path: Path, kept: Path, monkeypatch) -> nbformat.NotebookNode:
    """A notebook of the course run from its first cell to its last, errors kept as outputs.

    It starts with no results: what a lesson trains would lie in a folder of its own, and with
    FORM_AND_FACTS_TRAIN=0 it takes the stored adapters.
    """
    from nbclient import NotebookClient

    monkeypatch.setenv("FORM_AND_FACTS_TRAIN", "0")
    value = nbformat.read(ROOT / folder / f"{stem}.ipynb", as_version=4)
    for cell in value.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    value.cells.insert(0, nbformat.v4.new_code_cell(KEEP.format(str(ROOT / "tests"), str(kept))))
    client = NotebookClient(
        value,
        timeout=SECONDS,
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    )
    client.execute(env=environment(tmp_path))
    return value


def checks(value) -> dict[str, str]:
    """What each check of a run notebook printed, by exercise."""
    found = {}
    for cell in value.cells:
        named = CHECK.search(cell.source) if cell.cell_type == "code" else None
        if named:
            found[named[1]] = "".join(output.get("text", "") for output in cell.outputs)
    return found


def failures(value) -> list[str]:
    """The first line of each failing cell, and its error."""
    return [
        f"{cell.source.splitlines()[0]}: {output.ename}: {output.evalue}"
        for cell in value.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]


@pytest.mark.models
@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("stem", STEMS)
def test_every_solution_is_right(stem: str, tmp_path: Path, kept: Path, monkeypatch) -> None:
    value = run(stem, "solutions", tmp_path, kept, monkeypatch)
    assert failures(value) == []
    told = checks(value)
    assert told.keys() == {id for id in KINDS if int(id.split(".")[0]) == int(stem[:2])}
    for id, text in told.items():
        said = "noted" if KINDS[id] == "predict" else "right"
        assert re.match(rf"Exercise {re.escape(id)}, .*: {said}\. \d+ of \d+ points?\.", text), text


@pytest.mark.models
@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("stem", STEMS)
def test_an_untouched_notebook_runs_to_its_end(
    stem: str, tmp_path: Path, kept: Path, monkeypatch
) -> None:
    value = run(stem, "notebooks", tmp_path, kept, monkeypatch)
    assert failures(value) == []
    for id, text in checks(value).items():
        assert "not attempted" in text.splitlines()[0], (id, text)


@pytest.mark.parametrize("stem", STEMS)
def test_cells_are_short(stem: str) -> None:
    value = json.loads((ROOT / "solutions" / f"{stem}.ipynb").read_text("utf-8"))
    for cell in value["cells"]:
        if cell["cell_type"] == "code" and not cell["id"].endswith(build.SETUP):
            lines = [line for line in cell["source"] if not line.startswith(("import ", "from "))]
            assert len(lines) <= LONGEST, "".join(lines)[:80]


@pytest.mark.parametrize("stem", STEMS)
def test_links_and_pictures_of_a_lesson_are_there(stem: str) -> None:
    value = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
    for cell in value.cells:
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(([^)\s]+)\)", cell.source):
            if "://" not in target:
                assert (ROOT / "notebooks" / target.split("#")[0]).exists(), target


def test_there_are_enough_exercises() -> None:
    by_lesson: dict[str, int] = {}
    for id in KINDS:
        by_lesson[id.split(".")[0]] = by_lesson.get(id.split(".")[0], 0) + 1
    assert sum(by_lesson.values()) >= 28
    assert all(by_lesson[str(number)] >= 4 for number in range(1, 7))


def test_spelling() -> None:
    """codespell knows common misspellings; pyproject.toml lists what it takes for one wrongly."""
    made = subprocess.run(
        [sys.executable, "-m", "codespell_lib"], cwd=ROOT, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout + made.stderr
