"""The measured experiment: `python -m utils.experiment` runs the arms and prints the table.

Finished arms are kept on disk; after Ctrl-C the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from utils import parallel
from utils.arms import DATASETS, DOSES, NAMES, choose
from utils.data import DATA, DataError
from utils.fetch import ModelError

RESULTS = DATA.parent / "results"
QUICK_LIMIT = 10


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    arms: list[str] | None
    datasets: list[str] | None
    seed: int
    model: str | None
    limit: int | None
    quick: bool
    train: str
    dose: bool
    doses: tuple[int, ...] | None
    split: str
    out: Path
    passages: Path | None
    questions: Path | None
    answers: Path | None


def parse(arguments: list[str] | None = None) -> Options:
    """The command line as Options; leaves with one sentence where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m utils.experiment", description=__doc__)
    parser.add_argument("--arms", help=f"comma-separated: {', '.join(NAMES)}")
    parser.add_argument("--datasets", help=f"comma-separated: {', '.join(DATASETS)}")
    parser.add_argument("--seed", type=int, default=0, help="seed of the trainings (default 0)")
    parser.add_argument("--model", help="hub id or folder of another model")
    parser.add_argument("--limit", type=int, help="at most this many questions a row")
    parser.add_argument("--quick", action="store_true", help="shipped adapters, fewer questions")
    parser.add_argument(
        "--train",
        choices=("short", "all"),
        default="short",
        help="short: train form and 3 passes of facts, take the long trainings' adapters as "
        "shipped; all: train every adapter here",
    )
    parser.add_argument("--dose", action="store_true", help="the dose curve of the facts arm")
    parser.add_argument("--doses", help="the dose curve at these passes only, such as 3,20")
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--passages", type=Path, help="own documents: JSON Lines, or a folder")
    parser.add_argument("--questions", type=Path, help="own questions: JSON Lines")
    parser.add_argument("--answers", type=Path, help="write every answer as JSON Lines")
    given = parser.parse_args(arguments)
    if bool(given.passages) != bool(given.questions):
        parser.error("--passages and --questions go together: give both")
    if given.limit is not None and given.limit < 1:
        parser.error("--limit must be 1 or more")
    if given.quick and given.limit is None:
        given.limit = QUICK_LIMIT
    values = vars(given)
    if given.doses is not None:
        parts = given.doses.split(",")
        if not all(part.strip().isdecimal() for part in parts):
            parser.error("--doses takes passes over the facts, such as 3,20")
        values["doses"], values["dose"] = tuple(sorted({int(part) for part in parts})), True
    for name in ("arms", "datasets"):
        values[name] = [part.strip() for part in values[name].split(",")] if values[name] else None
    return Options(**values)


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 0 when done, 1 with a sentence, 130 after Ctrl-C."""
    options = parse(arguments)
    try:
        choose(options.arms, options.datasets)
        return _start(options)
    except (ModelError, DataError, ValueError, RuntimeError, FileNotFoundError) as error:
        if isinstance(error, (ModelError, DataError)) or str(error):
            print(f"{parallel.name()}Stopped: {error}", file=sys.stderr)
            return 1
        raise
    except KeyboardInterrupt:
        if parallel.is_main():
            print(
                "\nStopped. Finished arms are kept; run the same command again to go on.",
                file=sys.stderr,
            )
        return 130


def _start(options: Options) -> int:
    from utils import session

    session.meet(options)
    if options.passages:
        session.run_own(options)
    elif options.dose:
        session.run_dose(options, options.doses or DOSES)
    else:
        session.run_arms(options)
    parallel.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
