"""Submissions graded on the machines of a Ray cluster; used as `utils.grade_pool.Pool` is.

A task of Ray takes one submission, its bytes with it, and starts a worker process where it is, as
Pool does on this machine: the same limits, the same sandbox. A task that is lost, with its process
or its machine, is tried once more, wherever there is room.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from utils.cluster import EVERY, GIB, ClusterError, Needs, alive, connected, fitting, variables
from utils.grade_notebook import Refused
from utils.grade_one import content
from utils.grade_pool import TRIES, Pool, lost
from utils.grade_records import FAULT, Result, Settings, Submission
from utils.grade_results import fingerprint
from utils.grade_sandbox import MB, no_sandbox

HERE = "local"  # the address that stands for a Ray of its own on this machine
WITHOUT = "leave --ray out to grade on this machine alone"
ANSWERS = 180.0  # seconds in which every machine must say what it has
SAME = "copy this checkout there, exercises and all"


class Cluster:
    """Grading over a cluster. Leave it by its with statement, which ends what runs.

    address: HOST:PORT of the cluster, "auto" or "local"; jobs: submissions at a time, 0 for as
    many as the cluster has cores. To enter raises ClusterError where there is no Ray, no cluster,
    no room, or a machine without the course or, if the settings ask for it, without a sandbox.
    """

    def __init__(self, settings: Settings, address: str, jobs: int) -> None:
        self.settings = replace(settings, limits=replace(settings.limits, threads=1))
        self.address = None if address == HERE else address
        self.jobs = jobs
        self.waiting: dict[Any, tuple[Submission, int]] = {}

    def __enter__(self) -> Cluster:
        self.ray = connected(self.address, WITHOUT)
        try:
            memory = self.settings.limits.memory * MB
            needs = Needs(1, 0, memory / GIB)
            fitting(self.ray, needs, self.address is None, "--memory")
            env = {"runtime_env": {"env_vars": variables()}} if self.address else {}
            check_machines(self.ray, self.settings.sandbox, env)
            kind = self.ray.remote(num_cpus=1, memory=memory, max_retries=0, **env)
            self.remote = kind(grade_there)
        except BaseException:
            self.ray.shutdown()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all tasks; what they were at is lost."""
        for reference in self.waiting:
            self.ray.cancel(reference, force=True)
        self.waiting.clear()
        self.ray.shutdown()

    def results(self, submissions: list[Submission]) -> Iterator[tuple[Submission, Result]]:
        """Each submission with its result, in the order in which they are done."""
        ahead = iter(submissions)
        while True:
            self.fill(ahead)
            if not self.waiting:
                return
            ready, _ = self.ray.wait(list(self.waiting), num_returns=1, timeout=EVERY)
            if not ready:
                say(f"{len(self.waiting)} submissions are running or waiting for a machine ...")
            for reference in ready:
                submission, attempt = self.waiting.pop(reference)
                result = self.outcome(reference, submission, attempt)
                if result is not None:
                    yield submission, result

    def fill(self, ahead: Iterator[Submission]) -> None:
        """Start as many as there is room for, and some that wait for it."""
        room = self.jobs or 2 * int(self.ray.cluster_resources().get("CPU", 1))
        while len(self.waiting) < room:
            submission = next(ahead, None)
            if submission is None:
                return
            self.start(submission, 1)

    def start(self, submission: Submission, attempt: int) -> None:
        reference = self.remote.remote(with_bytes(submission), self.settings)
        self.waiting[reference] = (submission, attempt)

    def outcome(self, reference: Any, submission: Submission, attempt: int) -> Result | None:
        """The result of a task that has ended; None when it was lost and is tried again."""
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            said = f"the worker was lost ({type(error).__name__})"
            if attempt == TRIES:
                return lost(submission, self.settings, said)
            say(f"{submission.name!r}: {said}; it is tried again.")
            self.start(submission, attempt + 1)
            return None


def grade_there(submission: Submission, settings: Settings) -> Result:
    """What a task does: grade in a worker process of the machine it is on."""
    secrets = tuple(name for name in settings.secrets if Path(name).exists())
    with (
        tempfile.TemporaryDirectory(prefix="form-and-facts-class-") as scratch,
        Pool(replace(settings, secrets=secrets), 1, Path(scratch)) as pool,
    ):
        return pool.grade(submission)


def with_bytes(submission: Submission) -> Submission:
    """The submission as it travels: its bytes, or the reason why there are none."""
    if submission.problem:
        return submission
    try:
        return replace(submission, path="", data=content(submission))
    except Refused as refused:
        return replace(submission, path="", problem=(refused.status, str(refused)))
    except OSError as error:
        return replace(submission, path="", problem=(FAULT, f"it cannot be read: {error}"))


def machine() -> tuple[str, str]:
    """Why there is no sandbox on this machine ("" if there is), and a mark of the course here."""
    return no_sandbox(), fingerprint(Settings()).hex()


def check_machines(ray: Any, sandbox: bool, env: dict[str, Any]) -> None:
    """See that each machine that can take tasks has this course, and a sandbox if it is wanted."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as At

    wanted = fingerprint(Settings()).hex()
    nodes = [node for node in alive(ray) if node["Resources"].get("CPU", 0) >= 1]
    asked = {}
    for node in nodes:
        there = At(node_id=node["NodeID"], soft=False)
        asked[node["NodeManagerAddress"]] = ray.remote(
            num_cpus=0, scheduling_strategy=there, max_retries=1, **env
        )(machine).remote()
    for address, reference in asked.items():
        try:
            reason, mark = ray.get(reference, timeout=ANSWERS)
        except (ray.exceptions.RayError, RuntimeError) as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise ClusterError(f"The machine {address} cannot grade ({said}); {SAME}") from error
        if mark != wanted:
            raise ClusterError(f"The machine {address} holds another state of the course; {SAME}")
        if sandbox and reason:
            raise ClusterError(
                f"The machine {address} has no sandbox ({reason}), and without one a notebook's "
                "code could reach the whole cluster; --no-sandbox takes that risk"
            )


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
