"""Sweeps: their tasks, attempts, what is kept and summed up; with local Ray on the tiny model."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from utils import sweep, sweep_run, sweep_task
from utils.cluster import GIB, ClusterError, Needs, fitting
from utils.sweep_table import over_seeds, pooled
from utils.sweep_task import Task, make_tasks, without

SMALL = ["--arms", "base", "--datasets", "cities", "--limit", "2", "--train", "short"]
HAS_RAY = importlib.util.find_spec("ray") is not None  # CI has it, a learner need not
HERE = ["--cpus", "1", "--memory", "0.5"]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORM_AND_FACTS_DEVICE", "cpu")
    monkeypatch.setenv("FORM_AND_FACTS_EMBEDDER", "nobody/fake")
    monkeypatch.delenv("FORM_AND_FACTS_MODEL", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # Ray's processes find `made_up`


def read(path: Path):
    return json.loads(path.read_text("utf-8"))


def row(arm: str = "base", k: int = 1, n: int = 4, **more) -> dict:
    """A made-up row of the experiment."""
    found = {"k": k, "n": n, "rate": k / n}
    keys = {"arm": arm, "dataset": "cities", "variant": "plain", "passes": None, "k": None}
    return {**keys, "n": n, "valid": found, "right": found, **more}


def noted(task: Task, folder: str) -> int:
    """Count an attempt in the task's folder; which one it is."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / "attempts").open("a") as file:
        file.write(f"{os.getpid()}\n")
    return len((Path(folder) / "attempts").read_text().splitlines())


def once_flaky(task: Task, folder: str, cpus: int):
    """The real work; the first attempt of the tiny model's seed 0 fails."""
    if noted(task, folder) == 1 and task.name == "tiny-llama/seed0":
        raise sweep_task.TaskFailed("the disk hiccuped")
    return sweep_task.work(task, folder, cpus)


def made_up(task: Task, folder: str, cpus: int):
    """Seed 1 fails always, seed 2 takes its process with it once; the others have a row."""
    attempt = noted(task, folder)
    if task.seed == 1:
        raise ValueError("seed 1 cannot be\nhad")
    if task.seed == 2 and attempt == 1:
        os._exit(9)
    return {"rows": [row(k=task.seed)]}, "key", 0.5


@pytest.mark.skipif(not (HAS_RAY or os.environ.get("CI")), reason="Ray is not installed")
def test_on_ray_one_fails_once_and_one_always_and_none_is_lost(saved, tmp_path, capsys) -> None:
    models = ["--models", f"{saved},{tmp_path / 'no-model'}"]
    line = ["--seeds", "0", *models, *SMALL, *HERE, "--retries", "1", "--out", str(tmp_path)]
    assert sweep.main(line, once_flaky) == 1
    told = capsys.readouterr().out
    assert "tiny-llama/seed0: attempt 1 failed: the disk hiccuped" in told
    assert "Trying 2 again (1 of 1)." in told and "at attempt 2 (1 of 2)" in told
    assert "no-model/seed0 failed 2 times; its log: " in told
    good, bad = read(tmp_path / "summary.json")["tasks"]
    assert (good["status"], good["attempts"], good["failures"]) == (
        "done",
        2,
        ["the disk hiccuped"],
    )
    assert (bad["status"], bad["attempts"], bad["seconds"]) == ("failed", 2, None)
    assert all("No model could be loaded from" in reason for reason in bad["failures"])
    (found,) = read(tmp_path / "summary.json")["rows"]
    assert (found["model"], found["arm"], found["seeds"], found["n"]) == (
        "tiny-llama",
        "base",
        [0],
        [2],
    )
    processes = (tmp_path / "tiny-llama" / "seed0" / "attempts").read_text().split()
    assert len(set(processes)) == 2 and str(os.getpid()) not in processes
    told_again = (tmp_path / "tiny-llama" / "seed0" / "log.txt").read_text("utf-8")
    assert "Written: " in told_again and "Form & Facts, seed 0" in told_again

    # The same again without Ray: the finished task is not repeated, another seed is added.
    kept = (tmp_path / "tiny-llama" / "seed0" / "headline.json").stat().st_mtime_ns
    line = ["--seeds", "0-1", "--models", str(saved), *SMALL, "--out", str(tmp_path), "--local"]
    assert sweep.main(line, once_flaky) == 0
    assert "1 of 2 tasks were finished before." in capsys.readouterr().out
    assert (tmp_path / "tiny-llama" / "seed0" / "headline.json").stat().st_mtime_ns == kept
    (found,) = read(tmp_path / "summary.json")["rows"]
    assert (found["seeds"], found["n"], found["right"]["n"]) == ([0, 1], [2, 2], 4)


def test_doses_are_one_training_in_a_folder_of_their_own(saved: Path, tmp_path: Path) -> None:
    line = ["--seeds", "0", "--models", str(saved), "--doses", "1,2", "--limit", "1", "--local"]
    assert sweep.main([*line, "--out", str(tmp_path)]) == 0
    home = tmp_path / "tiny-llama" / "seed0-doses-1-2"
    assert {r["passes"] for r in read(home / "dose.json")["rows"]} == {1, 2}
    assert {path.parent.name for path in home.rglob("adapter_config.json")} == {
        "facts-1",
        "facts-2",
    }
    rows = read(tmp_path / "summary.json")["rows"]
    assert {(r["passes"], r["arm"]) for r in rows} == {(1, "facts"), (2, "facts")}


def test_without_ray_a_failed_or_crashed_task_is_tried_again_and_the_others_stay(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(sweep, "finished", lambda task, folder: None)
    line = ["--seeds", "0-3", "--local", "--retries", "2", "--out", str(tmp_path)]
    assert sweep.main(line, made_up) == 1
    told = capsys.readouterr().out
    assert told.count("default/seed1: attempt ") == 3 and "attempt 3 failed: had" in told
    assert "Trying 2 again (1 of 2)." in told and "Trying 1 again (2 of 2)." in told
    tasks = {task["seed"]: task for task in read(tmp_path / "summary.json")["tasks"]}
    assert [tasks[n]["status"] for n in range(4)] == ["done", "failed", "done", "done"]
    assert [tasks[n]["attempts"] for n in range(4)] == [1, 3, 2, 1]
    (found,) = read(tmp_path / "summary.json")["rows"]
    assert found["seeds"] == [0, 2, 3] and found["right"]["k"] == 5


def test_a_task_is_finished_while_nothing_that_matters_changes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sweep_task, "key_of", lambda task, folder: keys[0])
    keys = ["a"]
    task = Task("default/seed0", "default", 0, ("--seed", "0"), "headline.json")
    assert sweep_task.finished(task, tmp_path) is None
    done = sweep_task.Done(2, 1.5, {"rows": [row()]})
    sweep_task.keep(task, tmp_path, done, "a")
    assert sweep_task.finished(task, tmp_path) == done
    other = Task("default/seed0", "default", 0, ("--seed", "0", "--limit", "3"), "headline.json")
    assert sweep_task.finished(other, tmp_path) is None
    keys[0] = "b"
    assert sweep_task.finished(task, tmp_path) is None
    keys[0] = "a"
    (tmp_path / "headline.json").write_text("{")
    assert sweep_task.finished(task, tmp_path) is None


def test_the_key_changes_with_the_model_and_the_limit(saved: Path, tmp_path: Path) -> None:
    def key(*arguments: str) -> str | None:
        task = Task("x", "x", 0, ("--model", str(saved), *arguments), "headline.json")
        return sweep_task.key_of(task, str(tmp_path))

    assert key() == key() and len({key(), key("--limit", "3"), key("--seed", "1")}) == 3


def test_the_tasks_of_a_sweep() -> None:
    names = [t.name for t in make_tasks([0, 1], ["a/m", "b/m", "./deep/other"])]
    assert len(set(names)) == 6 and names[-1] == "other/seed1"
    assert names[0].startswith("m-") and names[0].endswith("/seed0")
    both = make_tasks([4], [None], [3, 20], True, ["--arms", "form", "--limit", "7"])
    assert [(t.name, t.result, " ".join(t.arguments)) for t in both] == [
        ("default/seed4", "headline.json", "--seed 4 --arms form --limit 7"),
        ("default/seed4-doses-3-20", "dose.json", "--seed 4 --limit 7 --doses 3,20"),
    ]
    assert make_tasks([4], [None], [3], False)[0].result == "dose.json"
    assert without(["--a", "1", "--b", "2"], ["--a"]) == ["--b", "2"]


def test_rows_are_pooled_over_seeds() -> None:
    results = [("m", 1, {"rows": [row(k=4)]}), ("m", 0, {"rows": [row(k=1), row("form", 2)]})]
    first, second = over_seeds([*results, ("other", 0, {"rows": [row(k=3)]})])[:2]
    assert (first["arm"], first["seeds"], first["n"]) == ("base", [0, 1], [4, 4])
    assert (second["arm"], second["seeds"]) == ("form", [0])
    right = first["right"]
    assert (right["mean"], right["min"], right["max"]) == (5 / 8, 1 / 4, 1.0)
    p, n, z = 5 / 8, 8, 1.959963984540054
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (right["k"], right["n"], right["rate"]) == (5, 8, p)
    assert right["low"] == pytest.approx((middle - half) / (1 + z * z / n))
    assert right["high"] == pytest.approx((middle + half) / (1 + z * z / n))
    assert pooled([{"k": 0, "n": 3, "rate": 0.0}])["low"] == 0.0


LINES = [
    ("--seeds 0-2,7", "seeds", [0, 1, 2, 7]),
    ("--seeds 3", "seeds", [3]),
    ("--seeds 0 --doses 20,3", "doses", [20, 3]),
    ("--seeds 0 --models a,b/c", "models", ["a", "b/c"]),
    ("--seeds 0", "cpus", 2),
    ("--seeds 0", "train", "all"),
]


@pytest.mark.parametrize(("line", "name", "value"), LINES, ids=[case[0] for case in LINES])
def test_a_command_line_is_read(line: str, name: str, value: object) -> None:
    assert getattr(sweep.parse(line.split()), name) == value


NONSENSE = [
    ("--limit 3", "the following arguments are required: --seeds"),
    ("--seeds 3-1", "'3-1' is no list such as 0-9 or 0,3,7"),
    ("--seeds a", "'a' is no list such as 0-9 or 0,3,7"),
    ("--seeds 0 --local --address x", "--local runs without Ray, and --address names a Ray"),
    ("--seeds 0 --cpus 0", "--cpus and --memory must be above 0"),
    ("--seeds 0 --limit 0", "--limit must be 1 or more"),
    ("--seeds 0 --models ,", "name at least one"),
]


@pytest.mark.parametrize(("line", "sentence"), NONSENSE, ids=[case[0] for case in NONSENSE])
def test_a_command_line_that_makes_no_sense(line: str, sentence: str, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        sweep.main(line.split())
    assert caught.value.code == 2 and sentence in capsys.readouterr().err


def test_an_unknown_arm_stops_before_anything_is_run(tmp_path: Path, capsys) -> None:
    assert sweep.main(["--seeds", "0", "--arms", "bse", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("Stopped: 'bse' is no arm; there are: base")
    assert not [*tmp_path.iterdir()]


def test_without_ray_installed_the_mend_is_told(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert sweep.main(["--seeds", "0", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.startswith("Stopped: Ray is not installed; run: ") and told.count("\n") == 1
    assert 'python -m pip install ".[scale]"' in told and "--local" in told


@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed")
@pytest.mark.parametrize(
    ("address", "reason"),
    [("127.0.0.1:1", "refused"), ("somewhere", "an address is HOST:PORT"), ("x:99999", "")],
)
def test_a_cluster_that_does_not_answer_is_one_sentence(tmp_path, capsys, address, reason) -> None:
    assert sweep.main(["--seeds", "0", "--address", address, "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"Stopped: No Ray cluster answers at {address} (") and reason in told
    assert "start one with: ray start --head" in told and told.count("\n") == 1


def test_ctrl_c_is_one_sentence(tmp_path: Path, capsys, monkeypatch) -> None:
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "one_by_one", interrupted)
    assert sweep.main(["--seeds", "0", "--local", "--out", str(tmp_path)]) == 130
    assert "Finished tasks are kept; run the same command again" in capsys.readouterr().err


def machines(*resources: dict):
    """A stand-in for Ray with these machines."""
    return SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": r} for r in resources])


def test_a_task_asks_for_no_more_cores_than_this_machine_has() -> None:
    memory = 8 * GIB
    assert fitting(machines({"CPU": 1.0, "memory": memory}), Needs(), True, "") == 1
    assert fitting(machines({"CPU": 8.0, "memory": memory}), Needs(), True, "") == 2


@pytest.mark.parametrize(
    ("needs", "resources"),
    [
        (Needs(memory=16), [{"CPU": 4, "memory": 8 * GIB}]),
        (Needs(gpus=1), [{"CPU": 4, "memory": 8 * GIB}]),
        (Needs(cpus=8), [{"CPU": 4, "memory": 8 * GIB}]),
        (Needs(), []),
    ],
)
def test_a_task_that_fits_nowhere_is_one_sentence(needs: Needs, resources: list) -> None:
    with pytest.raises(ClusterError, match="lower --cpus, --gpus or --memory"):
        fitting(machines(*resources), needs, False, sweep_run.LOWER)
