"""The experiment from its command line on the tiny model: files, re-use, interruption, errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from test_retrieve import FakeEmbedder
from utils import experiment, finetune, models, recipes, runner
from utils.datasets import training_examples

ROW = set(
    "arm dataset variant passes k retriever n valid right source abstained prompt_tokens "
    "completion_tokens seconds_per_answer misses".split()
)
HEADLINE = set(
    "schema created device versions model embedder seed rows weights recall seconds".split(),
)
RATE = {"k", "n", "rate", "low", "high"}
TWO_ARMS = ["--arms", "base,base+rag", "--datasets", "cities", "--limit", "3"]


@pytest.fixture(autouse=True)
def tiny_machine(saved: Path, monkeypatch: pytest.MonkeyPatch):
    """The tiny model on one thread, an embedder that needs no model, eight training examples."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("FORM_AND_FACTS_MODEL", str(saved))
    monkeypatch.setenv("FORM_AND_FACTS_EMBEDDER", "nobody/fake-embedder")
    monkeypatch.setattr(models, "load_embedder", FakeEmbedder)
    where = (torch.device("cpu"), torch.float32)
    for module in (models, finetune, recipes):
        monkeypatch.setattr(module, "device_and_dtype", lambda: where)
    monkeypatch.setattr(recipes, "training_examples", lambda name: training_examples(name)[:8])
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the arms that really were asked, in order."""
    names: list[str] = []
    real = runner.run_task

    def spy(arm, *rest):
        names.append(arm.name)
        return real(arm, *rest)

    monkeypatch.setattr(runner, "run_task", spy)
    return names


def run(out: Path, *arguments: str) -> int:
    return experiment.main([*arguments, "--out", str(out)])


def read(path: Path):
    return json.loads(path.read_text("utf-8"))


def test_two_arms_write_the_headline_and_its_pictures(tmp_path: Path, saved: Path) -> None:
    assert run(tmp_path, *TWO_ARMS, "--seed", "5") == 0
    found = read(tmp_path / "headline.json")
    assert found.keys() >= HEADLINE and found["schema"] == 1 and found["seed"] == 5
    assert (found["model"], found["embedder"]) == ("tiny-llama", "nobody/fake-embedder")
    assert str(tmp_path) not in json.dumps(found) and str(saved.parent) not in json.dumps(found)
    assert {"loading models", "answers of base", "recall"} <= found["seconds"].keys()
    closed, opened = found["rows"]
    for row in (closed, opened):
        assert row.keys() >= ROW and (row["n"], row["dataset"]) == (3, "cities")
        assert row["valid"].keys() == row["right"].keys() == RATE
        assert set(row["misses"]) == {"form", "retrieval", "reading", "abstained"}
        assert sum(row["misses"].values()) == 3 - row["right"]["k"]
        assert row["prompt_tokens"] > 0 and row["seconds_per_answer"] > 0
    assert (closed["arm"], closed["k"], closed["retriever"]) == ("base", None, None)
    assert (closed["source"], closed["abstained"]) == (None, None)
    assert (opened["arm"], opened["k"], opened["retriever"]) == ("base+rag", 1, "hybrid")
    assert opened["abstained"].keys() == RATE
    assert opened["prompt_tokens"] > closed["prompt_tokens"]
    for ending in ("png", "svg", "txt"):
        assert (tmp_path / f"headline.{ending}").stat().st_size > 0


def test_the_weights_are_the_bases_before_and_after_and_recall_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, *TWO_ARMS) == 0
    found = read(tmp_path / "headline.json")
    base = models.weights_hash(models.load_model()[0])
    assert found["weights"] == {"before_rag": base, "after_rag": base}
    recall = {(r["retriever"], r["k"]): r["recall"] for r in found["recall"]}
    assert set(recall) == {(m, k) for m in ("dense", "lexical", "hybrid") for k in (1, 3, 5)}
    assert recall["lexical", 1] == 1.0
    assert {(r["dataset"], r["n"]) for r in found["recall"]} == {("cities", 3)}


def test_finished_arms_are_taken_from_disk(tmp_path: Path, asked, monkeypatch) -> None:
    assert run(tmp_path, *TWO_ARMS) == 0
    first = read(tmp_path / "headline.json")["rows"]
    assert asked == ["base", "base+rag"]
    assert run(tmp_path, *TWO_ARMS) == 0
    assert asked == ["base", "base+rag"] and read(tmp_path / "headline.json")["rows"] == first
    for change in (["--seed", "1"], ["--limit", "2"]):
        asked.clear()
        assert run(tmp_path, *TWO_ARMS, *change) == 0
        assert asked == ["base", "base+rag"]
    asked.clear()
    monkeypatch.setenv("FORM_AND_FACTS_EMBEDDER", "nobody/another")
    assert run(tmp_path, *TWO_ARMS) == 0 and asked == ["base", "base+rag"]


def test_after_ctrl_c_it_goes_on(tmp_path: Path, asked, monkeypatch, capsys) -> None:
    real = runner.run_task

    def interrupted(arm, *rest):
        if arm.name == "base+rag":
            raise KeyboardInterrupt
        return real(arm, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "run_task", interrupted)
        assert run(tmp_path, *TWO_ARMS) == 130
    assert "run the same command again to go on" in capsys.readouterr().err
    assert [read(path)["arm"] for path in tmp_path.rglob("*.json")] == ["base"]
    assert run(tmp_path, *TWO_ARMS) == 0
    assert asked == ["base", "base+rag"]
    assert [r["arm"] for r in read(tmp_path / "headline.json")["rows"]] == ["base", "base+rag"]


def test_a_broken_row_on_disk_is_asked_again(tmp_path: Path, asked) -> None:
    assert run(tmp_path, *TWO_ARMS) == 0
    row = next(p for p in (tmp_path / "rows").rglob("*.json") if read(p)["arm"] == "base")
    row.write_bytes(row.read_bytes()[:50])
    asked.clear()
    assert run(tmp_path, *TWO_ARMS) == 0 and asked == ["base"]


def test_an_adapter_is_trained_once_and_told_as_trained(tmp_path: Path, asked, monkeypatch) -> None:
    arguments = ["--arms", "form", "--datasets", "cities", "--limit", "2"]
    assert run(tmp_path, *arguments) == 0
    assert read(tmp_path / "headline.json")["rows"][0]["adapter"] == "trained"
    kept = next(tmp_path.rglob("adapter_model.safetensors"))
    written = kept.stat().st_mtime_ns
    assert run(tmp_path, *arguments, "--limit", "1") == 0
    assert kept.stat().st_mtime_ns == written and asked == ["form", "form"]
    other = replace(recipes.RECIPES["form"], settings=finetune.Settings(rank=2))
    monkeypatch.setitem(recipes.RECIPES, "form", other)
    assert run(tmp_path, *arguments) == 0
    assert asked == ["form"] * 3 and len([*tmp_path.rglob("adapter_config.json")]) == 2


def test_the_dose_curve_is_one_training(tmp_path: Path, asked, monkeypatch) -> None:
    monkeypatch.setattr(experiment, "DOSES", (0, 2, 20))
    assert run(tmp_path, "--dose", "--limit", "1") == 0
    found = read(tmp_path / "dose.json")
    assert [row["passes"] for row in found["rows"]] == [0] * 4 + [2] * 4 + [20] * 4
    assert (tmp_path / "dose.png").is_file() and len(asked) == 12
    names = {path.parent.name for path in tmp_path.rglob("adapter_config.json")}
    assert names == {f"facts-{n}" for n in range(1, 21)}


@pytest.fixture
def own(tmp_path: Path) -> list[str]:
    """The arguments for documents and questions of one's own."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "vellmar.md").write_text("# Vellmar\n\nIts mayor is Ada Brunnwald.\n", "utf-8")
    (folder / "orsk.txt").write_text("The bridge of Orsk is 90 metres long.\n", "utf-8")
    rows = [
        {"id": "a", "question": "Who is mayor of Vellmar?", "answer": "Ada Brunnwald"},
        {"id": "b", "question": "How deep is the harbour of Orsk?", "answer": None},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "mine.jsonl").write_text(lines, "utf-8")
    return ["--passages", str(folder), "--questions", str(tmp_path / "mine.jsonl")]


def test_own_documents_give_a_line_a_question(tmp_path: Path, own: list[str]) -> None:
    told = tmp_path / "answers" / "mine.jsonl"
    assert run(tmp_path, *own, "--arms", "base+rag", "--answers", str(told)) == 0
    lines = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
    assert [(line["arm"], line["id"]) for line in lines] == [("base+rag", "a"), ("base+rag", "b")]
    for line in lines:
        assert list(line) == "arm id passages text card verdict diagnosis".split()
        assert sorted(line["passages"]) == ["orsk.txt#1", "vellmar.md#1"]
        assert line["card"] is None and line["verdict"] in ("right", "wrong")
        assert (line["diagnosis"] is None) == (line["verdict"] == "right")
    assert read(tmp_path / "own.json")["rows"][0]["n"] == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--arms", "bse"], "'bse' is no arm; there are: base, few-shot, chain"),
        (["--datasets", "towns"], "'towns' is no data set; there are: cities, atlas, library"),
        (["--arms", "few-shot", "--datasets", "atlas"], "few-shot: not asked on atlas"),
        (
            ["--quick", "--arms", "form+rag", "--datasets", "cities"],
            "--quick needs the shipped adapter 'form' of the default model; leave --quick out",
        ),
    ],
)
def test_what_cannot_be_run_is_one_sentence(tmp_path: Path, capsys, arguments, sentence) -> None:
    assert run(tmp_path, *arguments) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"Stopped: {sentence}") and "Traceback" not in told
    assert not (tmp_path / "headline.json").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"id": "a", "question": "Why?", "answer": "so"}\n{"id": "b"\n', ", line 2: not JSON"),
        ('{"id": "a", "answer": "so"}\n', ", line 1: the key 'question' is missing"),
        (None, "cannot be read"),
    ],
)
def test_a_broken_questions_file_is_named(tmp_path, own, capsys, text, reason: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.unlink() if text is None else path.write_text(text, "utf-8")
    assert run(tmp_path, *own, "--arms", "base+rag") == 1
    told = capsys.readouterr().err
    assert told.startswith(f"Stopped: {path}") and reason in told


def test_no_questions_at_all_is_one_sentence(tmp_path: Path, own: list[str], capsys) -> None:
    (tmp_path / "mine.jsonl").write_text("\n", "utf-8")
    assert run(tmp_path, *own, "--arms", "base+rag") == 1
    assert "mine.jsonl" in capsys.readouterr().err


def test_a_split_without_questions_is_left_out(tmp_path: Path, capsys) -> None:
    assert run(tmp_path, *TWO_ARMS, "--split", "dev") == 0
    assert "cities has no dev questions; left out." in capsys.readouterr().out
    found = read(tmp_path / "headline.json")
    assert found["rows"] == found["recall"] == []
