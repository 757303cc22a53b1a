"""Nearest vectors of a memory-mapped matrix: exact search, and FAISS lists for large ones."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

BLOCK = 65_536  # rows made float32 at once
LISTS = 4  # lists per square root of the rows
STEPS = 8  # of k-means
PER_LIST = 64  # rows that k-means sees for each list
RECALL = 0.975  # wanted of the ten nearest
TRIED = 200  # rows on which it is measured
AGAIN = 400  # rows scored again by their whole vectors, beside two for each wanted
KEPT = 0.995  # of the vectors' squared lengths, in the directions that are coded
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


def save_vectors(path: Path, blocks: Iterable[np.ndarray], rows: int, dims: int) -> None:
    """Write blocks of shape (any, dims), float16, that are `rows` together, block by block.

    The file is a FAISS IndexScalarQuantizer of float16, whose rows come last: FAISS and numpy
    both map it, and neither needs a copy of its own.
    """
    import faiss

    kind, score = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    head = faiss.IndexScalarQuantizer(dims, kind, score)
    head.ntotal = rows
    start = faiss.serialize_index(head).tobytes()  # its last 8 bytes count those that follow
    with open(path, "wb") as out:
        out.write(start[:-8] + struct.pack("<q", 2 * rows * dims))
        for block in blocks:
            out.write(np.ascontiguousarray(block, np.float16).data)


def open_vectors(path: Path) -> np.ndarray:
    """The rows of `save_vectors`, memory-mapped, of shape (rows, dims), float16."""
    with open(path, "rb") as file:
        dims, rows = struct.unpack("<4xiq", file.read(16))
    return np.memmap(path, np.float16, "r", path.stat().st_size - 2 * rows * dims, (rows, dims))


def make_lists(vectors_path: Path, path: Path) -> int:
    """Sort the vectors into lists by nearest centre, write them; how many lists a search needs.

    The lists hold four bits for two directions (FAISS IndexIVFPQFastScan, which looks codes up in
    the processor's registers: Andre et al., Cache locality is not enough, VLDB 2015). How many to
    look through is the least that finds RECALL of the ten nearest of TRIED rows: questions lie
    further off.
    """
    import faiss

    vectors = open_vectors(vectors_path)
    count = len(vectors)
    lists = max(1, int(LISTS * math.sqrt(count)))
    chosen = np.random.default_rng(0).permutation(count)
    sample = _rows(vectors, np.sort(chosen[: lists * PER_LIST]))
    turn = _turn(sample)
    coded = faiss.index_factory(
        turn.d_out, f"IVF{lists},PQ{turn.d_out // 2}x4fs", faiss.METRIC_INNER_PRODUCT
    )
    coded.cp.niter, coded.cp.min_points_per_centroid = STEPS, 1
    coded.cp.max_points_per_centroid = PER_LIST
    index = faiss.IndexPreTransform(turn, coded)
    index.train(sample)
    for start in range(0, count, BLOCK):
        index.add(np.asarray(vectors[start : start + BLOCK], np.float32))
    faiss.write_index(index, str(path))
    asked = _rows(vectors, np.sort(chosen[:TRIED]))
    return lists_needed(open_lists(path, vectors_path), vectors, asked, skip=1)


def _turn(sample: np.ndarray):
    """The directions that hold KEPT of the squared lengths, mixed; a FAISS LinearTransform.

    Leading directions hold much and the next ones little. Mixed at random each holds as much as
    the next, which is what codes of one size for each need (docs/log.md).
    """
    import faiss

    held, axes = np.linalg.eigh(sample.T @ sample)
    least = int(np.searchsorted(np.cumsum(held[::-1]), KEPT * held.sum())) + 1
    dims = min(len(held) // 2 * 2, least + least % 2)
    mixed = np.linalg.qr(np.random.default_rng(0).standard_normal((dims, dims)))[0]
    turn = faiss.LinearTransform(len(held), dims, False)
    faiss.copy_array_to_vector((axes[:, -dims:] @ mixed).T.astype(np.float32).ravel(), turn.A)
    turn.is_trained = True
    return turn


def open_lists(path: Path, vectors_path: Path):
    """The lists of `make_lists`, whose codes are read, over the vectors, which are mapped."""
    import faiss

    how = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY
    coded, whole = (faiss.read_index(str(p), how) for p in (path, vectors_path))
    return faiss.IndexRefine(coded, whole)


def count_lists(index) -> int:
    """How many lists there are to look through."""
    import faiss

    return faiss.extract_index_ivf(index.base_index).nlist


def search_lists(index, queries: np.ndarray, k: int, looked: int) -> Found:
    """As `search_exact`, looking through `looked` lists, and more while fewer than k are found.

    The codes choose the rows, and those rows' scores are the exact search's.
    """
    import faiss

    k, lists = min(k, index.ntotal), count_lists(index)
    looked = min(lists, max(looked, math.ceil(2 * k * lists / index.ntotal)))
    factor = min(2 + AGAIN / k, index.ntotal / k)
    while True:
        where = faiss.SearchParametersIVF(nprobe=looked)
        turned = faiss.SearchParametersPreTransform(index_params=where)
        how = faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=turned)
        scores, rows = index.search(queries, k, params=how)
        if looked == lists or (rows >= 0).all():
            return best_first(scores, rows, k)
        looked = min(2 * looked, lists)


def lists_needed(index, vectors: np.ndarray, queries: np.ndarray, skip: int = 0) -> int:
    """The least number of lists that finds RECALL of the ten nearest vectors of the queries.

    `skip` nearest are left out: 1 where the queries are rows of `vectors` themselves.
    """
    wanted, _ = search_exact(vectors, queries, 10 + skip)
    looked, lists = 1, count_lists(index)
    while looked < lists:
        found, _ = search_lists(index, queries, 10 + skip, looked)
        if (found[:, skip:] >= wanted[:, -1:] - SAME).mean() >= RECALL:
            break
        looked = math.ceil(1.1 * looked)
    return min(looked, lists)


def _rows(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.asarray(vectors[rows], np.float32)
