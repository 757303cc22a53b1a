"""The benchmark's search part at a small size, and the tables made of a stored run."""

from __future__ import annotations

import numpy as np
import pytest

from tools import bench, bench_search, bench_tables

FOUND = {
    "created": "2026-01-02T03:04:05+00:00",
    "device": {
        "processor": "A chip",
        "cores": 2,
        "memory_gib": 7.6,
        "device": "cpu",
        "dtype": "bfloat16",
        "python": "3.11.0",
    },
    "versions": {"torch": "1.2"},
    "training": {
        "pairs_a_step": 8,
        "tokens_a_step": 2000.0,
        "tokens_computed_where_shared": 500.0,
        "rounds": {"TRL, fp32": [100.0, 110.0], "ours, passages shared": [880.0, 700.0]},
        "gemm_peak": 4e11,
        "share_of_peak": {"TRL, fp32": 0.1, "ours, passages shared": 0.5},
    },
    "answers": {
        "n": {"one at a time": 16, "ours": 96},
        "rounds": {"one at a time": [0.5], "ours": [4.0]},
        "differ_from_one_at_a_time": {"k": 1, "n": 16},
        "differ_from_padded_batches": {"k": 2, "n": 96},
    },
}


def vectors(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.2, 1, (count, 24)).astype(np.float32)


def test_drawn_vectors_are_of_length_one_and_lie_as_the_real_ones_do():
    real = vectors(4000, 1) * np.linspace(0.2, 2, 24, dtype=np.float32)
    made = bench_search.draw(real, 4000, 2)
    assert made.shape == (4000, 24) and made.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, rtol=1e-5)
    real /= np.linalg.norm(real, axis=1, keepdims=True)
    np.testing.assert_allclose(made.mean(0), real.mean(0), atol=0.03)
    np.testing.assert_allclose(np.cov(made.T), np.cov(real.T), atol=0.03)


def test_a_small_index_is_exact():
    made = bench_search.draw(vectors(500, 1), 700, 3)
    row = bench_search._row(made, made[:50] + 0.0, made[50:99], 1)
    assert row["passages"] == 700 and row["n"] == 50 and row["recall_at_10"] == 1.0
    assert row["bytes"] > 700 * 24 * 2 and row["queries_per_second"] > 0


def test_the_tables_give_each_round_and_the_ratio_of_the_best():
    told = bench_tables.training(FOUND)
    assert "| ours, passages shared | 880, 700 | 8.0 | 50 % |" in told and "400 GFLOP/s" in told
    told = bench_tables.answers(FOUND)
    assert "| ours | 96 | 4 | 8.0 |" in told and "1 of 16 differ" in told
    assert "on A chip, 2 cores, 8 GiB" in bench_tables.machine(FOUND)
    told = bench_tables.phases({"run": {"training form": 30.2, "answers of base": 20.0}})
    assert "| training form | 30 |" in told and "| all | 50 |" in told


def run(dtype: str, ours: float) -> dict:
    return {
        "device": {"dtype": dtype},
        "training": {"ours": ours, "trl_fp32": 10.0},
        "answers": {"ours": ours, "one_at_a_time": 20.0, "padded": 40.0},
        "retrieval": [{"queries_per_second": ours, "exact_queries_per_second": 5.0}],
        "run": {"training form": 10.4, "recall": ours},
    }


def test_two_runs_are_compared_in_their_gains():
    told = bench_tables.compared(run("bfloat16", 80.0), run("float32", 40.0)).splitlines()
    assert told[0] == "| times | bfloat16 | float32 |"
    assert [line.split(" | ")[1:] for line in told[2:]] == [
        ["8.0", "4.0 |"],
        ["4.0", "2.0 |"],
        ["2.0", "1.0 |"],
        ["16.0", "8.0 |"],
        ["90", "50 |"],
    ]


def test_senseless_sizes_are_refused_in_a_sentence(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--rounds", "0"])
    assert "--rounds and --sizes must be 1 or more" in capsys.readouterr().err
