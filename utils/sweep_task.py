"""One task of a sweep: a run of the experiment in a process and a folder of its own."""

from __future__ import annotations

import hashlib
import os
import re
import time
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from utils.report import read_json, write_json

DONE, LOG = "task.json", "log.txt"


class TaskFailed(RuntimeError):
    """A task that did not end well; the message is the last thing it said."""


@dataclass(frozen=True)
class Task:
    """The command line of one run, what to call it, and the file that holds its result."""

    name: str
    model: str
    seed: int
    arguments: tuple[str, ...]
    result: str  # headline.json or dose.json


@dataclass(frozen=True)
class Done:
    """A finished task: the result of the experiment, which is also in its folder."""

    attempts: int
    seconds: float
    found: dict[str, Any]


def make_tasks(
    seeds: Sequence[int],
    models: Sequence[str | None],
    doses: Sequence[int] = (),
    arms: bool = True,
    more: Sequence[str] = (),
) -> list[Task]:
    """A task for each model and seed that asks the arms, and one that asks at the doses.

    The doses of a seed are one task, since one training passes through all of them.
    """
    tasks = []
    for model in models:
        label = label_of(model, models)
        chosen = ["--model", model] if model else []
        for seed in seeds:
            line = ["--seed", str(seed), *chosen, *more]
            if arms:
                tasks.append(Task(f"{label}/seed{seed}", label, seed, (*line,), "headline.json"))
            if doses:
                name = f"{label}/seed{seed}-doses-" + "-".join(map(str, doses))
                asked = ["--doses", ",".join(map(str, doses))]
                kept = without(line, ("--arms", "--datasets"))
                tasks.append(Task(name, label, seed, (*kept, *asked), "dose.json"))
    return tasks


def without(line: Sequence[str], options: Sequence[str]) -> list[str]:
    """A command line without these options and their values."""
    pairs = zip(line[::2], line[1::2], strict=True)
    return [part for pair in pairs if pair[0] not in options for part in pair]


def label_of(model: str | None, models: Sequence[str | None]) -> str:
    """A short name for a model, fit for a folder, and different for each of the models."""
    if model is None:
        return "default"
    labels = [re.sub(r"[^\w.-]+", "-", Path(m).name) for m in models if m]
    label = re.sub(r"[^\w.-]+", "-", Path(model).name)
    alike = labels.count(label) > 1 or label in ("", "default")
    return f"{label}-{hashlib.sha256(model.encode()).hexdigest()[:6]}" if alike else label


def work(task: Task, folder: str, cpus: int) -> tuple[dict, str, float]:
    """Run the task in this process: its result, the key of its rows, the seconds it took.

    What it prints goes to the log in its folder. Raises TaskFailed.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(cpus))  # before torch is imported
    from utils import experiment

    home, begun = Path(folder), time.monotonic()
    home.mkdir(parents=True, exist_ok=True)
    log = (home / LOG).open("a", encoding="utf-8")
    with log, redirect_stdout(log), redirect_stderr(log):
        try:
            status = experiment.main([*task.arguments, "--out", folder])
        except BaseException:  # a bug, or argparse's exit: the sweep must hear of it as one
            traceback.print_exc()
            status = 1
    if status != 0:
        raise TaskFailed(last_line(home / LOG) or f"it ended with status {status}")
    found = read_json(home / task.result)
    if found is None:
        raise TaskFailed(f"it left no {task.result}")
    return found, key_of(task, folder) or "", time.monotonic() - begun


def last_line(path: Path) -> str:
    """The last line of a file that says anything."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def key_of(task: Task, folder: str) -> str | None:
    """A key that changes with all that changes the task's rows; None where it cannot be told."""
    from utils import experiment
    from utils.stage import kept_rows

    try:
        return kept_rows(experiment.parse([*task.arguments, "--out", folder])).name
    except RuntimeError:  # no such model: running the task will say so
        return None


def finished(task: Task, folder: Path) -> Done | None:
    """The task as it was finished before, if data, models, recipes and command are the same."""
    told, found = read_json(folder / DONE), read_json(folder / task.result)
    if not isinstance(told, dict) or found is None or told.get("task") != plain(task):
        return None
    if told.get("key") != key_of(task, str(folder)):
        return None
    return Done(told["attempts"], told["seconds"], found)


def keep(task: Task, folder: Path, done: Done, key: str) -> None:
    """Note in its folder that the task is finished; its result too, if it ran elsewhere."""
    if read_json(folder / task.result) != done.found:
        write_json(folder / task.result, done.found)
    told = {"task": plain(task), "key": key, "attempts": done.attempts, "seconds": done.seconds}
    write_json(folder / DONE, told)


def plain(task: Task) -> dict:
    """The task as JSON gives it back."""
    return asdict(task) | {"arguments": list(task.arguments)}
