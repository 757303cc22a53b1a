"""Running the tasks of a sweep: with Ray on this machine or a cluster, or one after another."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from utils.cluster import EVERY, GIB, Needs, connected, fitting, variables
from utils.sweep_task import Task

WITHOUT = "give --local to run the tasks one after another without it"
LOWER = "--cpus, --gpus or --memory"

Outcome = tuple[dict, str, float] | Exception  # what the work gave, or why there is nothing
Work = Callable[[Task, str, int], tuple[dict, str, float]]
Run = Callable[[Iterable[Task]], Iterator[tuple[Task, Outcome]]]


@contextmanager
def one_by_one(work: Work, out: Path, needs: Needs) -> Iterator[Run]:
    """Gives a function that runs tasks in turn, each in a new process."""

    def run(tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
        for task in tasks:
            fresh = multiprocessing.get_context("spawn")
            try:
                with ProcessPoolExecutor(1, mp_context=fresh) as pool:
                    found = pool.submit(work, task, str(out / task.name), needs.cpus).result()
            except Exception as error:
                found = error
            yield task, found

    yield run


@contextmanager
def on_ray(
    work: Work, out: Path, needs: Needs, address: str | None, say: Callable[[str], None]
) -> Iterator[Run]:
    """Gives a function that runs tasks as Ray tasks, each in a new process, as they fit.

    Raises ClusterError without Ray, without the cluster, and where a task fits on no machine.
    """
    ray = connected(address, WITHOUT)
    try:
        cpus = fitting(ray, needs, address is None, LOWER)
        there = {"runtime_env": {"env_vars": variables()}} if address else {}
        remote = ray.remote(
            num_cpus=cpus,
            num_gpus=needs.gpus,
            memory=int(needs.memory * GIB),
            max_calls=1,  # a new process for each task
            max_retries=0,  # the sweep tries again itself, and says so
            **there,
        )(work)

        def run(tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
            waiting = {remote.remote(t, str(out / t.name), cpus): t for t in tasks}
            while waiting:
                ready, _ = ray.wait(list(waiting), num_returns=1, timeout=EVERY)
                if not ready:
                    say(f"{len(waiting)} tasks are running or waiting for a free machine ...")
                for reference in ready:
                    yield waiting.pop(reference), _outcome(ray, reference)

        yield run
    finally:
        ray.shutdown()


def _outcome(ray, reference) -> Outcome:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        return error.cause if isinstance(error.cause, Exception) else error
    except ray.exceptions.RayError as error:  # the process or its machine is gone
        return error
