"""Grade a class: `python -m utils.grade SUBMISSIONS --out grades.csv`. docs/grading.md tells how.

This is the command line alone: it finds the notebooks, hands each to a worker, and writes what
comes back. The submissions are read and never written.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from utils.cluster import ClusterError
from utils.exercise_data import ExerciseError, load_all
from utils.grade_hidden import read_hidden
from utils.grade_notebook import NOTEBOOKS
from utils.grade_pool import Pool
from utils.grade_ray import Cluster
from utils.grade_records import FAULT, STATUSES, Result, Settings, Submission
from utils.grade_results import Journal, sheet, write, write_feedback
from utils.grade_sandbox import Limits, no_sandbox
from utils.grade_submissions import SubmissionsError, find

NOT_GUARDED = (
    "Without it nothing keeps a notebook's code from this account's files, processes and network, "
    "nor from the hidden cases; time, memory, processes and output are limited all the same."
)
WINDOWS = "On Windows the limits on open files, disk and processor time are not enforced."
MACOS = "On macOS the limit on memory is enforced by looking at it several times a second."
STOPPED = 130  # the exit status of a run stopped by Ctrl-C


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options, with their defaults."""
    parser = argparse.ArgumentParser(prog="python -m utils.grade", description=__doc__)
    add = parser.add_argument
    add("submissions", type=Path, metavar="SUBMISSIONS", help="a folder or a zip of notebooks")
    add("--out", type=Path, required=True, metavar="CSV", help="the table to write")
    add("--lesson", metavar="NN", help="the lesson wanted, as 01; left out: as each notebook is")
    add("--hidden", type=Path, metavar="FILE", help="a TOML file with hidden cases")
    add("--jobs", type=int, default=0, metavar="N", help="notebooks at a time; left out: all cores")
    add("--feedback", type=Path, metavar="DIR", help="a folder for a page and a text a notebook")
    add("--resume", action="store_true", help="go on where a stopped run ended")
    add("--timeout", type=float, metavar="S", help="seconds a notebook; left out: by its lesson")
    add("--memory", type=int, default=Limits.memory, metavar="MB", help="memory a notebook")
    add("--ray", metavar="ADDRESS", help="HOST:PORT of a Ray cluster; `local`: Ray on this machine")
    add("--require-sandbox", action="store_true", help="refuse to grade without bubblewrap")
    add("--no-sandbox", action="store_true", help="grade without bubblewrap where there is one")
    add("--no-seconds", action="store_true", help="leave the seconds empty: the same bytes always")
    options = parser.parse_args(arguments)
    none = options.timeout is not None and options.timeout <= 0
    if options.jobs < 0 or options.memory < 200 or none:
        parser.error("--jobs and --timeout must be above 0, --memory at least 200 MB")
    if options.require_sandbox and options.no_sandbox:
        parser.error("--require-sandbox and --no-sandbox exclude each other")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Grade; 0 when every submission has a row, 1 with grader errors, 2 when nothing is graded."""
    options = parse(arguments)
    try:
        settings = settings_of(options)
        with tempfile.TemporaryDirectory(prefix="form-and-facts-class-") as scratch:
            stems = tuple(path.stem for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")))
            found = find(options.submissions, folder(scratch, "zip"), stems)
            if not found:
                raise SubmissionsError(f"{options.submissions} holds no submission")
            with workers(settings, options, folder(scratch, "work")) as pool:
                return grade(found, settings, pool, options)
    except (SubmissionsError, ExerciseError, ClusterError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def workers(settings: Settings, options: argparse.Namespace, scratch: Path) -> Pool | Cluster:
    """What grades: processes of this machine, or a cluster."""
    if options.ray:
        return Cluster(settings, options.ray, options.jobs)
    return Pool(settings, options.jobs or os.cpu_count() or 1, scratch)


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of the batch. Raises ExerciseError or SubmissionsError for bad ones."""
    reason = "it was switched off" if options.no_sandbox else ""
    if not (reason or options.ray):  # the machines of a cluster are asked when it is entered
        reason = no_sandbox()
    if reason and options.require_sandbox:
        raise SubmissionsError(f"There is no sandbox: {reason}.")
    print(warning(reason) if reason else "Each notebook runs in bubblewrap.", file=sys.stderr)
    lessons = load_all()
    numbers = [lesson.number for lesson in lessons]
    lesson = options.lesson and options.lesson.zfill(2)
    if lesson and lesson not in numbers:
        raise SubmissionsError(f"there is no lesson {lesson}; there are: {', '.join(numbers)}")
    hidden = options.hidden.read_text("utf-8") if options.hidden else ""
    read_hidden(hidden, lessons)
    paths = (options.submissions, options.out, options.hidden, options.feedback)
    secrets = tuple(str(path.resolve()) for path in paths if path and path.exists())
    jobs = options.jobs or os.cpu_count() or 1
    threads = max(1, (os.cpu_count() or 1) // jobs)
    limits = Limits(timeout=options.timeout, memory=options.memory, threads=threads)
    return Settings(lesson, hidden, limits, not reason, secrets)


def warning(reason: str) -> str:
    """What is not guarded without a sandbox, on this system."""
    system = {"win32": WINDOWS, "darwin": MACOS}.get(sys.platform, "")
    return " ".join(filter(None, (f"WARNING: no sandbox: {reason}.", NOT_GUARDED, system)))


def folder(place: str, name: str) -> Path:
    """A new folder in another."""
    path = Path(place) / name
    path.mkdir()
    return path


def grade(
    found: list[Submission], settings: Settings, pool: Pool | Cluster, options: argparse.Namespace
) -> int:
    """Grade what the journal does not know yet, then write all that is known."""
    out = options.out
    journal = Journal(out.with_name(f"{out.name}.journal"), settings, options.resume)
    keys = {one: journal.key(one) for one in found}
    results = {one: journal.known[key] for one, key in keys.items() if key in journal.known}
    if results:
        print(f"{len(results)} of {len(found)} are graded already.", file=sys.stderr)
    stopped = False
    try:
        for one, result in pool.results([one for one in found if one not in results]):
            results[one] = result
            journal.add(keys[one], result)
            print(told(result, len(results), len(found)), file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        stopped = True
        pool.close()
    if options.feedback:
        write_feedback(options.feedback, results.values())
    write(out, sheet(results.values(), not options.no_seconds))
    return summary(list(results.values()), len(found), out, stopped)


def told(result: Result, done: int, of: int) -> str:
    """One line of progress."""
    points = "" if result.max is None else f", {result.total} of {result.max}"
    return f"{done}/{of} {result.name!r}: {result.status}{points} ({result.seconds:.1f} s)"


def summary(results: list[Result], of: int, out: Path, stopped: bool) -> int:
    """Print what came out; the exit status."""
    counts = Counter(result.status for result in results)
    listed = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
    print(f"{len(results)} of {of} graded: {listed or 'none'}. Written: {out}", file=sys.stderr)
    if any(result.sandbox == "none" for result in results):
        print("Not sandboxed: see the column `sandbox`.", file=sys.stderr)
    if stopped:
        print("Stopped. The same command with --resume goes on from here.", file=sys.stderr)
        return STOPPED
    return 1 if counts[FAULT] else 0


if __name__ == "__main__":
    sys.exit(main())
