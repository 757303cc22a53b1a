"""Finding passages: dense, lexical and hybrid search, and how good they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.data import Passage
from utils.prompts import titled

METHODS = ("dense", "lexical", "hybrid")
RRF_K = 60
LEXICAL_FLOOR = 0.5


@dataclass(frozen=True)
class Hit:
    """A passage found, with the score of the method that found it; higher is better."""

    passage: Passage
    score: float


class Retriever:
    """Search over passages held in memory; each is searched under its title.

    dense: cosine similarity of sentence embeddings. lexical: BM25. hybrid: reciprocal rank
    fusion of the two. Raises ValueError for no passages or for an id that appears twice.
    """

    def __init__(self, passages: Sequence[Passage], embedder) -> None:
        if not passages:
            raise ValueError("there are no passages to search: give at least one")
        twice = [id for id, n in Counter(p.id for p in passages).items() if n > 1]
        if twice:
            raise ValueError(f"the passage id {twice[0]!r} appears twice: make ids unique")
        self.passages = list(passages)
        self.embedder = embedder
        texts = [titled(passage) for passage in self.passages]
        self.vectors = embed(embedder, texts)
        self.index = _bm25(texts)

    def search(self, queries: Sequence[str], k: int, method: str = "hybrid") -> list[list[Hit]]:
        """For each query the best k passages, best first.

        Raises ValueError for a method that is none of dense, lexical, hybrid.
        """
        check_method(method)
        if not queries:
            return []
        scores = self._scores(queries, method)
        k = min(k, len(self.passages))
        return [[Hit(self.passages[i], float(row[i])) for i in _best(row, k)] for row in scores]

    def _scores(self, queries: Sequence[str], method: str) -> np.ndarray:
        """Scores of shape (queries, passages)."""
        if method == "lexical":
            return lexical_scores(self.index, queries)
        dense = embed(self.embedder, queries) @ self.vectors.T
        if method == "dense":
            return dense
        lexical = lexical_scores(self.index, queries)
        return np.stack(
            [fuse([ranks(d), lexical_ranks(x)]) for d, x in zip(dense, lexical, strict=True)]
        )


def check_method(method: str) -> None:
    """Raises ValueError for a method that is none of dense, lexical, hybrid."""
    if method not in METHODS:
        raise ValueError(f"{method!r} is no retriever: use one of {', '.join(METHODS)}")


def embed(embedder, texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of shape (texts, dimensions), float32."""
    return embedder.encode(
        list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
    )


def ranks(scores: np.ndarray) -> np.ndarray:
    """1 for the best score, 2 for the next; equal scores keep their order."""
    found = np.empty(len(scores))
    found[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return found


def lexical_ranks(scores: np.ndarray, floor: float = LEXICAL_FLOOR) -> np.ndarray:
    """Ranks by BM25 score; infinite below `floor` times the best score.

    Every city's sentence shares "population" with the question. Such weak matches say
    nothing, and their arbitrary order would outvote the dense ranking, so they get no rank.
    """
    best = scores.max(initial=0.0)
    return np.where((scores > 0) & (scores >= floor * best), ranks(scores), np.inf)


def fuse(rankings: Sequence[np.ndarray], k: int = RRF_K) -> np.ndarray:
    """Reciprocal rank fusion: the sum of 1 / (k + rank) over the rankings.

    k = 60 is from Cormack, Clarke and Büttcher (SIGIR 2009). Infinite ranks add nothing.
    """
    return sum(1.0 / (k + ranking) for ranking in rankings)


def lexical_scores(index, queries: Sequence[str]) -> np.ndarray:
    """BM25 scores of shape (queries, passages)."""
    return np.stack([index.get_scores(words) for words in tokenise(queries)])


def recall_at_k(found: Sequence[Sequence[Hit]], sources: Sequence[str], k: int) -> float:
    """The share of queries whose source is among their first k hits."""
    inside = [
        s in [hit.passage.id for hit in hits[:k]] for hits, s in zip(found, sources, strict=True)
    ]
    return sum(inside) / len(inside) if inside else 0.0


def mean_reciprocal_rank(found: Sequence[Sequence[Hit]], sources: Sequence[str]) -> float:
    """The mean of 1 / rank of the source among the hits; 0 where it was not found."""
    values = []
    for hits, source in zip(found, sources, strict=True):
        ids = [hit.passage.id for hit in hits]
        values.append(1 / (ids.index(source) + 1) if source in ids else 0.0)
    return sum(values) / len(values) if values else 0.0


def _best(row: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-row, kind="stable")[:k]


def _bm25(texts: Sequence[str]):
    import bm25s

    index = bm25s.BM25(method="lucene")
    index.index(tokenise(texts), create_empty_token=False, show_progress=False)
    return index


def tokenise(texts: Sequence[str]) -> list[list[str]]:
    """Lower-cased words; City_7 and learning_rate stay whole, function words are dropped."""
    import bm25s

    found = bm25s.tokenize(
        list(texts),
        stopwords="en",
        token_pattern=r"(?u)\b\w+(?:[-.]\w+)*\b",
        return_ids=False,
        show_progress=False,
    )
    return [words or [""] for words in found]
