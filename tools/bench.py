"""Compare our inner loops with the usual ways, in one run, in turns; `make bench` calls it.

Writes results/bench.json. Each way is measured in every round; the table shows the best of the
rounds, so that other work on the machine disturbs it least.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from utils.fetch import ModelError  # noqa: E402
from utils.report import PACKAGES, device_facts, read_json, write_json  # noqa: E402

PARTS = ("training", "answers", "retrieval", "run")
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def measure(part: str, given: argparse.Namespace) -> object:
    """The measurement of one part."""
    say = lambda text: print(f"  {text}", flush=True)  # noqa: E731
    if part == "training":
        from tools import bench_training

        return bench_training.measure(given.rounds, say)
    if part == "answers":
        from tools import bench_answers

        return bench_answers.measure(given.rounds, say, gguf=given.gguf)
    if part == "retrieval":
        from tools import bench_search

        return bench_search.measure(given.sizes, given.rounds, say)
    return run_phases()


def keep(out: Path, parts: Sequence[str], make: Callable[[str], object]) -> None:
    """Make the parts in turn, and write each beside those measured before, with the machine."""
    found = read_json(out) or {}
    for part in parts:
        print(f"{part}:", flush=True)
        found |= {
            "schema": 1,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "device": device_facts(),
            "versions": {name: version(name) for name in PACKAGES},
            part: make(part),
        }
        write_json(out, found)


def run_phases() -> dict[str, float]:
    """Seconds of each phase of `make run`, from a run of its own that starts with nothing done.

    Raises RuntimeError when the run fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "utils.experiment", "--out", folder]
        if subprocess.run(command, cwd=ROOT).returncode:
            raise RuntimeError("the run of the experiment failed; its own message stands above")
        return read_json(Path(folder) / "headline.json")["seconds"]


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts asked for and write them beside those measured before."""
    parser = argparse.ArgumentParser(prog="python tools/bench.py", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="passages")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench.json")
    parser.add_argument("--gguf", type=Path, help="the model for llama.cpp, if it is installed")
    given = parser.parse_args(arguments)
    if given.rounds < 1 or min(given.sizes) < 1:
        parser.error("--rounds and --sizes must be 1 or more")
    if given.gguf and not (given.gguf.is_file() and importlib.util.find_spec("llama_cpp")):
        parser.error("--gguf needs a file that is there and: pip install llama-cpp-python")
    try:
        keep(given.out, given.parts, lambda part: measure(part, given))
    except (ModelError, RuntimeError) as error:
        print(f"Stopped: {error}", file=sys.stderr)
        return 1
    print(f"Written: {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
