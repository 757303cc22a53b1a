"""Training examples over the documents of `data/reader_train`, which are written by hand.

The generator's sentences come from templates; these come from sixteen writers, as documents
of a knowledge base do. Every question is asked once, among others over the same passages, with the
sister documents beside it that are easily confused with its own.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

from tools.make_open_book import SIZES, TURNS, name_passages
from utils.card import Card
from utils.data import DATA, Example, Passage, Question, load_passages, load_questions

FOLDER = DATA / "reader_train"
ABSENT = 0.1  # of the questions: about a sister that is not shown
STRANGER = 0.15  # of the rows with several passages: one of them is of another set


def written_examples(seed: int) -> list[Example]:
    """Each question of the set once, and some of passages not shown; same seed, same examples.

    A passage's id is its set and its name with a slash between. A question's `source` is the
    passage asked about, also where it is silent (`answer` None).
    """
    rng = random.Random(seed)
    sets: dict[str, list[Passage]] = defaultdict(list)
    for passage in load_passages(FOLDER / "passages.jsonl"):
        sets[passage.id.partition("/")[0]].append(passage)
    asked: dict[str, list[Question]] = defaultdict(list)
    for question in load_questions(FOLDER / "questions.jsonl"):
        asked[question.source].append(question)
    everything = [passage for held in sets.values() for passage in held]
    rows = [row for held in sets.values() for row in _rows(held, asked, everything, rng)]
    rng.shuffle(rows)
    return [replace(e, id=f"written-{i:05d}") for i, e in enumerate(e for r in rows for e in r)]


def _rows(
    held: list[Passage],
    asked: dict[str, list[Question]],
    everything: list[Passage],
    rng: random.Random,
) -> list[list[Example]]:
    """Conversations over the passages of one set, until each of its questions has been asked."""
    left = {p.id: rng.sample(asked[p.id], len(asked[p.id])) for p in held}
    rows = []
    while any(left.values()):
        first = max(held, key=lambda p: len(left[p.id]))
        others = [p for p in held if p is not first]
        shown = [first, *rng.sample(others, min(rng.choices(*SIZES)[0] - 1, len(others)))]
        hidden = [p for p in held if p not in shown]
        if len(shown) > 1 and rng.random() < STRANGER:
            hidden.append(shown[-1])
            shown[-1] = rng.choice([p for p in everything if p not in held])
        turns = []
        while len(turns) < TURNS and any(left.get(p.id) for p in shown):
            about = first if left[first.id] and rng.random() < 0.5 else rng.choice(shown)
            if hidden and rng.random() < ABSENT:
                turn = rng.choice(asked[rng.choice(hidden).id]), False
                turns += [turn] if turn not in turns else []
            elif left.get(about.id):
                turns.append((left[about.id].pop(), True))
        rows.append(_ask(turns, shown, rng))
    return rows


def _ask(
    turns: list[tuple[Question, bool]], shown: list[Passage], rng: random.Random
) -> list[Example]:
    """The questions over the passages shown, which get new ids and another order."""
    named = dict(zip([p.id for p in shown], name_passages(shown, rng), strict=True))
    passages = tuple(rng.sample(list(named.values()), len(named)))
    made = []
    for question, here in turns:
        card = Card(
            source=named[question.source].id if here else None,
            kind=question.kind,
            answer=question.answer if here else None,
        )
        made.append(Example("", question.question, card, passages))
    return made
