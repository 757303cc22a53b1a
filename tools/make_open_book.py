"""The open-book training examples: fresh entities, several questions over the same passages.

Each conversation shows its passages once and asks about them several times: what is stated, what
is left out of an entity's passage, and entities that only resemble those shown. That the very
same passage answers one question and not the next is what teaches to look (docs/log.md).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tools import words
from tools.domains import (
    NOUNS,
    PARTS,
    Attribute,
    Domain,
    Entity,
    load_domains,
    make_entity,
    make_passage,
)
from utils.card import Card
from utils.data import Example, Passage

TURNS = 8
SIZES = ((1, 2, 3, 4), (25, 22, 46, 7))
LENGTHS = (3, 4, 5, 6, 7, 8, 9)  # attributes a passage states
ASKED = ("stated", "left out", "absent")  # absent: of an entity that is not shown
SHARES = (0.67, 0.23, 0.1)
OWN_SHARES = {"settings": (0.66, 0.14, 0.2), "towns": (0.56, 0.34, 0.1)}
SAME_OF_ANOTHER = 0.4  # how often the next question asks the same of a neighbour
WEIGHTS = {"settings": 40, "towns": 40}  # nearest to the documents of the library and the atlas


@dataclass(frozen=True)
class Told:
    """An entity, the attributes its passage states, and the passage."""

    entity: Entity
    keys: tuple[str, ...]
    passage: Passage


def make_examples(count: int, seed: int, split: str = "train") -> list[Example]:
    """`count` examples over all domains, conversation by conversation; same seed, same examples.

    The last question wording of each attribute is asked in the dev split only.
    """
    rng = random.Random(seed)
    domains = load_domains()
    made: list[Example] = []
    while len(made) < count:
        made += make_conversation(domains, rng, split)
    return [replace(e, id=f"{split}-{i:05d}") for i, e in enumerate(made[:count])]


def make_conversation(domains: list[Domain], rng: random.Random, split: str) -> list[Example]:
    """Up to TURNS different questions over the same 1 to 4 passages."""
    domain = rng.choices(domains, [WEIGHTS.get(d.name, 1) for d in domains])[0]
    told = _tell(_entities(domain, domains, rng), rng)
    shown = [t.passage for t in told]
    rng.shuffle(shown)
    asked: dict[tuple[str, str], Example] = {}
    for _ in range(6 * TURNS):
        if len(asked) == TURNS:
            break
        about = told[0] if rng.random() < 0.6 else rng.choice(told)
        how = rng.choices(ASKED, OWN_SHARES.get(domain.name, SHARES))[0]
        entity, attribute = _topic(about, told, how, rng)
        while (entity.name, attribute.key) not in asked and len(asked) < TURNS:
            question, card = _turn(entity, attribute, about.passage.id, how, split, rng)
            made = Example("", question, card, tuple(shown), split)
            asked[entity.name, attribute.key] = made
            others = [t for t in told if t.entity.domain is entity.domain]
            if rng.random() < SAME_OF_ANOTHER:
                about = rng.choice(others)
                entity, how = about.entity, "stated" if attribute.key in about.keys else "left out"
    return list(asked.values())


def _entities(domain: Domain, domains: list[Domain], rng: random.Random) -> list[Entity]:
    """The first, and others of a similar name, of the same domain, or of another one."""
    found = [make_entity(domain, rng)]
    names = {found[0].name}
    for _ in range(rng.choices(*SIZES)[0] - 1):
        how = rng.choices(("similar", "same", "other"), (40, 45, 15))[0]
        similar = _near(found[0], rng) if how == "similar" else None
        entity = make_entity(rng.choice(domains) if how == "other" else domain, rng, similar)
        if entity.name not in names:
            found.append(entity)
            names.add(entity.name)
    return found


def _near(entity: Entity, rng: random.Random) -> str:
    """A name easily taken for the entity's: of a setting, often the same owner or the same part."""
    part, of, owner = entity.name.partition(" of ")
    if not of or rng.random() < 0.2:
        return words.similar_name(entity.name, rng)
    if entity.domain.name == "settings" and rng.random() < 0.4:
        return f"{_akin(part, rng)} of {owner}"
    part2, of2, owner2 = make_entity(entity.domain, rng).name.partition(" of ")
    if not of2:
        return words.similar_name(entity.name, rng)
    return f"{part2} of {owner}" if rng.random() < 0.7 else f"{part} of {owner2}"


def _akin(part: str, rng: random.Random) -> str:
    """A name that holds words of this one and is not it: longer, shorter, or one word changed."""
    held = part.split("_")
    at, other = rng.randrange(len(held)), rng.choice((*PARTS, *NOUNS))
    if len(held) > 1 and rng.random() < 0.3:
        return "_".join(held[:at] + held[at + 1 :])
    return "_".join(held[:at] + [other] + held[at + rng.randint(0, 1) :])


def _tell(entities: list[Entity], rng: random.Random) -> list[Told]:
    """A passage for each entity. What one leaves out, a neighbour often states."""
    rows: list[tuple[Entity, list[str], Passage]] = []
    for entity in entities:
        count = min(rng.choice(LENGTHS), len(entity.facts) - 1)
        keys = rng.sample(list(entity.facts), count)
        rows.append((entity, keys, make_passage(entity, keys, rng)))
    named = name_passages([passage for _, _, passage in rows], rng)
    return [Told(e, tuple(k), p) for (e, k, _), p in zip(rows, named, strict=True)]


def _topic(about: Told, told: list[Told], how: str, rng: random.Random) -> tuple[Entity, Attribute]:
    """What is asked: of the entity, or, where it is to be absent, of another that is not shown."""
    entity = about.entity
    stated = [a for a in entity.domain.attributes if a.key in about.keys]
    missing = [a for a in entity.domain.attributes if a.key not in about.keys]
    if how != "absent":
        found = stated if how == "stated" else missing
        return entity, rng.choices(found, [_weight(a, stated) for a in found])[0]
    while entity.name in {t.entity.name for t in told}:
        near = _near(about.entity, rng) if rng.random() < 0.7 else None
        entity = make_entity(entity.domain, rng, near)
    return entity, rng.choice(entity.domain.attributes)


def _weight(attribute: Attribute, stated: list[Attribute]) -> int:
    """How much likelier it is asked: where it may be taken for another one that is stated."""
    alike = any(a.key != attribute.key and a.sort == attribute.sort for a in stated)
    return (3 if attribute.reverse else 1) * (3 if attribute.sort and alike else 1)


def _turn(
    entity: Entity, attribute: Attribute, source: str, how: str, split: str, rng: random.Random
) -> tuple[str, Card]:
    """The question and its card: without an answer, it still names the passage it looked in."""
    text, kind = entity.facts[attribute.key]
    if how == "stated" and attribute.reverse and rng.random() < 0.7:
        part, owner = entity.name.split(" of ", 1)
        question = rng.choice(attribute.reverse).format(owner=owner, v=text)
        return question, Card(source=source, kind="thing", answer=part)
    name = entity.name
    if " of " in name and rng.random() < 0.6:
        form = rng.choice(("{1} {0}", "{0} in {1}", "the {0} of {1}"))
        name = form.format(*name.split(" of ", 1))
    forms = attribute.questions
    form = rng.choice(forms[:-1]) if split == "train" else forms[-1]
    card = Card(
        source=None if how == "absent" else source,
        kind=kind,
        answer=text if how == "stated" else None,
    )
    return form.replace("{name}", name), card


def name_passages(passages: list[Passage], rng: random.Random) -> list[Passage]:
    """The passages with ids of one style, all different, as one collection would have them."""
    style = rng.choice(("slug", "word", "doc", "letter", "file", "dotted", "number"))
    named: dict[str, Passage] = {}
    for passage in passages:
        id = make_id(style, passage.title, rng)
        while id in named:
            id = make_id(style, passage.title + f" {rng.randint(2, 99)}", rng)
        named[id] = replace(passage, id=id)
    return list(named.values())


def make_id(style: str, title: str, rng: random.Random) -> str:
    """A passage id such as `doc-031`, `amber.md#4` or the title as a slug."""
    n = rng.randint(1, 999)
    plain = rng.choice(words.PLAIN).lower()
    slug = "-".join(title.lower().split())
    part, of, owner = title.partition(" of ")
    if of and style == "dotted" and rng.random() < 0.7:
        return f"{plain}.{owner.replace(' ', '')}.{part}"
    return {
        "slug": slug,
        "word": words.word(rng, 2).lower(),
        "doc": f"doc-{n:03d}",
        "letter": f"{rng.choice('abcdkpst')}{n}",
        "file": f"{plain}.md#{n % 20}",
        "dotted": f"{plain}.{words.word(rng, 2)}.{slug}",
        "number": f"{plain}_{n % 100:02d}",
    }[style]
