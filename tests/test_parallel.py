"""Two processes on the CPU against one: the same rows trained on and asked, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from utils import experiment, parallel

TESTS = Path(__file__).resolve().parent
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
LAUNCH += ["--num_machines", "1", "--main_process_port", "0", "--mixed_precision", "no"]
LAUNCH += ["--dynamo_backend", "no"]
PATIENCE = 420  # seconds after which a launch counts as hung
ARMS = ["--arms", "base,form,base+rag", "--datasets", "cities", "--limit", "5"]


def start(script: str, *arguments: object, processes: int = 2, **variables: str):
    """Launch a script of this folder; its output comes through a pipe."""
    command = [*(LAUNCH if processes > 1 else [sys.executable]), TESTS / script, *arguments]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ACCELERATE_")}
    environment = clean | {"PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"} | variables
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([str(part) for part in command], env=environment, **pipes)


def end(process: subprocess.Popen) -> tuple[int, str]:
    """The exit status and the output; a process that hangs is killed and fails the test."""
    try:
        output = process.communicate(timeout=PATIENCE)[0]
    finally:
        process.terminate()  # the launcher ends its processes; killed, it would leave them
    return process.returncode, output


def run(folder: Path, saved: Path, trouble: str = "none", processes: int = 2, more=()):
    """Start the experiment on the tiny model; `folder` holds its results and what was seen."""
    folder.mkdir(exist_ok=True)
    arguments = [folder, trouble, *ARMS, *more, "--out", folder / "out"]
    models = {"FORM_AND_FACTS_MODEL": str(saved), "FORM_AND_FACTS_EMBEDDER": "nobody/fake"}
    return start("parallel_worker.py", *arguments, processes=processes, **models)


def lines(path: Path) -> list:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def read(path: Path):
    return json.loads(path.read_text("utf-8"))


def without_seconds(found: dict) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds_per_answer"} for row in found["rows"]]


@pytest.fixture(scope="module")
def one(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process made and saw."""
    folder = tmp_path_factory.mktemp("one")
    status, output = end(run(folder, saved, processes=1, more=["--answers", folder / "a.jsonl"]))
    assert status == 0, output
    return folder


@pytest.fixture(scope="module")
def two(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What two processes made and saw, and what they printed."""
    folder = tmp_path_factory.mktemp("two")
    status, output = end(run(folder, saved, more=["--answers", folder / "a.jsonl"]))
    assert status == 0, output
    return folder, output


def test_two_processes_train_on_the_rows_of_one_step_by_step(one: Path, two) -> None:
    whole = lines(one / "steps-0.jsonl")
    shares = [lines(two[0] / f"steps-{n}.jsonl") for n in (0, 1)]
    assert [len(step) for step in whole] == [8, 1] and len(shares[1][1]) == 0
    for step, first, second in zip(whole, *shares, strict=True):
        assert sorted(first + second) == sorted(step)
        assert 0 <= len(first) - len(second) <= 1


def test_the_adapter_is_saved_once_and_is_that_of_one_process(one: Path, two) -> None:
    found = [list(folder.rglob("adapter_model.safetensors")) for folder in (one, two[0])]
    assert [len(paths) for paths in found] == [1, 1]
    (alone,), (together,) = found
    assert alone.parent.name == together.parent.name == "form"
    wanted = load_file(alone)
    assert any(w.abs().max() > 0 for name, w in wanted.items() if "lora_B" in name)
    torch.testing.assert_close(load_file(together), wanted, rtol=1e-2, atol=1e-4)
    assert not [*two[0].rglob("checkpoint*"), *two[0].rglob("*.making"), *two[0].rglob(".seen*")]


def test_every_question_is_asked_once_and_answered_as_by_one_process(one: Path, two) -> None:
    asked: dict[str, list[str]] = {}
    for number in (0, 1):
        for arm, *ids in lines(two[0] / f"asked-{number}.jsonl"):
            assert ids, "a process had no question"
            asked.setdefault(arm, []).extend(ids)
    wanted = {arm: ids for arm, *ids in lines(one / "asked-0.jsonl")}
    assert {arm: Counter(ids) for arm, ids in asked.items()} == {
        arm: Counter(ids) for arm, ids in wanted.items()
    }
    alone, together = (lines(folder / "a.jsonl") for folder in (one, two[0]))
    assert [(a["arm"], a["id"]) for a in together] == [(a["arm"], a["id"]) for a in alone]
    untrained = [place for place, answer in enumerate(alone) if answer["arm"] != "form"]
    assert len(untrained) == 10
    assert [together[i] for i in untrained] == [alone[i] for i in untrained]


def test_the_headline_is_that_of_one_process(one: Path, two) -> None:
    alone, together = (read(folder / "out" / "headline.json") for folder in (one, two[0]))
    assert (alone["processes"], together["processes"]) == (1, 2)
    assert without_seconds(together) == without_seconds(alone)
    assert (together["recall"], together["weights"]) == (alone["recall"], alone["weights"])
    assert all(row["seconds_per_answer"] > 0 for row in together["rows"])


def test_the_main_process_alone_prints(two) -> None:
    output = two[1]
    for once in ("Written: ", "base on cities, plain ...", "training form ..."):
        assert output.count(once) == 1, output
    assert "Traceback" not in output


def test_after_ctrl_c_two_processes_go_on(tmp_path: Path, saved: Path, one: Path) -> None:
    process = run(tmp_path, saved, "dawdle")
    begun = time.monotonic()
    while not (tmp_path / "out").is_dir() or len([*tmp_path.glob("out/rows/*/*.json")]) < 2:
        assert process.poll() is None and time.monotonic() - begun < PATIENCE
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    status, output = end(process)
    assert status != 0 and not (tmp_path / "out" / "headline.json").exists()
    assert output.count("Stopped. Finished arms are kept; run the same command again") == 1
    for seen in tmp_path.glob("*.jsonl"):
        seen.unlink()
    status, output = end(run(tmp_path, saved))
    assert status == 0, output
    asked = [line[0] for n in (0, 1) for line in lines(tmp_path / f"asked-{n}.jsonl")]
    assert set(asked) == {"base+rag"} and not [*tmp_path.glob("steps-*")]
    found = read(tmp_path / "out" / "headline.json")
    assert without_seconds(found) == without_seconds(read(one / "out" / "headline.json"))


def test_a_process_that_fails_ends_all_and_says_why(tmp_path: Path, saved: Path) -> None:
    status, output = end(run(tmp_path, saved, "die"))
    assert status != 0
    assert output.count("process 1 of 2: Stopped: process 1 was told to die") == 1
    rows = [path.name for path in tmp_path.glob("out/rows/*/*.json")]
    assert len(rows) == 2 and not any("rag" in name for name in rows)


@pytest.fixture
def talk(tmp_path: Path):
    """Launch parallel_talk.py with a trouble: exit status, output, and the shared folder."""

    def launch(trouble: str, **variables: str):
        shared, own = tmp_path / "shared", tmp_path / "own"
        shared.mkdir()
        own.mkdir()
        status, output = end(start("parallel_talk.py", shared, own, trouble, **variables))
        return status, output, shared

    return launch


def test_what_two_processes_say_to_each_other(talk) -> None:
    status, output, shared = talk("none")
    assert status == 0, output
    first, second = (read(shared / f"found-{n}.json") for n in (0, 1))
    assert (first["name"], second["name"]) == ("", "process 1 of 2: ")
    for n in range(6):
        shares = first["shards"][str(n)], second["shards"][str(n)]
        assert shares == (list(range(0, n, 2)), list(range(1, n, 2)))
        assert first["gathered"][str(n)] == second["gathered"][str(n)] == list(range(n))
    assert (first["before"], second["before"]) == ([], ["first-0"])
    assert first["told"] == second["told"] == {"of": 0}
    assert (first["calls"], second["calls"]) == (1, 0)
    for found in (first, second):
        assert found["agree"] == found["shared"] == ""
        assert found["disagree"].startswith("process 1 has other data, packages, settings")
        assert "process 1 does not see the folder" in found["not shared"]
        assert "give --out a folder that all machines share" in found["not shared"]
    assert not [*shared.glob(".seen*")]


def test_a_process_that_hangs_is_not_waited_for_long(talk) -> None:
    status, _, shared = talk("hang", FORM_AND_FACTS_WAIT="5")
    said, seconds = read(shared / "said.json")
    assert status != 0 and seconds < parallel.WAIT
    assert said.startswith("another process of this run gave no sign for 5 s; look which one hangs")
    assert said.endswith("then run the same command again: finished arms are kept")


def test_one_process_gives_back_what_it_was_given(monkeypatch, tmp_path: Path) -> None:
    """And neither waits nor imports anything."""
    monkeypatch.setattr(parallel, "_state", None)
    with parallel.main_first():
        parallel.wait()
    assert parallel.gather(parallel.shard("abc")) == list("abc")
    assert parallel.from_main(lambda: 7) == 7 and parallel.is_main() and parallel.size() == 1
    parallel.agree("x")
    parallel.see(tmp_path / "none")
    parallel.join(cpu=True)
    parallel.leave()
    assert not (tmp_path / "none").exists()
    code = "import sys, utils.parallel; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=TESTS.parent).returncode == 0


@pytest.mark.parametrize("named", ["soon", "-1", "nan", "inf", "0"])
def test_a_wait_that_is_no_number_of_seconds(monkeypatch, named: str) -> None:
    monkeypatch.setenv("FORM_AND_FACTS_WAIT", named)
    with pytest.raises(parallel.ParallelError, match="set it to a number of seconds, or unset it"):
        parallel.seconds()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ACCELERATE_USE_CPU": "True", "MASTER_ADDR": "x"}, "starts one process without mpirun"),
        ({"WORLD_SIZE": "2", "ACCELERATE_USE_FSDP": "true"}, "ACCELERATE_USE_FSDP is set, and"),
    ],
)
def test_a_launch_that_is_not_ours_is_one_sentence(monkeypatch, capsys, variables, sentence):
    for variable in parallel.SIZES:
        monkeypatch.delenv(variable, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert experiment.main(["--arms", "base"]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("[gloo/pair.cc:5] Connection closed by peer"), "has ended; its own message"),
        (RuntimeError("[gloo/x.cc:8] Timed out waiting 3000ms"), "gave no sign for 600 s"),
        (torch.distributed.DistNetworkError("The client socket has timed out"), "gave no sign"),
        (torch.distributed.DistStoreError("1/2 clients joined"), "has ended; its own message"),
        (RuntimeError("the weights changed"), None),
        (parallel.ParallelError("the NCCL of old"), None),
    ],
)
def test_what_torch_says_of_a_lost_process_is_put_plainly(monkeypatch, error, sentence) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("FORM_AND_FACTS_WAIT", raising=False)
    with pytest.raises(RuntimeError) as caught, parallel.explained():
        raise error
    assert (caught.value is error) == (sentence is None)
    assert sentence is None or sentence in str(caught.value)
