"""Search at size: building, bytes, queries a second and recall against exact search.

The vectors are drawn from a normal distribution with the mean and covariance that the embedder
gives real passages, the queries from that of real questions: a million texts would take hours
to embed here. The passages' texts are one made-up word each.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.data import Passage
from utils.datasets import load_dataset
from utils.index import build_index
from utils.models import load_embedder
from utils.nearest import search_exact
from utils.prompts import titled
from utils.retrieve import embed

K = 10
QUERIES = 256
TUNING = 512  # others, on which it is measured how many lists must be looked through


class Drawn:
    """An embedder that gives the drawn vector of a passage whose title is its number."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def encode(self, texts: Sequence[str], **_) -> np.ndarray:
        """Unit vectors of shape (texts, dimensions); the first for a text without a number."""
        return self.vectors[[int("".join(filter(str.isdigit, t)) or 0) for t in texts]]


def draw(real: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Unit vectors like the real ones, of shape (count, dimensions), float32."""
    rng = np.random.default_rng(seed)
    spread = np.linalg.cholesky(np.cov(real.T) + 1e-6 * np.eye(real.shape[1]))
    made = np.empty((count, real.shape[1]), np.float32)
    for start in range(0, count, 65_536):
        part = rng.standard_normal((min(65_536, count - start), real.shape[1]), np.float32)
        made[start : start + len(part)] = part @ spread.T.astype(np.float32) + real.mean(0)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def real_vectors() -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the passages and of the questions of atlas and library."""
    embedder = load_embedder()
    sets = [load_dataset(name) for name in ("atlas", "library")]
    passages = [titled(p) for found in sets for p in found.passages]
    return embed(embedder, passages), embed(
        embedder, [q.question for s in sets for q in s.questions]
    )


def measure(sizes: Sequence[int], rounds: int, say: Callable[[str], None]) -> list[dict]:
    """A row a size; the queries are asked as one batch, by the index and exactly, in turns."""
    passages, questions = real_vectors()
    queries, tuning = draw(questions, QUERIES, 1), draw(questions, TUNING, 2)
    rows = []
    for size in sizes:
        rows.append(_row(draw(passages, size, 0), queries, tuning, rounds))
        say(", ".join(f"{key}: {value}" for key, value in rows[-1].items()))
    return rows


def recall(found, wanted: np.ndarray) -> float:
    """The share of the nearest, `wanted` (queries, k), that was found."""
    hits = sum(len(set(a) & set(b)) for a, b in zip(map(list, found), wanted.tolist(), strict=True))
    return hits / wanted.size


def _row(vectors: np.ndarray, queries: np.ndarray, tuning: np.ndarray, rounds: int) -> dict:
    drawn = Drawn(vectors)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        passages = (Passage(f"p{i}", str(i), "word") for i in range(len(vectors)))
        index = build_index(Path(folder) / "index", passages, drawn)
        built = time.perf_counter() - start
        index.segments = [segment.tuned(tuning) for segment in index.segments]
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        fast, exact = [], []
        halves = vectors.astype(np.float16)
        for _ in range(rounds):
            start = time.perf_counter()
            _, near = index.nearest(queries, K)
            fast.append(len(queries) / (time.perf_counter() - start))
            start = time.perf_counter()
            _, true = search_exact(halves, queries, K)
            exact.append(len(queries) / (time.perf_counter() - start))
    return {
        "passages": len(vectors),
        "backend": "FAISS lists" if any(s.lists is not None for s in index.segments) else "exact",
        "build_seconds": round(built, 1),
        "bytes": size,
        "queries_per_second": round(max(fast), 1),
        "exact_queries_per_second": round(max(exact), 1),
        "recall_at_10": recall(near, true),
        "n": len(queries),
    }
