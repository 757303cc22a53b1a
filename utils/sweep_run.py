"""Running the tasks of a sweep: with Ray on this machine or a cluster, or one after another."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from utils.sweep_task import Task

NO_RAY = (
    'Ray is not installed; run: python -m pip install ".[scale]", or give --local to run the '
    "tasks one after another without it"
)
PATIENCE = 10.0  # seconds in which a cluster must answer
EVERY = 60.0  # seconds between words while nothing ends
GIB = 2**30
STORE = 10**8  # bytes for what tasks give back: it is small, and Ray would take a third of memory

Outcome = tuple[dict, str, float] | Exception  # what the work gave, or why there is nothing
Work = Callable[[Task, str, int], tuple[dict, str, float]]
Run = Callable[[Iterable[Task]], Iterator[tuple[Task, Outcome]]]


class SweepError(RuntimeError):
    """A sweep that cannot begin; the message says why, with the mend."""


@dataclass(frozen=True)
class Needs:
    """What one task takes: processor cores, a share of GPUs, and GiB of memory."""

    cpus: int = 2
    gpus: float = 0.0
    memory: float = 4.0


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

    Raises SweepError without Ray, without the cluster, and where no machine has what a task needs.
    """
    ray = _connected(address)
    try:
        cpus = _fitting(ray, needs, local=address is None)
        there = {"runtime_env": {"env_vars": _variables()}} if address else {}
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


def _connected(address: str | None):
    """The module ray, connected to the cluster at the address, or to a new one here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise SweepError(NO_RAY) from None
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address is None:
            here = {"object_store_memory": STORE, "_node_ip_address": "127.0.0.1"}
            ray.init(address="local", include_dashboard=False, **here, **quiet)
        else:
            _knock(address)
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        where = f"No Ray cluster answers at {address}" if address else "Ray could not start here"
        raise SweepError(
            f"{where} ({reason}); start one with: ray start --head, and give its address (set "
            "RAY_AUTH_MODE=token if it asks for Ray's token), or give --local to do without"
        ) from error
    return ray


def _knock(address: str) -> None:
    """See that something answers at host:port: Ray would ask again for minutes. Raises OSError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address != "auto":
        if not (host and port.isdecimal()):
            raise ValueError("an address is HOST:PORT")
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()


def _fitting(ray, needs: Needs, local: bool) -> int:
    """The cores to ask for: no more than this machine has. SweepError where a task fits nowhere."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = int(max((machine.get("CPU", 0) for machine in machines), default=0))
    cpus = min(needs.cpus, most) if local else needs.cpus
    wanted = {"CPU": cpus, "GPU": needs.gpus, "memory": needs.memory * GIB}
    if any(all(machine.get(n, 0) >= v for n, v in wanted.items()) for machine in machines):
        return cpus
    free = max((machine.get("memory", 0) for machine in machines), default=0) / GIB
    raise SweepError(
        f"A task asks for {cpus} cores, {needs.gpus:g} GPUs and {needs.memory:g} GiB, and no "
        f"machine of the cluster has that (at most {most} cores and {free:.1f} GiB); lower "
        "--cpus, --gpus or --memory"
    )


def _outcome(ray, reference) -> Outcome:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        return error.cause if isinstance(error.cause, Exception) else error
    except ray.exceptions.RayError as error:  # the process or its machine is gone
        return error


def _variables() -> dict[str, str]:
    """The course's own environment variables, for the machines of a cluster."""
    return {name: value for name, value in os.environ.items() if name.startswith("FORM_AND_FACTS_")}
