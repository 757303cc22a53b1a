"""Sweeps: the experiment over seeds, models and doses, many at once with Ray.

`python -m utils.sweep --seeds 0-9` runs a task for each seed. Finished tasks stay on disk; the
same command again runs only what is missing. A task that fails is tried again after the others.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from utils.arms import DATASETS, NAMES, choose
from utils.cluster import ClusterError, Needs
from utils.data import DATA
from utils.report import write_json
from utils.sweep_run import Outcome, Work, on_ray, one_by_one
from utils.sweep_table import over_seeds, table
from utils.sweep_task import LOG, Done, Task, finished, keep, make_tasks, work

OUT = DATA.parent / "results" / "sweep"
SUMMARY = "summary.json"
WIDE = 160  # columns where there is no terminal


@dataclass
class Book:
    """The tasks of a sweep, what became of each, and where."""

    tasks: list[Task]
    out: Path
    done: dict[str, Done]
    failed: dict[str, list[str]]

    def take(self, task: Task, found: Outcome) -> str:
        """Note an outcome and keep a result; a sentence about it."""
        attempt = len(self.failed.get(task.name, ())) + 1
        if isinstance(found, Exception):
            reason = (str(found).strip() or type(found).__name__).splitlines()[-1]
            self.failed.setdefault(task.name, []).append(reason)
            return f"{task.name}: attempt {attempt} failed: {reason}"
        result, key, seconds = found
        self.done[task.name] = Done(attempt, round(seconds, 1), result)
        keep(task, self.out / task.name, self.done[task.name], key)
        again = f", at attempt {attempt}" if attempt > 1 else ""
        count = f"{len(self.done)} of {len(self.tasks)}"
        return f"{task.name}: done in {seconds:.0f} s{again} ({count})"

    def left(self) -> list[Task]:
        """The tasks that are not finished."""
        return [task for task in self.tasks if task.name not in self.done]

    def summary(self) -> dict:
        """The sweep as summary.json holds it."""
        found = [(t.model, t.seed, self.done[t.name].found) for t in self.tasks if self._has(t)]
        return {
            "schema": 1,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "tasks": [self._told(task) for task in self.tasks],
            "rows": over_seeds(found),
        }

    def _has(self, task: Task) -> bool:
        return task.name in self.done

    def _told(self, task: Task) -> dict:
        done, failed = self.done.get(task.name), self.failed.get(task.name, [])
        return {
            "name": task.name,
            "model": task.model,
            "seed": task.seed,
            "status": "done" if done else "failed" if failed else "waiting",
            "attempts": done.attempts if done else len(failed),
            "seconds": done.seconds if done else None,
            "failures": failed,
        }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; leaves with one sentence where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m utils.sweep", description=__doc__)
    parser.add_argument("--seeds", type=numbers, required=True, help="such as 0-9 or 0,3,7")
    parser.add_argument("--models", type=words, help="hub ids or folders, comma-separated")
    parser.add_argument("--doses", type=numbers, help="passes over the facts, such as 3,20")
    parser.add_argument("--arms", type=words, help=f"comma-separated: {', '.join(NAMES)}")
    parser.add_argument("--datasets", type=words, help=f"comma-separated: {', '.join(DATASETS)}")
    parser.add_argument("--limit", type=int, help="at most this many questions a row")
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    parser.add_argument("--train", choices=("all", "short"), default="all", help="as experiment")
    parser.add_argument("--address", help="of a Ray cluster; without it, this machine")
    parser.add_argument("--local", action="store_true", help="one after another, without Ray")
    parser.add_argument("--cpus", type=int, default=Needs.cpus, help="cores a task takes")
    parser.add_argument("--gpus", type=float, default=Needs.gpus, help="GPUs a task takes")
    parser.add_argument("--memory", type=float, default=Needs.memory, help="GiB a task takes")
    parser.add_argument("--retries", type=int, default=2, help="further attempts for a failed task")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    given = parser.parse_args(arguments)
    if given.local and given.address:
        parser.error("--local runs without Ray, and --address names a Ray cluster: give one")
    if given.cpus < 1 or given.retries < 0 or given.gpus < 0 or given.memory <= 0:
        parser.error("--cpus and --memory must be above 0, --retries and --gpus not below 0")
    if given.limit is not None and given.limit < 1:
        parser.error("--limit must be 1 or more")
    return given


def numbers(text: str) -> list[int]:
    """ "0-2,7" as [0, 1, 2, 7]."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise argparse.ArgumentTypeError(f"{text!r} is no list such as 0-9 or 0,3,7")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return list(dict.fromkeys(found))


def words(text: str) -> list[str]:
    """ "a, b" as ["a", "b"]."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise argparse.ArgumentTypeError("name at least one")
    return list(dict.fromkeys(found))


def tasks_of(given: argparse.Namespace) -> list[Task]:
    """The tasks that a command line asks for. Raises ValueError for unknown arms and data sets."""
    choose(given.arms, given.datasets)
    more = ["--train", given.train, "--split", given.split]
    for name in ("arms", "datasets"):
        if getattr(given, name):
            more += [f"--{name}", ",".join(getattr(given, name))]
    if given.limit is not None:
        more += ["--limit", str(given.limit)]
    models = [str(Path(m).absolute()) if Path(m).is_dir() else m for m in given.models or ()]
    arms = bool(given.arms or not given.doses)
    return make_tasks(given.seeds, models or [None], given.doses or (), arms, more)


def sweep(given: argparse.Namespace, work: Work = work, say=print) -> Book:
    """Run what is not finished, failed tasks again after the others; writes the summary.

    Raises ClusterError where it cannot begin, ValueError for unknown arms or data sets.
    """
    out = given.out.absolute()
    book = Book(tasks_of(given), out, {}, {})
    before = {task.name: finished(task, out / task.name) for task in book.tasks}
    book.done = {name: done for name, done in before.items() if done}
    if book.done:
        say(f"{len(book.done)} of {len(book.tasks)} tasks were finished before.")
    if book.left():
        needs = Needs(given.cpus, given.gpus, given.memory)
        one = one_by_one(work, out, needs)
        with one if given.local else on_ray(work, out, needs, given.address, say) as run:
            for attempt in range(given.retries + 1):
                if attempt and book.left():
                    say(f"Trying {len(book.left())} again ({attempt} of {given.retries}).")
                for task, found in run(book.left()):
                    say(book.take(task, found))
                    write_json(out / SUMMARY, book.summary())
    write_json(out / SUMMARY, book.summary())
    return book


def main(arguments: list[str] | None = None, work: Work = work) -> int:
    """Run the sweep: 0 when all tasks are done, 1 when some are not, 130 after Ctrl-C."""
    given = parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else WIDE)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    try:
        book = sweep(given, work, say)
    except (ClusterError, ValueError) as error:
        print(f"Stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        again = "run the same command again to go on"
        print(f"\nStopped. Finished tasks are kept; {again}.", file=sys.stderr)
        return 130
    found = book.summary()
    console.print(table(found["rows"], f"{len(book.done)} of {len(book.tasks)} tasks"))
    for task in book.left():
        log = book.out / task.name / LOG
        say(f"{task.name} failed {len(book.failed[task.name])} times; its log: {log}")
    say(f"Written: {book.out / SUMMARY}")
    return 1 if book.left() else 0


if __name__ == "__main__":
    sys.exit(main())
