"""One of the processes that tests/test_parallel.py launches: utils.parallel by itself.

Arguments: a folder that all share, one that they do not, and a trouble for process 1 or "none".
Writes what it found into the shared folder.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from utils import parallel


def sentence(check, *arguments) -> str:
    """What the ParallelError of a check says; "" where there is none."""
    try:
        check(*arguments)
    except parallel.ParallelError as error:
        return str(error)
    return ""


def talk(shared: Path, own: Path) -> dict:
    """What every function gives here."""
    order = []
    with parallel.main_first():
        order = [path.name for path in shared.glob("first-*")]
        (shared / f"first-{parallel.rank()}").touch()
    calls = []
    told = parallel.from_main(lambda: calls.append(1) or {"of": parallel.rank()})
    return {
        "name": parallel.name(),
        "shards": {n: parallel.shard(range(n)) for n in range(6)},
        "gathered": {n: parallel.gather(parallel.shard(range(n))) for n in range(6)},
        "before": order,
        "told": told,
        "calls": len(calls),
        "agree": sentence(parallel.agree, "same"),
        "disagree": sentence(parallel.agree, f"other {parallel.rank()}"),
        "shared": sentence(parallel.see, shared),
        "not shared": sentence(parallel.see, own / str(parallel.rank())),
    }


def line_up(shared: Path) -> None:
    """Import what is slow and wait for the other: the wait that is tested is short."""
    import accelerate  # noqa: F401

    (shared / f"ready-{parallel.rank()}").touch()
    while len([*shared.glob("ready-*")]) < parallel.size():
        time.sleep(0.05)


def main(shared: Path, own: Path, trouble: str) -> int:
    line_up(shared)
    parallel.join(cpu=True)
    if trouble == "none":
        found = talk(shared, own)
        (shared / f"found-{parallel.rank()}.json").write_text(json.dumps(found), "utf-8")
        parallel.leave()
        return 0
    if parallel.rank() == 1:
        if trouble == "hang":
            time.sleep(600)
        return 3
    begun = time.monotonic()
    said = sentence(parallel.gather, [1])
    (shared / "said.json").write_text(json.dumps([said, time.monotonic() - begun]), "utf-8")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
