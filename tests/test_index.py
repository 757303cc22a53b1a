"""The index on disk against the Retriever in memory; appending, damage, other embedders."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import faiss
import numpy as np
import pytest

from utils import index, segments
from utils.data import Passage
from utils.index import Index, build_index
from utils.nearest import count_lists, search_exact, top
from utils.postings import count_words, keys, merge_postings
from utils.retrieve import METHODS, Retriever
from utils.segments import IndexFault, only_writer

SIZE = 32
WORDS = "mayor bridge market river bell tower oak miners lodge harbour city stone".split()
QUERIES = ["Who is mayor of city_7?", "oak by the river", "zebra", "", "bell bell tower City_3"]


class WordEmbedder:
    """Unit vectors that add up a fixed random vector for each word: alike texts lie near."""

    def __init__(self, size: int = SIZE, salt: int = 0) -> None:
        self.size, self.salt = size, salt

    def encode(self, texts, **_) -> np.ndarray:
        rows = [sum(self.word(w) for w in text.lower().split()) + self.word("") for text in texts]
        found = np.array(rows, np.float32).reshape(-1, self.size)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def word(self, word: str) -> np.ndarray:
        return drawn(word, self.size, self.salt)


@cache
def drawn(word: str, size: int, salt: int) -> np.ndarray:
    """A vector of normal numbers that a word always gets."""
    return np.random.default_rng(int(keys([word])[0]) + salt).normal(size=size)


def make(start: int, stop: int) -> list[Passage]:
    """Passages that differ in their number and in the words drawn by it."""
    return [make_one(i) for i in range(start, stop)]


@cache
def make_one(i: int) -> Passage:
    words = " ".join(random.Random(i).choices(WORDS, k=6))
    return Passage(f"p{i}", f"City_{i}", f"{words} {['Größe 東京', '', 'the of'][i % 3]}")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "ROWS", 16)


def listed(searcher, k: int, method: str) -> list[list[tuple[str, float]]]:
    found = searcher.search(QUERIES, k, method)
    return [[(hit.passage.id, hit.score) for hit in hits] for hits in found]


def rounded(passages: list[Passage]) -> Retriever:
    """A Retriever with the vectors an index keeps: rounded to float16, ranks may swap."""
    made = Retriever(passages, WordEmbedder())
    made.vectors = made.vectors.astype(np.float16).astype(np.float32)
    return made


def assert_same(left, right, k: int = 12) -> None:
    """The same passages in the same order, with the same scores."""
    for method in METHODS:
        for a, b in zip(listed(left, k, method), listed(right, k, method), strict=True):
            assert [id for id, _ in a] == [id for id, _ in b], method
            assert [s for _, s in a] == pytest.approx([s for _, s in b], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("count", [1, 5, 16, 100])
def test_it_finds_what_a_retriever_finds(tmp_path: Path, count: int) -> None:
    made = build_index(tmp_path / "index", make(0, count), WordEmbedder())
    kept = rounded(make(0, count))
    assert len(made) == count
    assert_same(made, kept)
    assert_same(made, kept, k=2 * count)
    assert made.search(QUERIES, 3)[0][0].passage in make(0, count)
    assert made.search([], 3) == []
    exact = Retriever(make(0, count), WordEmbedder())
    for a, b in zip(listed(made, 9, "dense"), listed(exact, 9, "dense"), strict=True):
        assert [s for _, s in a] == pytest.approx([s for _, s in b], abs=1e-3)


def test_twins_keep_their_order(tmp_path: Path) -> None:
    twins = [Passage(id, "Twin", "The same oak.") for id in "cab"]
    made = build_index(tmp_path, twins, WordEmbedder())
    for method in METHODS:
        assert [hit.passage.id for hit in made.search(["oak"], 3, method)[0]] == [*"cab"]


def test_appended_reopened_and_built_are_one(tmp_path: Path) -> None:
    whole = build_index(tmp_path / "whole", make(0, 150), WordEmbedder())
    grown = build_index(tmp_path / "grown", make(0, 40), WordEmbedder())
    for stop in (41, 60, 61, 62, 150):
        assert grown.append(make(len(grown), stop)) > 0 and len(grown) == stop
    assert_same(grown, whole)
    assert_same(Index(tmp_path / "grown", WordEmbedder()), whole)
    assert grown.append(make(0, 150)) == 0


def test_a_large_segment_is_left_alone_and_small_ones_stay_few(tmp_path: Path) -> None:
    made = build_index(tmp_path, make(0, 200), WordEmbedder())
    (first,) = made.segments
    before = {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    for stop in range(201, 260):
        made.append(make(stop - 1, stop))
        assert len(made.segments) <= 3
    assert before == {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()}


def test_lists_agree_with_exact_search(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(segments, "LISTS_FROM", 300)
    made = build_index(tmp_path, make(0, 900), WordEmbedder())
    made.append(make(900, 1000))
    assert [part.lists is not None for part in made.segments] == [True, False]
    passages = make(0, 1000)
    queries = WordEmbedder().encode([f"{p.title}: {p.text}" for p in passages[::10]])
    scores, rows = made.nearest(queries, 10)
    wanted, _ = search_exact(np.vstack([part.vectors for part in made.segments]), queries, 10)
    assert (scores >= wanted[:, -1:] - 1e-4).mean() >= 0.97
    assert all(len(set(row)) == 10 for row in rows.tolist()) and rows.min() >= 0
    assert made.passage(950) == passages[950]
    assert len(made.search(QUERIES[:1], 1000, "dense")[0]) == 1000
    first = made.segments[0]
    made.segments[0] = replace(first, looked=1)
    made.tune(QUERIES)
    assert made.segments[0].looked > 1
    made.segments[0] = replace(first, looked=count_lists(first.lists))
    assert_same(made, rounded(passages))


def test_opening_maps_the_files_and_reads_none(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(segments, "LISTS_FROM", 64)
    build_index(tmp_path, make(0, 100), WordEmbedder())
    (part,) = Index(tmp_path, WordEmbedder()).segments
    arrays = [part.vectors, part.offsets, part.lines, part.keys, part.key_rows]
    for array in [*arrays, *vars(part.postings).values()]:
        assert isinstance(array, np.memmap) and not array.flags.writeable
    assert part.vectors.dtype == np.float16
    assert not faiss.downcast_index(part.lists.refine_index).codes.is_owned


def test_ids_are_unique_and_texts_do_not_change(tmp_path: Path) -> None:
    made = build_index(tmp_path, make(0, 20), WordEmbedder())
    with pytest.raises(IndexFault, match="the passage id 'p30' appears twice: make ids unique"):
        made.append(make(30, 31) * 2)
    with pytest.raises(IndexFault, match="'p3' is in the index with another text: give the new"):
        made.append([Passage("p3", "", "Other.")])
    assert len(Index(tmp_path, WordEmbedder())) == 20


def test_no_index_no_passages_and_no_method(tmp_path: Path) -> None:
    with pytest.raises(IndexFault, match="there is no index in .*: make it with build_index"):
        Index(tmp_path, WordEmbedder())
    with pytest.raises(IndexFault, match="holds no passages: add some with build_index"):
        build_index(tmp_path, [], WordEmbedder())
    made = build_index(tmp_path, make(0, 2), WordEmbedder())
    with pytest.raises(ValueError, match="'fuzzy' is no retriever: use one of dense, lexical, hyb"):
        made.search(["x"], 1, "fuzzy")


@pytest.mark.parametrize("other", [WordEmbedder(salt=1), WordEmbedder(size=8)])
def test_another_embedder_is_refused(tmp_path: Path, other: WordEmbedder) -> None:
    build_index(tmp_path, make(0, 2), WordEmbedder())
    for attempt in (lambda: Index(tmp_path, other), lambda: build_index(tmp_path, [], other)):
        with pytest.raises(IndexFault, match="made with another embedder .*: open it with that"):
            attempt()


def test_a_damaged_segment_is_named_and_the_mend_works(tmp_path: Path) -> None:
    made = build_index(tmp_path, make(0, 100), WordEmbedder())
    made.append(make(100, 104))
    broken = made.segments[-1].folder
    for damage in ("docs.npy", segments.HEAD):
        (broken / damage).write_bytes(b"short")
        with pytest.raises(IndexFault, match=f"{broken.name} is damaged .*: delete that folder"):
            Index(tmp_path, WordEmbedder())
    for path in broken.iterdir():
        path.unlink()
    broken.rmdir()
    assert Index(tmp_path, WordEmbedder()).append(make(0, 104)) == 4
    (tmp_path / index.HEAD).write_text("{")
    with pytest.raises(IndexFault, match="index.json is damaged: delete that file"):
        Index(tmp_path, WordEmbedder())
    (tmp_path / index.HEAD).unlink()
    assert len(build_index(tmp_path, [], WordEmbedder())) == 104


def test_only_one_process_writes(tmp_path: Path) -> None:
    made = build_index(tmp_path, make(0, 2), WordEmbedder())
    with only_writer(tmp_path), pytest.raises(IndexFault, match="another process is adding to"):
        made.append(make(2, 3))
    assert len(Index(tmp_path, WordEmbedder())) == 2


def test_merged_postings_are_those_of_all_words() -> None:
    words = [["a", "b", "a"], ["c"], [""], ["b", "c", "c"]]
    whole = count_words(words)
    merged = merge_postings([count_words(words[:1]), count_words(words[1:])])
    for name, array in vars(whole).items():
        assert array.tolist() == getattr(merged, name).tolist()
        assert array.dtype == getattr(merged, name).dtype
    assert [whole.span(key).stop - whole.span(key).start for key in keys("abcd")] == [1, 2, 2, 0]


def test_top_takes_the_first_of_equals() -> None:
    scores = np.array([1, 3, 3, 0, 3, 2], np.float32)
    for k in range(8):
        assert top(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist() or k == 0


def test_passages_are_kept_as_they_are(tmp_path: Path) -> None:
    odd = [Passage("é\ud800", "", 'A "quote"\n\u2028 and a line.'), Passage("", "t", "x" * 70_000)]
    made = build_index(tmp_path, odd, WordEmbedder())
    assert [made.passage(i) for i in (0, 1)] == odd
    assert json.loads((tmp_path / index.HEAD).read_text())["schema"] == index.SCHEMA
