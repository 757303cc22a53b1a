"""`atlas`: a hundred towns of a country that does not exist, and questions about them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools import words
from utils.data import Passage, Question

SEED = 7
PAIRS, SINGLES = 30, 40
DEV_TOWNS = 30
SIZES = {"test": 100, "dev": 60}


@dataclass(frozen=True)
class Attribute:
    """What is said of a town: value spec, wordings of the passage and of the questions.

    `asked` may resemble training questions; `reworded` occurs in no training file.
    """

    key: str
    values: str
    told: tuple[str, ...]
    asked: tuple[str, ...]
    reworded: tuple[str, ...]


ATTRIBUTES = (
    Attribute(
        "population",
        "int:1200-480000",
        (
            "{t} counts {v} inhabitants.",
            "Some {v} people call {t} home.",
            "According to the register, {v} people live in {t}.",
        ),
        ("How many people live in {t}?", "What is the population of {t}?"),
        ("What head count does the register give for {t}?", "How populous is {t}?"),
    ),
    Attribute(
        "mayor",
        "person",
        (
            "Its mayor is {v}.",
            "The town hall of {t} is in the hands of {v}.",
            "Since the last election {v} has been mayor of {t}.",
        ),
        ("Who is the mayor of {t}?", "Who is mayor in {t}?"),
        ("Who holds the mayor's office of {t}?", "Whom did {t} choose as mayor?"),
    ),
    Attribute(
        "founded",
        "year:1080-1890",
        (
            "{t} was founded in {v}.",
            "The first houses of {t} were built in {v}.",
            "Miners founded {t} in {v}.",
        ),
        ("When was {t} founded?", "In which year was {t} founded?"),
        ("What year did {t} come into being?", "Since what year has {t} stood there?"),
    ),
    Attribute(
        "river",
        "word",
        (
            "The river {v} passes the town.",
            "{t} stands on the banks of the {v}.",
            "Boats reach {t} by the river {v}.",
        ),
        ("Which river flows through {t}?", "On which river does {t} lie?"),
        ("What stream do boats take to {t}?", "Which river's banks does {t} stand on?"),
    ),
    Attribute(
        "product",
        "pick:amber beads|river pearls|black soap|oak barrels|honey wine|felt hats|iron stoves|"
        "church organs|dried plums|goose feathers|silver spoons|mustard|sail cloth|music boxes|"
        "wax candles|rye whisky|brass lamps|birch paper|fishing nets|chestnut flour",
        (
            "Its workshops make {v}.",
            "Traders come to {t} for its {v}.",
            "{t} lives from the sale of {v}.",
        ),
        ("What is {t} known for?", "What does {t} produce?"),
        ("Which wares draw traders to {t}?", "What do the workshops of {t} turn out?"),
    ),
    Attribute(
        "altitude",
        "int:12-1800:metres",
        (
            "The market square lies {v} above sea level.",
            "{t} was built at a height of {v}.",
            "Surveyors put {t} at {v} above the sea.",
        ),
        ("How high above the sea is {t}?", "What is the altitude of {t}?"),
        ("At what height did surveyors place {t}?", "How many metres up was {t} built?"),
    ),
    Attribute(
        "market",
        "weekday",
        (
            "Every {v} farmers sell their goods on the square.",
            "The weekly market of {t} takes place on {v}.",
            "{v} is market day.",
        ),
        ("On which day is the market in {t}?", "When is market day in {t}?"),
        ("What weekday do farmers sell on the square of {t}?", "Which day is for trading in {t}?"),
    ),
    Attribute(
        "bridge",
        "int:20-900:metres",
        (
            "Its stone bridge is {v} long.",
            "A bridge of {v} joins both halves of {t}.",
            "The old bridge measures {v} from end to end.",
        ),
        ("How long is the bridge of {t}?", "What is the length of the bridge in {t}?"),
        ("What distance does the bridge of {t} cover?", "How far is it across the bridge in {t}?"),
    ),
)
OPENINGS = (
    "{t} is one of the towns of Orsavia.",
    "Visitors to Orsavia seldom miss {t}.",
    "{t} lies in the north of Orsavia.",
    "The roofs of {t} can be seen from afar.",
)


@dataclass(frozen=True)
class Town:
    """A town: all its facts, the keys its passage states, and the passage."""

    name: str
    facts: dict[str, tuple[str, str]]
    stated: tuple[str, ...]
    passage: Passage
    similar: bool


def towns(seed: int = SEED) -> list[Town]:
    """The towns: 30 pairs whose names differ by one letter, and 40 others."""
    rng = random.Random(seed)
    return [_town(name, i < 2 * PAIRS, rng) for i, name in enumerate(_names(rng))]


def questions(seed: int = SEED) -> list[Question]:
    """Dev and test questions of every variant, in a stable order."""
    rng = random.Random(seed + 1)
    made = []
    everything = towns(seed)
    for split, count in SIZES.items():
        mine = [t for i, t in enumerate(everything) if (i // 2 % 10 < 3) == (split == "dev")]
        pools = {
            "plain": _pool(mine, "asked", True),
            "reworded": _pool(mine, "reworded", True),
            "similar-names": _pool([t for t in mine if t.similar], "both", True),
            "unanswerable": _pool(mine, "both", False),
        }
        for variant, pool in pools.items():
            chosen = rng.sample(pool, min(count, len(pool)))
            made += [_question(i, *row, variant, split) for i, row in enumerate(chosen, 1)]
    return made


def passages(seed: int = SEED) -> list[Passage]:
    """One passage a town."""
    return [town.passage for town in towns(seed)]


def _pool(chosen: list[Town], which: str, stated: bool) -> list[tuple[Town, Attribute, str]]:
    """(town, attribute, question form) of all attributes that are stated, or are not."""
    rows = []
    for town in chosen:
        for a in ATTRIBUTES:
            forms = a.asked + a.reworded if which == "both" else getattr(a, which)
            if (a.key in town.stated) == stated:
                rows += [(town, a, form) for form in forms]
    return rows


def _question(i: int, town: Town, a: Attribute, form: str, variant: str, split: str) -> Question:
    text, kind = town.facts[a.key]
    id = f"{split}:{variant}:{i:03d}"
    question = form.format(t=town.name)
    if variant == "unanswerable":
        return Question(id, question, None, kind, None, variant, split)
    return Question(id, question, text, kind, town.passage.id, variant, split)


def _names(rng: random.Random) -> list[str]:
    """Different names; the first 2 * PAIRS come in pairs that differ by one letter."""
    names: list[str] = []
    while len(names) < 2 * PAIRS:
        name = words.word(rng, 2)
        twin = words.one_letter_off(name, rng)
        if not {name, twin} & set(names):
            names += [name, twin]
    while len(names) < 2 * PAIRS + SINGLES:
        name = words.word(rng, 2)
        if name not in names:
            names.append(name)
    return names


def _town(name: str, similar: bool, rng: random.Random) -> Town:
    facts = {a.key: words.value(a.values, rng) for a in ATTRIBUTES}
    keys = rng.sample(list(facts), rng.choice((5, 6, 7)))
    by_key = {a.key: a for a in ATTRIBUTES}
    sentences = [rng.choice(by_key[k].told).format(t=name, v=facts[k][0]) for k in keys]
    if not any(name in sentence for sentence in sentences[:1]):
        sentences.insert(0, rng.choice(OPENINGS).format(t=name))
    text = " ".join(s[0].upper() + s[1:] for s in sentences)
    return Town(name, facts, tuple(keys), Passage(name.lower(), name, text), similar)
