"""What is written by hand in the README and the data card: tree, links, options, examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from test_safety import tracked
from tools import readme
from utils import experiment
from utils.card import parse_card, write_card
from utils.data import load_passages, load_questions

ROOT = readme.ROOT
README = (ROOT / "README.md").read_text("utf-8")


def tree() -> dict[str, set[str]]:
    """The names in the README's tree: the top level under "", and those of each folder."""
    block = README.split("## What lies where\n```\n")[1].split("\n```")[0]
    found: dict[str, set[str]] = {"": set()}
    folder = ""
    for line in block.splitlines():
        name, phrase = line.split(maxsplit=1)
        assert phrase.strip(), f"{name} has no phrase"
        folder = folder if line.startswith(" ") else name
        found.setdefault(folder if line.startswith(" ") else "", set()).add(name)
    return found


def listed(folder: Path) -> set[str]:
    """The names directly in a folder that git tracks, folders with a stroke."""
    paths = [p.relative_to(folder).parts for p in tracked() if p.is_relative_to(folder)]
    return {parts[0] + ("/" if len(parts) > 1 else "") for parts in paths}


def test_the_tree_names_exactly_what_is_there():
    assert tree() == {
        "": listed(ROOT),
        "utils/": listed(ROOT / "utils"),
        "tools/": listed(ROOT / "tools"),
    }


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


LINKING = ["README.md", "CONTRIBUTING.md", "data/README.md"]
LINKING += [f"docs/{name}.md" for name in ("faq", "grading", "results", "scale")]


@pytest.mark.parametrize("name", LINKING)
def test_links_resolve(name):
    page = ROOT / name
    text = page.read_text("utf-8")
    anchors = {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif "://" not in target:
            assert (page.parent / target.split("#")[0]).exists(), target


def test_the_messages_in_the_questions_are_those_that_are_printed():
    page = (ROOT / "docs" / "faq.md").read_text("utf-8")
    sources = [p for folder in ("utils", "tools") for p in (ROOT / folder).glob("*.py")]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    code = re.sub(r"\"\s*\n\s*[fr]?\"", "", code)  # a sentence over several lines is one
    messages = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    pythons = {"No module named 'utils'", "NameError"}
    assert len(messages) > 10 and pythons < set(messages)
    assert [m for m in messages if m not in code and m not in pythons] == []


def test_the_options_are_those_of_the_command_line(capsys):
    with pytest.raises(SystemExit):
        experiment.parse(["--help"])
    real = set(re.findall(r"--[a-z]+", capsys.readouterr().out))
    rows = re.findall(r"^\| (`--.+?) \|", README, re.MULTILINE)
    assert set(re.findall(r"--[a-z]+", " ".join(rows))) == real


def test_the_example_documents_and_the_card_load(tmp_path):
    lines = re.findall(r"^    (\{.+\})$", README, re.MULTILINE)
    card, passages, questions = lines[0], lines[1:3], lines[3:]
    assert write_card(parse_card(card)) == card
    (tmp_path / "p.jsonl").write_text("\n".join(passages))
    (tmp_path / "q.jsonl").write_text("\n".join(questions))
    texts = {p.id: p.text for p in load_passages(tmp_path / "p.jsonl")}
    asked = load_questions(tmp_path / "q.jsonl")
    assert len(texts) == len(asked) == 2
    assert all(q.answer in texts[q.source] for q in asked if q.answer)


@pytest.mark.parametrize("name", readme.PAGES)
def test_no_measured_number_is_typed_by_hand(name):
    text = readme.MARKED.sub("", (ROOT / name).read_text("utf-8"))
    figures = re.findall(r"[\d.,]+ (?:%|MB|GB|GiB|seconds|minutes|hours)", text)
    assert set(figures) <= {"0 %", "95 %"}  # the interval, and the quoted experiment
