"""An index whose building is killed at many moments: nothing written is lost or doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from test_index import WordEmbedder, assert_same, make, rounded
from utils import segments
from utils.index import build_index

CHILD = """
import os, sys
sys.path[:0] = [{root!r}, {tests!r}]
from test_index import WordEmbedder, make
from utils import index, segments
index.ROWS, segments.LISTS_FROM = 16, 64
seen = 0
def count(event, args):
    global seen
    if event in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir"):
        seen += event != "open" or {folder!r} in str(args[0])
        if seen == int(sys.argv[1]):
            os.kill(os.getpid(), 9)
sys.addaudithook(count)
index.build_index({folder!r}, make(0, 100), WordEmbedder())
print(seen)
"""


def build_until_killed(folder: Path, events: int) -> subprocess.CompletedProcess:
    """Build in another process, which kills itself at a file event and else prints their count."""
    tests = Path(__file__).parent
    code = CHILD.format(root=str(tests.parent), tests=str(tests), folder=str(folder))
    command = [sys.executable, "-c", code, str(events)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many files a whole building opens, renames or removes."""
    return int(build_until_killed(tmp_path_factory.mktemp("whole"), 0).stdout)


@pytest.mark.parametrize("share", [0.01, 0.15, 0.4, 0.62, 0.75, 0.97])
def test_killed_at_any_moment_nothing_written_is_lost(tmp_path: Path, events, share) -> None:
    done = build_until_killed(tmp_path / "index", max(2, int(share * events)))
    assert done.returncode == -signal.SIGKILL
    written = segments.finished(tmp_path / "index")
    before = [segments.open_segment(path).passage(0).id for path in written]
    assert len(before) == len(set(before))
    embedder = WordEmbedder()
    texts: list[str] = []
    encode = embedder.encode
    embedder.encode = lambda given, **_: texts.extend(given) or encode(given)
    kept = sum(len(segments.open_segment(path)) for path in written)
    made = build_index(tmp_path / "index", make(0, 100), embedder)
    assert sum(text.startswith("City_") for text in texts) == 100 - kept
    assert sorted(made.passage(i).id for i in range(100)) == sorted(p.id for p in make(0, 100))
    assert_same(made, rounded(make(0, 100)), k=100)
    assert not [path for path in (tmp_path / "index").iterdir() if path.name.startswith(".making")]


def test_killed_again_and_again_it_still_comes_to_an_end(tmp_path: Path) -> None:
    statuses = [build_until_killed(tmp_path, 90).returncode for _ in range(3)]
    assert statuses[0] == -signal.SIGKILL
    assert len(build_index(tmp_path, make(0, 100), WordEmbedder())) == 100
