"""Nearest vectors of a memory-mapped matrix: exact search, and FAISS lists for large ones."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

BLOCK = 65_536  # rows made float32 at once
LISTS = 4  # lists per square root of the rows
STEPS = 8  # of k-means
PER_LIST = 64  # rows that k-means sees for each list
RECALL = 0.985  # wanted of the ten nearest, on rows of the matrix itself
TRIED = 200  # rows on which it is measured
SAME = 1e-5  # scores that differ by less are one

Found = tuple[np.ndarray, np.ndarray]  # scores and rows, each of shape (queries, k)


def search_exact(vectors: np.ndarray, queries: np.ndarray, k: int) -> Found:
    """The k rows with the highest inner product, best first; equal scores keep their order.

    `vectors` has shape (rows, dimensions), float16 or float32, and is read block by block;
    `queries` has shape (queries, dimensions), float32.
    """
    count = len(queries)
    scores, rows = np.empty((count, 0), np.float32), np.empty((count, 0), np.int64)
    for start in range(0, len(vectors), BLOCK):
        block = np.asarray(vectors[start : start + BLOCK], np.float32)
        found = queries @ block.T
        best = np.stack([top(row, k) for row in found]) if count else rows[:, :0]
        scores = np.hstack([scores, np.take_along_axis(found, best, 1)])
        scores, rows = best_first(scores, np.hstack([rows, best + start]), k)
    return scores, rows


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """Places of the k highest scores, best first; of equal scores the first."""
    if k < len(scores):
        least = np.partition(scores, -k)[-k]
        above = np.flatnonzero(scores > least)
        equal = np.flatnonzero(scores == least)[: k - len(above)]
        places = np.sort(np.concatenate([above, equal]))
    else:
        places = np.arange(len(scores))
    return places[np.argsort(-scores[places], kind="stable")]


def best_first(scores: np.ndarray, rows: np.ndarray, k: int) -> Found:
    """The k best of each line, by score and then by row; both of shape (queries, any)."""
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def make_lists(vectors: np.ndarray, path: Path) -> int:
    """Sort the vectors into lists by nearest centre, write them; how many lists a search needs.

    The lists hold float16 vectors (FAISS IndexIVFScalarQuantizer), so that a score is that of
    the exact search. The number of lists to look through is the least that finds RECALL of the
    ten nearest of TRIED rows. It is measured on passages: questions lie further off.
    """
    import faiss

    lists = max(1, int(LISTS * math.sqrt(len(vectors))))
    chosen = np.random.default_rng(0).permutation(len(vectors))
    index = faiss.index_factory(vectors.shape[1], f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.by_residual = False  # else float16 would round the way to the centre, not the vector
    index.cp.niter, index.cp.min_points_per_centroid = STEPS, 1
    index.cp.max_points_per_centroid = PER_LIST
    index.train(_rows(vectors, np.sort(chosen[: lists * PER_LIST])))
    for start in range(0, len(vectors), BLOCK):
        index.add(np.asarray(vectors[start : start + BLOCK], np.float32))
    faiss.write_index(index, str(path))
    return lists_needed(index, vectors, _rows(vectors, np.sort(chosen[:TRIED])), skip=1)


def open_lists(path: Path):
    """The lists of `make_lists`, memory-mapped: a search reads only the lists it looks through."""
    import faiss

    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)


def search_lists(index, queries: np.ndarray, k: int, looked: int) -> Found:
    """As `search_exact`, looking through `looked` lists, and more while fewer than k are found."""
    import faiss

    k = min(k, index.ntotal)
    looked = min(index.nlist, max(looked, math.ceil(2 * k * index.nlist / index.ntotal)))
    while True:
        settings = faiss.SearchParametersIVF(nprobe=looked)
        scores, rows = index.search(queries, k, params=settings)
        if looked == index.nlist or (rows >= 0).all():
            return best_first(scores, rows, k)
        looked = min(2 * looked, index.nlist)


def lists_needed(index, vectors: np.ndarray, queries: np.ndarray, skip: int = 0) -> int:
    """The least number of lists that finds RECALL of the ten nearest vectors of the queries.

    `skip` nearest are left out: 1 where the queries are rows of `vectors` themselves.
    """
    wanted, _ = search_exact(vectors, queries, 10 + skip)
    looked = 1
    while looked < index.nlist:
        found, _ = search_lists(index, queries, 10 + skip, looked)
        if (found[:, skip:] >= wanted[:, -1:] - SAME).mean() >= RECALL:
            break
        looked = math.ceil(1.25 * looked)
    return min(looked, index.nlist)


def _rows(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.asarray(vectors[rows], np.float32)
