"""An index on disk for 100,000 passages and more, with the three searches of a Retriever."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from utils.data import Passage
from utils.nearest import Found, best_first, top
from utils.postings import keys, score_words
from utils.prompts import titled
from utils.retrieve import Hit, check_method, embed, fuse, lexical_ranks, tokenise
from utils.segments import (
    IndexFault,
    Segment,
    finished,
    merge_segments,
    only_writer,
    open_all,
    open_segment,
    spanned,
    sweep,
    write_segment,
)

ROWS = 8192  # passages that are embedded and written at once
CANDIDATES = 1000  # of each search, from which hybrid search chooses
QUERIES = 256  # searched at once
HEAD = "index.json"
SCHEMA = 2
PROBE = "Which of these passages answers the question?"  # tells one embedder from another


class Index:
    """Search over the passages of an index folder, which `build_index` makes.

    Passages and vectors are memory-mapped: opening reads none of them, only short codes. `dense`
    is exact in segments below 20,000 passages and near-exact above. `lexical` is exact. `hybrid`
    fuses the best CANDIDATES of both; a passage outside one of them gains nothing from it. Raises
    IndexFault for a folder that is no index, is damaged or was made with another embedder.
    """

    def __init__(self, folder: Path, embedder) -> None:
        self.folder, self.embedder = Path(folder), embedder
        _check_head(self.folder, embedder)
        self.segments = open_all(self.folder)
        if not self.segments:
            raise IndexFault(
                f"the index {folder} holds no passages: add some with build_index(folder, "
                "passages, embedder)"
            )

    def __len__(self) -> int:
        return sum(len(segment) for segment in self.segments)

    def append(self, passages: Iterable[Passage]) -> int:
        """Add passages and say how many were new; one already here as it is counts as done.

        An interrupted call is so resumed by the same call. Raises IndexFault for an id that
        appears twice or is here with another text, and while another process is writing.
        """
        added = add_passages(self.folder, passages, self.embedder)
        self.segments = open_all(self.folder)
        return added

    def search(self, queries: Sequence[str], k: int, method: str = "hybrid") -> list[list[Hit]]:
        """For each query the best k passages, best first.

        Raises ValueError for a method that is none of dense, lexical, hybrid.
        """
        check_method(method)
        if not queries:
            return []
        k = min(k, len(self))
        found = {"dense": self._dense, "lexical": self._lexical, "hybrid": self._hybrid}[method]
        return [
            [Hit(self.passage(int(row)), float(score)) for score, row in zip(*pair, strict=True)]
            for pair in found(queries, k)
        ]

    def tune(self, queries: Sequence[str]) -> None:
        """Find 0.975 of the ten nearest of these questions too, until the index changes.

        Questions lie further off than the passages on which it was measured at the building;
        a hundred real ones say what they need. Compares with exact search: seconds at a million.
        """
        vectors = embed(self.embedder, queries)
        self.segments = [segment.tuned(vectors) for segment in self.segments]

    def nearest(self, vectors: np.ndarray, k: int) -> Found:
        """Dense search by unit vectors of shape (queries, dimensions), float32.

        Gives scores and rows of the min(k, passages) best, each of shape (queries, k).
        """
        parts = [_joined(self.segments, vectors[i : i + QUERIES], k) for i in _starts(vectors)]
        scores, rows = zip(*parts, strict=True)
        return np.concatenate(scores), np.concatenate(rows)

    def passage(self, row: int) -> Passage:
        """The passage of a row that `nearest` gave."""
        for segment in self.segments:
            if row < len(segment):
                return segment.passage(row)
            row -= len(segment)
        raise IndexError(f"the index {self.folder} has no row {row}")

    def _dense(self, queries: Sequence[str], k: int) -> Iterator[Found]:
        scores, rows = self.nearest(embed(self.embedder, queries), k)
        return zip(scores, rows, strict=True)

    def _lexical(self, queries: Sequence[str], k: int) -> Iterator[Found]:
        """Passages without a word of the query come last, in their order, with the score 0."""
        postings = [segment.postings for segment in self.segments]
        for words in tokenise(queries):
            scores = np.concatenate(score_words(postings, words))
            rows = top(scores, k)
            yield scores[rows], rows

    def _hybrid(self, queries: Sequence[str], k: int) -> Iterator[Found]:
        wanted = min(max(k, CANDIDATES), len(self))
        both = zip(self._dense(queries, wanted), self._lexical(queries, wanted), strict=True)
        for (_, near), (scores, worded) in both:
            rows = np.union1d(near, worded)
            by_vector, by_words = np.full((2, len(rows)), np.inf)
            by_vector[np.searchsorted(rows, near)] = np.arange(1, len(near) + 1)
            by_words[np.searchsorted(rows, worded)] = lexical_ranks(scores)
            fused = fuse([by_vector, by_words])
            best = top(fused, k)
            yield fused[best], rows[best]


def build_index(folder: Path, passages: Iterable[Passage], embedder) -> Index:
    """Make the index of a folder, or go on with it, and open it. Raises as `Index.append` does.

    Each 8192 passages embedded are written before the next: an interrupted call, given the
    same passages again, goes on from there.
    """
    folder = Path(folder)
    if not (folder / HEAD).exists():
        _write_head(folder, embedder)
    _check_head(folder, embedder)
    add_passages(folder, passages, embedder)
    return Index(folder, embedder)


def add_passages(folder: Path, passages: Iterable[Passage], embedder) -> int:
    """Write the passages that are not in the folder's index yet; how many those were.

    Then segments are merged from the end back, as long as one is no more than twice as large
    as what follows it: many small additions stay few segments, and a large one is left alone.
    """
    with only_writer(folder):
        sweep(folder)
        segments = open_all(folder)
        stop = segments[-1].stop if segments else 0
        start, fresh = stop, _fresh(passages, segments)
        while chunk := list(islice(fresh, ROWS)):
            texts = [titled(passage) for passage in chunk]
            write_segment(folder, stop, chunk, embed(embedder, texts), tokenise(texts))
            stop += len(chunk)
        _merge(folder)
    return stop - start


def _merge(folder: Path) -> None:
    paths, rows = finished(folder), 0
    first = len(paths)
    while first and _size(paths[first - 1]) <= 2 * max(rows, ROWS):
        first -= 1
        rows += _size(paths[first])
    if len(paths) - first > 1:
        merge_segments(folder, [open_segment(path) for path in paths[first:]])


def _fresh(passages: Iterable[Passage], segments: Sequence[Segment]) -> Iterator[Passage]:
    """The passages that no segment has."""
    waiting, seen = iter(passages), set()
    while chunk := list(islice(waiting, ROWS)):
        ids = [passage.id for passage in chunk]
        hashed = keys(ids)
        here = {id: old for part in segments for id, old in part.find(hashed, ids).items()}
        for passage in chunk:
            if passage.id in seen:
                raise IndexFault(f"the passage id {passage.id!r} appears twice: make ids unique")
            seen.add(passage.id)
            if passage.id not in here:
                yield passage
            elif here[passage.id] != passage:
                raise IndexFault(
                    f"the passage id {passage.id!r} is in the index with another text: give the "
                    "new passage another id, or build the index in a new folder"
                )


def _joined(segments: Sequence[Segment], vectors: np.ndarray, k: int) -> Found:
    """The best k over all segments, rows counted through them."""
    found, before = [], 0
    for segment in segments:
        scores, rows = segment.nearest(vectors, k)
        found.append((scores, rows + before))
        before += len(segment)
    scores, rows = zip(*found, strict=True)
    return best_first(np.hstack(scores), np.hstack(rows), k)


def _starts(vectors: np.ndarray) -> range:
    return range(0, max(1, len(vectors)), QUERIES)


def _size(folder: Path) -> int:
    start, stop = spanned(folder)
    return stop - start


def _write_head(folder: Path, embedder) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    head = {"schema": SCHEMA, "probe": embed(embedder, [PROBE])[0].tolist()}
    work = folder / f"{HEAD}.{os.getpid()}"
    work.write_text(json.dumps(head), encoding="utf-8")
    os.replace(work, folder / HEAD)


def _check_head(folder: Path, embedder) -> None:
    try:
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        known, schema = np.array(head["probe"], np.float32), head["schema"]
    except OSError:
        raise IndexFault(
            f"there is no index in {folder}: make it with build_index(folder, passages, embedder)"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise IndexFault(
            f"the file {folder / HEAD} is damaged: delete that file, then run "
            "build_index(folder, passages, embedder) again; all passages are kept"
        ) from None
    now = embed(embedder, [PROBE])[0]
    if schema != SCHEMA or known.shape != now.shape or np.abs(known - now).max() > 0.01:
        raise IndexFault(
            f"the index {folder} was made with another embedder or another version of this "
            "course: open it with that one, or build the index in a new folder"
        )
