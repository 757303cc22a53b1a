"""The experiment on the real models and the shipped adapters: a short run, judged roughly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from utils import experiment, recipes
from utils.arms import NAMES
from utils.data import DATA
from utils.datasets import load_dataset
from utils.finetune import load_tuned
from utils.generate import generate
from utils.prompts import ask, opening, render

pytestmark = pytest.mark.models
BASE = DATA / "reader_dev"


@pytest.fixture(scope="module")
def headline(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The headline of `--quick --limit 4`."""
    out = tmp_path_factory.mktemp("quick")
    assert experiment.main(["--quick", "--limit", "4", "--out", str(out)]) == 0
    return json.loads((out / "headline.json").read_text("utf-8"))


def rows(headline: dict, arm: str, dataset: str) -> list[dict]:
    found = [r for r in headline["rows"] if (r["arm"], r["dataset"]) == (arm, dataset)]
    assert found, f"no row of {arm} on {dataset}"
    return found


def test_every_arm_has_rows_of_four(headline):
    assert {row["arm"] for row in headline["rows"]} == set(NAMES)
    assert all(row["n"] == 4 for row in headline["rows"])


def test_the_base_never_writes_cards_and_the_tuned_model_nearly_always(headline):
    assert all(row["valid"]["k"] == 0 for row in rows(headline, "base", "form"))
    assert all(row["valid"]["k"] >= 3 for row in rows(headline, "form", "form"))


def test_no_arm_knows_the_atlas_closed_book(headline):
    for arm in ("base", "form", "open-book"):
        assert all(row["right"]["k"] <= 1 for row in rows(headline, arm, "atlas"))


def test_retrieval_makes_the_unchanged_model_right_on_cities(headline):
    assert rows(headline, "base+rag", "cities")[0]["right"]["k"] >= 3
    assert headline["weights"]["before_rag"] == headline["weights"]["after_rag"]


def test_form_needs_fewer_prompt_tokens_than_few_shot(headline):
    form = rows(headline, "form", "form")[0]["prompt_tokens"]
    assert form < rows(headline, "few-shot", "form")[0]["prompt_tokens"] / 4


def test_own_documents_are_answered_with_cards_that_name_passages(tmp_path: Path):
    answers = tmp_path / "answers.jsonl"
    files = [
        "--passages",
        str(BASE / "passages.jsonl"),
        "--questions",
        str(BASE / "questions.jsonl"),
    ]
    options = ["--quick", "--limit", "4", "--arms", "open-book+rag", "--answers", str(answers)]
    assert experiment.main([*files, *options, "--out", str(tmp_path)]) == 0
    lines = [json.loads(line) for line in answers.read_text("utf-8").splitlines()]
    assert len(lines) == 4
    assert sum(line["card"] is not None for line in lines) >= 3
    for line in lines:
        named = line["card"] and line["card"]["source"]
        assert named is None or named in line["passages"]


def test_packed_answers_are_those_of_transformers_one_at_a_time():
    """In fp32, where a sum does not depend on what else is in the batch but in its last digits."""
    model, tokenizer = load_tuned(recipes.SHIPPED / "open-book", dtype=torch.float32)
    atlas = load_dataset("atlas")
    asked = [q for q in atlas.ask("plain", "dev") if q.source][:3]
    by_id = {passage.id: passage for passage in atlas.passages}
    shown = [by_id[q.source] for q in asked]
    prompts = [render(ask(q.question, [p]), tokenizer) for q, p in zip(asked, shown, strict=True)]
    openings = [opening([p]) for p in shown]
    found = [c.text for c in generate(model, tokenizer, prompts, 40, openings=openings)]
    for prompt, text in zip(prompts, found, strict=True):
        inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
        out = model.generate(**inputs, max_new_tokens=40, do_sample=False)[0]
        written = out[inputs["input_ids"].shape[1] :]
        assert text == tokenizer.decode(written, skip_special_tokens=True)
