"""The tables of docs/scale.md on made-up runs, with the formulas worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tools import bench_scale, scale_tables
from tools.scale_tables import NONE

ROWS = [(40, 20, 100), (300, 25, 100), (280, 40, 300), (40, 35, 200)]
DEVICE = {"processor": "Abacus 9", "cores": 2, "device": "cpu", "dtype": "float32"}


def answered(read: float, written: float) -> list[dict]:
    """Rows of an experiment in which each token costs exactly so much."""
    rows = [
        {"prompt_tokens": p, "completion_tokens": w, "n": n, "seconds_per_answer": 0.0}
        for p, w, n in ROWS
    ]
    for row in rows:
        tokens = row["prompt_tokens"], row["completion_tokens"]
        row["seconds_per_answer"] = read * tokens[0] + written * tokens[1]
    return [*rows, {**rows[0], "n": 3, "seconds_per_answer": 99.0}]  # too few to count


def test_the_cost_of_a_token_is_found() -> None:
    read, written, explained, used = scale_tables.costs(answered(0.002, 0.01))
    assert (read, written, explained) == pytest.approx((0.002, 0.01, 1.0)) and used == 4
    told = scale_tables.answers(answered(0.002, 0.01))
    assert "Over the 4 rows of the stored run: 2.00 ms a token of the prompt and 10.00 ms" in told
    assert scale_tables.answers(answered(0.002, 0.01)[1:]) == NONE
    # 10,000 questions of 300 prompt tokens and 25 written: 10,000 x (0.6 + 0.25) s = 2.36 hours.
    assert "| 10,000 | 58 minutes | 2.4 hours | 6.2 hours |" in told


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_growth_is_the_power(power: float) -> None:
    rows = [{"n": n, "seconds": 3 * n**power} for n in (10, 100, 5000)]
    assert scale_tables.growth(rows, "n", "seconds") == pytest.approx(power)


def test_trainings() -> None:
    told = scale_tables.training(
        [{"tokens": 100.0, "seconds": 1.0}, {"tokens": 1000.0, "seconds": 10.0}]
    )
    assert "| 1,000 | 10.00 | 100 |" in told and "to the power of 1.00" in told
    assert "| 1,000,000 | 28 hours |" in scale_tables.hours({"ours": 10.0})


def test_search_grows_from_size_to_size() -> None:
    def row(passages: int, seconds: float, queries: float) -> dict:
        more = {"backend": "exact", "bytes": 800 * passages}
        rates = {"build_seconds": seconds, "queries_per_second": queries}
        return {"passages": passages, **more, **rates}

    told = scale_tables.search([row(1000, 1.0, 500.0), row(100_000, 100.0, 50.0)])
    assert "| 100,000 | exact | 100.0 | 800 | 50 |" in told
    assert "| 1,000 to 100,000 | 1.00 | 1.00 | 0.50 |" in told
    assert "to the power" not in scale_tables.search([row(1000, 1.0, 500.0)])


def test_processes_show_the_best_round() -> None:
    def row(count: int, turn: int, tokens: float, answers: float) -> dict:
        rates = {"tokens_per_second": tokens, "answers_per_second": answers}
        return {"processes": count, "round": turn, **rates}

    told = scale_tables.processes([row(1, 1, 90, 2), row(2, 1, 80, 3), row(1, 2, 100, 1)])
    assert "| training, tokens/s | 100 | 80 | 0.80 |" in told
    assert "| answers/s | 2 | 3 | 1.50 |" in told and "best of 2 rounds" in told


def test_a_large_class() -> None:
    told = scale_tables.many_submissions({"n": 60, "seconds": 120.0, "jobs": 2})
    assert "4.0 s of one worker each" in told
    # 10,000 x 4 s / 16 = 2,500 s
    assert "| 16 | 42 minutes |" in told and "| 1 | 11 hours |" in told


def test_a_billion_vectors() -> None:
    told = scale_tables.vector_bytes()
    # 4 x 384 + 8 bytes, 1,544 GB; in 64 GiB (68.7 GB) each: 22.5 machines
    assert "| fp32 | 1,544 | 1,544 | 23 |" in told
    assert "| PQ, 96 bytes | 104 | 104 | 2 |" in told
    rate = {"name": scale_tables.CODE, "looked_through_per_second": 1e8}
    # 64 of 2^20 lists: 61,035 of 10^9 vectors
    assert "| 64 of 1,048,576 | 61,035 | 1,638 |" in scale_tables.queries([rate])
    told = scale_tables.embedding({"passages_per_second": 100.0, "bytes_a_passage": 300.0, "n": 5})
    assert "takes 116 days" in told and "300 GB" in told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.25, "0.25 seconds"),
        (89, "89 seconds"),
        (90, "1.5 minutes"),
        (3600, "60 minutes"),
        (5400, "1.5 hours"),
        (86_400 * 2, "2 days"),
        (86_400 * 365 * 30, "30 years"),
    ],
)
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert scale_tables.span(seconds) == words


def test_what_is_not_measured_is_said(tmp_path: Path) -> None:
    found = scale_tables.values(tmp_path)
    assert {name for name, text in found.items() if text != NONE} == {"bytes", "where"}
    folder = tmp_path / "data" / "results"
    folder.mkdir(parents=True)
    about = {"device": DEVICE, "created": "2026-01-02T03:04"}
    (folder / "grading.json").write_text(json.dumps({"n": 10, "seconds": 30.0, **about}), "utf-8")
    headline = {"rows": answered(0.1, 0.1), **about}
    (folder / "headline-seed0.json").write_text(json.dumps(headline), "utf-8")
    found = scale_tables.values(tmp_path)
    assert "10 submissions took 30 seconds, 1 at a time: 3.0 s" in found["class"]
    assert found["answers"] != NONE and found["search"] == NONE
    place = "Abacus 9, 2 cores, cpu in float32, on 2026-01-02\n"
    assert found["where"] == f"- answers: {place}- class: {place}"


def test_recall_and_ranking_again_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(200, 8)).astype(np.float32)
    queries = rng.normal(size=(5, 8)).astype(np.float32)
    scores = queries @ vectors.T
    wanted = np.array([sorted(range(200), key=lambda i: -line[i])[:10] for line in scores])
    rough = np.array([rng.permutation(line) for line in wanted])
    assert bench_scale.recall(rough, wanted) == 1.0
    again = bench_scale.ranked_again(rough, vectors, queries)
    assert [list(line) for line in again] == wanted.tolist()
    missing = wanted.copy()
    missing[0] = -1
    assert bench_scale.recall(missing, wanted) == 0.8
