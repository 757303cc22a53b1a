"""Segments of an index on disk: folders that are finished or not there, and never change."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from utils.data import Passage
from utils.nearest import (
    Found,
    lists_needed,
    make_lists,
    open_lists,
    open_vectors,
    save_vectors,
    search_exact,
    search_lists,
)
from utils.postings import Postings, count_words, keys, merge_postings

HEAD = "segment.json"
LISTS = "lists.faiss"
VECTORS = "vectors.faiss"
LINES = "passages.jsonl"
POSTINGS = ("terms", "starts", "docs", "counts", "lengths")
ARRAYS = ("offsets", "keys", "key_rows", *POSTINGS)
MAKING = ".making-"  # how the name of an unfinished folder begins
NAME = re.compile(r"rows-(\d{12})-(\d{12})")
LISTS_FROM = 20_000  # rows; smaller segments are searched exactly


class IndexFault(ValueError):
    """An index that cannot be used; the message says why and names the mend."""


@dataclass(frozen=True)
class Segment:
    """Passages start to stop of an index; all arrays are memory-mapped.

    `vectors` (rows, dimensions) float16; `offsets` (rows + 1,) int64: where the JSON of each
    passage starts in `lines` (bytes,); `keys` (rows,) uint64: the sorted keys of the ids, and
    `key_rows` (rows,) int32: the row of each. `lists`: a FAISS index, or None in a small segment;
    a search looks through `looked` of its lists.
    """

    folder: Path
    start: int
    stop: int
    vectors: np.ndarray
    offsets: np.ndarray
    lines: np.ndarray
    keys: np.ndarray
    key_rows: np.ndarray
    postings: Postings
    lists: object | None
    looked: int

    def __len__(self) -> int:
        return len(self.vectors)

    def passage(self, row: int) -> Passage:
        """The passage of a row of this segment."""
        return Passage(**json.loads(bytes(self.lines[self.offsets[row] : self.offsets[row + 1]])))

    def nearest(self, queries: np.ndarray, k: int) -> Found:
        """Scores and rows of the nearest min(k, rows) passages of each query vector."""
        if self.lists is None:
            return search_exact(self.vectors, queries, k)
        return search_lists(self.lists, queries, k, self.looked)

    def tuned(self, queries: np.ndarray) -> Segment:
        """The segment with as many lists looked through as these query vectors need."""
        if self.lists is None:
            return self
        return replace(self, looked=lists_needed(self.lists, self.vectors, queries))

    def find(self, wanted: np.ndarray, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages with these ids, by id; `wanted` (ids,) uint64 are the ids' keys."""
        at = np.searchsorted(self.keys, wanted)
        near = np.minimum(at, len(self) - 1)
        found = {}
        for i in np.flatnonzero(self.keys[near] == wanted):
            place = int(at[i])
            while place < len(self) and self.keys[place] == wanted[i]:
                passage = self.passage(int(self.key_rows[place]))
                if passage.id == ids[i]:
                    found[passage.id] = passage
                place += 1
        return found


def write_segment(
    index: Path, start: int, passages: Sequence[Passage], vectors: np.ndarray, words
) -> None:
    """Add the passages from place `start` on, with their vectors and their lists of words."""
    lines = [_line(passage) for passage in passages]
    hashed = keys(passage.id for passage in passages)
    order = np.argsort(hashed, kind="stable").astype(np.int32)
    with _making(index, start, start + len(passages)) as work:
        (work / LINES).write_bytes(b"".join(lines))
        count_words(words).save(work)
        save_vectors(work / VECTORS, [vectors], *vectors.shape)
        np.save(work / "offsets.npy", np.cumsum([0] + [len(line) for line in lines]))
        np.save(work / "keys.npy", hashed[order])
        np.save(work / "key_rows.npy", order)
        _finish(work)


def merge_segments(index: Path, parts: Sequence[Segment]) -> None:
    """Make one segment of neighbours, then remove them. The vectors are copied, not made anew."""
    with _making(index, parts[0].start, parts[-1].stop) as work:
        with open(work / LINES, "wb") as out:
            for part in parts:
                with open(part.folder / LINES, "rb") as lines:
                    shutil.copyfileobj(lines, out)
        merge_postings([part.postings for part in parts]).save(work)
        sizes = np.concatenate([np.diff(part.offsets) for part in parts])
        np.save(work / "offsets.npy", np.concatenate([[0], np.cumsum(sizes)]))
        rows = np.cumsum([0] + [len(part) for part in parts[:-1]]).astype(np.int32)
        hashed = np.concatenate([part.keys for part in parts])
        found = np.concatenate([p.key_rows + n for p, n in zip(parts, rows, strict=True)])
        order = np.argsort(hashed, kind="stable")
        np.save(work / "keys.npy", hashed[order])
        np.save(work / "key_rows.npy", found[order])
        vectors = [part.vectors for part in parts]
        save_vectors(work / VECTORS, vectors, sum(map(len, vectors)), vectors[0].shape[1])
        _finish(work)
    for part in parts:
        shutil.rmtree(part.folder, ignore_errors=True)


def open_segment(folder: Path) -> Segment:
    """A segment, memory-mapped. Raises IndexFault if a file of it is missing or cut short."""
    try:
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        for name, size in head["files"].items():
            if (folder / name).stat().st_size != size:
                raise ValueError(f"{name} is not of the size it was written with")
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        vectors = open_vectors(folder / VECTORS)
        lists = open_lists(folder / LISTS, folder / VECTORS) if LISTS in head["files"] else None
        lines = np.memmap(folder / LINES, np.uint8, "r")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        name = getattr(error, "filename", None)
        reason = f"{Path(name).name} cannot be read" if name else str(error).splitlines()[0]
        raise IndexFault(
            f"the segment {folder} is damaged ({reason}): delete that folder, then add the same "
            f"passages again; the rest of the index is kept"
        ) from error
    postings = Postings(**{name: arrays.pop(name) for name in POSTINGS})
    start, stop = spanned(folder)
    looked = head["looked"]
    kept = {"vectors": vectors, "lines": lines, "postings": postings, "lists": lists}
    return Segment(folder, start, stop, looked=looked, **kept, **arrays)


def open_all(index: Path) -> list[Segment]:
    """The segments of an index in order; once more if a writer has merged some meanwhile."""
    try:
        return [open_segment(path) for path in finished(index)]
    except IndexFault:
        return [open_segment(path) for path in finished(index)]


def finished(index: Path) -> list[Path]:
    """The folders of the segments in order, without those that a merged one has replaced."""
    found = [path for path in index.iterdir() if NAME.fullmatch(path.name)]
    found.sort(key=lambda path: (spanned(path)[0], -spanned(path)[1]))
    kept: list[Path] = []
    for path in found:
        if not kept or spanned(path)[0] >= spanned(kept[-1])[1]:
            kept.append(path)
    return kept


def spanned(folder: Path) -> tuple[int, int]:
    """The places of the first passage of a segment and of the first after it."""
    start, stop = NAME.fullmatch(folder.name).groups()
    return int(start), int(stop)


def sweep(index: Path) -> None:
    """Remove what an interrupted run left. Only for the one process that may write."""
    kept = set(finished(index))
    for path in index.iterdir():
        if path.name.startswith(MAKING) or (NAME.fullmatch(path.name) and path not in kept):
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """One process adds at a time; the lock is the system's and ends with the process."""
    import filelock

    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        raise IndexFault(
            f"another process is adding to the index {folder}: wait until it is done"
        ) from None


@contextlib.contextmanager
def _making(index: Path, start: int, stop: int) -> Iterator[Path]:
    """A folder to fill; it takes its name in one step when all is written."""
    work = index / f"{MAKING}{os.getpid()}-{start}"
    work.mkdir()
    try:
        yield work
        os.replace(work, index / f"rows-{start:012}-{stop:012}")
        _sync(index)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _finish(work: Path) -> None:
    """Make the lists of a large segment, then write its head, and see that all is on the disk."""
    large = len(open_vectors(work / VECTORS)) >= LISTS_FROM
    looked = make_lists(work / VECTORS, work / LISTS) if large else 0
    files = {path.name: path.stat().st_size for path in sorted(work.iterdir())}
    head = json.dumps({"looked": looked, "files": files}, indent=1)
    (work / HEAD).write_text(head, encoding="utf-8")
    for path in [*work.iterdir(), work]:
        _sync(path)


def _line(passage: Passage) -> bytes:
    text = json.dumps(asdict(passage), ensure_ascii=False) + "\n"
    return text.encode("utf-8", "surrogatepass")


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk; not every system can for a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
