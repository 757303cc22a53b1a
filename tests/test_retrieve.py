"""Dense, lexical and hybrid search against naive loops; recall and MRR; the errors."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.data import DATA, Passage, load_passages, load_questions
from utils.retrieve import (
    LEXICAL_FLOOR,
    METHODS,
    RRF_K,
    Hit,
    Retriever,
    fuse,
    lexical_ranks,
    mean_reciprocal_rank,
    ranks,
    recall_at_k,
)

SIZE = 24


class FakeEmbedder:
    """Unit vectors drawn from a text's own hash: the same text always gives the same vector."""

    def encode(self, texts, normalize_embeddings, convert_to_numpy, show_progress_bar):
        """Float32 vectors of shape (texts, SIZE)."""
        assert normalize_embeddings and convert_to_numpy and not show_progress_bar
        rows = np.array([self.vector(text) for text in texts], dtype=np.float32)
        return rows.reshape(len(texts), SIZE)

    def vector(self, text: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        drawn = np.random.default_rng(seed).normal(size=SIZE)
        return drawn / np.linalg.norm(drawn)


PASSAGES = [
    Passage("vellmar", "Vellmar", "Its mayor is Ada Brunnwald. The bridge is 90 metres long."),
    Passage("orsk", "Orsk", "Farmers sell their goods on Monday. The mayor is Odo Reed."),
    Passage("quend", "Quend", "Boats reach the harbour by the river Sill."),
    Passage("untitled", "", "A bell of bronze hangs in the old tower."),
]
QUERIES = ["Who is the mayor of Vellmar?", "Which river reaches Quend?", "bronze bell", "zzz"]


@pytest.fixture(scope="module")
def small() -> Retriever:
    return Retriever(PASSAGES, FakeEmbedder())


@pytest.fixture(scope="module")
def cities() -> Retriever:
    return Retriever(load_passages(DATA / "cities" / "passages.jsonl"), FakeEmbedder())


def cosine(a: str, b: str) -> float:
    left, right = (FakeEmbedder().vector(text).tolist() for text in (a, b))
    dot = sum(x * y for x, y in zip(left, right, strict=True))
    return dot / math.sqrt(sum(x * x for x in left) * sum(y * y for y in right))


def shown(passage: Passage) -> str:
    return f"{passage.title}: {passage.text}" if passage.title else passage.text


def ids(hits: list[Hit]) -> list[str]:
    return [hit.passage.id for hit in hits]


def test_dense_is_the_cosine_of_a_naive_loop(small: Retriever) -> None:
    for query, hits in zip(QUERIES, small.search(QUERIES, 4, "dense"), strict=True):
        naive = {p.id: cosine(query, shown(p)) for p in PASSAGES}
        assert ids(hits) == sorted(naive, key=lambda id: -naive[id])
        assert [hit.score for hit in hits] == pytest.approx([naive[i] for i in ids(hits)], abs=1e-5)


def test_hybrid_is_reciprocal_rank_fusion_by_hand(small: Retriever) -> None:
    count = len(PASSAGES)
    dense, lexical, hybrid = (small.search(QUERIES, count, m) for m in METHODS)
    for by_dense, by_words, got in zip(dense, lexical, hybrid, strict=True):
        best = by_words[0].score
        naive = {}
        for passage in PASSAGES:
            total = 1 / (RRF_K + ids(by_dense).index(passage.id) + 1)
            at = ids(by_words).index(passage.id)
            if by_words[at].score > 0 and by_words[at].score >= LEXICAL_FLOOR * best:
                total += 1 / (RRF_K + at + 1)
            naive[passage.id] = total
        assert ids(got) == sorted(naive, key=lambda id: -naive[id])
        assert [hit.score for hit in got] == pytest.approx([naive[i] for i in ids(got)])


def test_equal_scores_keep_the_order_of_the_passages(small: Retriever) -> None:
    assert ids(small.search(["zzz"], 4, "lexical")[0]) == [p.id for p in PASSAGES]
    twins = [Passage(id, "Twin", "The same text.") for id in "cab"]
    for method in METHODS:
        assert ids(Retriever(twins, FakeEmbedder()).search(["same text"], 3, method)[0]) == [*"cab"]


@given(st.lists(st.integers(0, 4), max_size=12))
def test_ranks_count_the_better_and_the_earlier(scores: list[int]) -> None:
    found = ranks(np.array(scores, dtype=float))
    for i, score in enumerate(scores):
        better = sum(other > score for other in scores)
        assert found[i] == 1 + better + scores[:i].count(score)


def test_weak_and_absent_words_get_no_rank() -> None:
    found = lexical_ranks(np.array([0.0, 4.0, 1.9, 2.0]))
    assert found.tolist() == [math.inf, 1, math.inf, 2]
    assert np.isinf(lexical_ranks(np.zeros(3))).all()
    assert fuse([np.array([1.0, math.inf])]).tolist() == [1 / (RRF_K + 1), 0.0]


def test_words_keep_city_7_apart_from_city_77(cities: Retriever) -> None:
    asked = load_questions(DATA / "cities" / "questions.jsonl")
    chosen = [q for q in asked if q.source in ("city_7", "city_77", "city_70", "city_17")]
    found = cities.search([q.question for q in chosen], 1, "lexical")
    assert [ids(hits) for hits in found] == [[q.source] for q in chosen] and len(chosen) == 12


def test_words_find_every_city(cities: Retriever) -> None:
    asked = load_questions(DATA / "cities" / "questions.jsonl")
    found = cities.search([q.question for q in asked], 1, "lexical")
    assert recall_at_k(found, [q.source for q in asked], 1) == 1.0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [1, 3, 4, 50])
def test_there_are_never_more_hits_than_passages(small: Retriever, method: str, k: int) -> None:
    for hits in small.search(QUERIES, k, method):
        assert len(hits) == min(k, 4) == len(set(ids(hits)))
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("method", METHODS)
def test_no_query_and_queries_without_words_are_no_error(small: Retriever, method: str) -> None:
    """bm25s has no score for a query of function words alone, such as "Who is it?"."""
    assert small.search([], 3, method) == []
    for hits in small.search(["", "the of", "is it?"], 2, method):
        assert len(hits) == 2
    empty = Retriever([Passage("a", "", "The of."), Passage("b", "", "Of the.")], FakeEmbedder())
    assert len(empty.search(["is it?", "zebra"], 2, method)) == 2


def test_without_words_in_common_hybrid_is_dense(small: Retriever) -> None:
    asked = ["is it?", "zebra"]
    dense, hybrid = (small.search(asked, 4, method) for method in ("dense", "hybrid"))
    assert [ids(hits) for hits in hybrid] == [ids(hits) for hits in dense]


HITS = st.lists(st.permutations("abcd").map(lambda p: p[:3]), min_size=0, max_size=8)


@given(HITS, st.data(), st.integers(1, 4))
def test_recall_and_mrr_agree_with_loops(orders, data, k: int) -> None:
    sources = [data.draw(st.sampled_from("abcd")) for _ in orders]
    found = [[Hit(Passage(id, "", id), 0.0) for id in order] for order in orders]
    inside, reciprocal = 0, 0.0
    for order, source in zip(orders, sources, strict=True):
        for place, id in enumerate(order, 1):
            if id == source:
                inside += place <= k
                reciprocal += 1 / place
    n = len(orders) or 1
    assert recall_at_k(found, sources, k) == pytest.approx(inside / n)
    assert mean_reciprocal_rank(found, sources) == pytest.approx(reciprocal / n)


@pytest.mark.parametrize(
    ("passages", "method", "sentence"),
    [
        ([], "dense", "there are no passages to search: give at least one"),
        (PASSAGES[:1] * 2, "dense", "the passage id 'vellmar' appears twice: make ids unique"),
        (PASSAGES, "fuzzy", "'fuzzy' is no retriever: use one of dense, lexical, hybrid"),
    ],
)
def test_errors_say_the_mend(passages, method: str, sentence: str) -> None:
    with pytest.raises(ValueError) as raised:
        Retriever(passages, FakeEmbedder()).search(["x"], 1, method)
    assert str(raised.value) == sentence
