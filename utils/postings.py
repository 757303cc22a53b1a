"""BM25 over counts kept on disk: which passages hold a word, how often, and how long they are."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

K1, B = 1.5, 0.75  # as bm25s sets them
MOST = 65_535  # a word is counted no further in one passage


@dataclass(frozen=True)
class Postings:
    """The words of some passages; the arrays may be memory-mapped.

    `terms` (words,) uint64: the words' keys, sorted. `starts` (words + 1,) int64: word i stands
    in the passages docs[starts[i]:starts[i + 1]] (int32), as often as `counts` (uint16) says.
    `lengths` (passages,) int32: how many words each passage has.
    """

    terms: np.ndarray
    starts: np.ndarray
    docs: np.ndarray
    counts: np.ndarray
    lengths: np.ndarray

    def span(self, term: np.uint64) -> slice:
        """Where the passages of a word are; an empty slice for a word that no passage has."""
        at = int(np.searchsorted(self.terms, term))
        if at == len(self.terms) or self.terms[at] != term:
            return slice(0, 0)
        return slice(int(self.starts[at]), int(self.starts[at + 1]))

    def save(self, folder: Path) -> None:
        """Write each array as NAME.npy."""
        for name, array in vars(self).items():
            np.save(folder / f"{name}.npy", array)


def keys(texts: Iterable[str]) -> np.ndarray:
    """64 bits of each text's BLAKE2b hash, uint64: texts of one length that sort quickly.

    Two of a million words share a key with a chance of about 1 in 40 million.
    """
    encoded = (text.encode("utf-8", "surrogatepass") for text in texts)
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in encoded)
    return np.frombuffer(digests, "<u8")


def count_words(words: Sequence[Sequence[str]]) -> Postings:
    """The postings of passages given as lists of words."""
    counted = [Counter(passage) for passage in words]
    known = list(dict.fromkeys(word for passage in counted for word in passage))
    key_of = dict(zip(known, keys(known), strict=True))
    terms = np.array([key_of[word] for passage in counted for word in passage], np.uint64)
    docs = np.repeat(np.arange(len(words), dtype=np.int32), [len(c) for c in counted])
    counts = np.array([n for passage in counted for n in passage.values()])
    lengths = np.array([len(passage) for passage in words], np.int32)
    return _group(terms, docs, np.minimum(counts, MOST).astype(np.uint16), lengths)


def merge_postings(parts: Sequence[Postings]) -> Postings:
    """The postings of all passages of the parts, in order. In memory: 24 bytes for each count."""
    offsets = np.cumsum([0] + [len(part.lengths) for part in parts])
    return _group(
        np.concatenate([np.repeat(part.terms, np.diff(part.starts)) for part in parts]),
        np.concatenate([p.docs + np.int32(o) for p, o in zip(parts, offsets, strict=False)]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )


def score_words(parts: Sequence[Postings], query: Sequence[str]) -> list[np.ndarray]:
    """For each part the BM25 scores of its passages (float32), weighed over all parts together.

    The formula is Lucene's, as bm25s has it, so that the scores are those of one index of all
    passages.
    """
    scores = [np.zeros(len(part.lengths), np.float32) for part in parts]
    passages = sum(len(part.lengths) for part in parts)
    mean = sum(int(part.lengths.sum(dtype=np.int64)) for part in parts) / passages
    for term in keys(query):
        spans = [part.span(term) for part in parts]
        having = sum(span.stop - span.start for span in spans)
        weight = np.float32(math.log(1 + (passages - having + 0.5) / (having + 0.5)))
        for part, span, score in zip(parts, spans, scores, strict=True):
            docs, counts = part.docs[span], part.counts[span].astype(np.float32)
            norm = K1 * ((1 - B) + B * part.lengths[docs] / mean)
            score[docs] += weight * (counts / (norm.astype(np.float32) + counts))
    return scores


def _group(terms, docs, counts, lengths) -> Postings:
    """Bring the counts of one word together; those of a word stay in the order of passages."""
    order = np.argsort(terms, kind="stable")
    found, firsts = np.unique(terms[order], return_index=True)
    starts = np.append(firsts, len(terms)).astype(np.int64)
    return Postings(found, starts, docs[order].astype(np.int32), counts[order], lengths)
