"""The open-book training examples: fresh entities, mixed passages, near-miss unanswerables."""

from __future__ import annotations

import random
from dataclasses import replace

from tools import words
from tools.domains import Attribute, Domain, Entity, load_domains, make_entity, make_passage
from utils.card import Card
from utils.data import Example, Passage

ABSENT = 0.12  # the entity asked for is in no passage; one of a similar name often is
TWINS = 0.3  # asked twice, and the second time the sentence with the answer is missing
SIZES = ((1, 2, 3, 4), (55, 20, 20, 5))  # finding the passage is soon learned; reading is not
WEIGHTS = {"settings": 3}  # documents about software: the domain nearest to the library's


def make_examples(count: int, seed: int, split: str = "train") -> list[Example]:
    """`count` examples over all domains; same seed, same examples.

    The last question wording of each attribute is asked in the dev split only.
    """
    rng = random.Random(seed)
    domains = load_domains()
    made: list[Example] = []
    while len(made) < count:
        made += make_group(domains, rng, split)
    return [replace(e, id=f"{split}-{i:05d}") for i, e in enumerate(made[:count])]


def make_group(domains: list[Domain], rng: random.Random, split: str) -> list[Example]:
    """One example; or two about the same entity, of which the second cannot be answered.

    Both twins show the same sort of passages, so that only the missing sentence tells them apart.
    """
    domain = rng.choices(domains, [WEIGHTS.get(d.name, 1) for d in domains])[0]
    target = make_entity(domain, rng)
    attribute = _attribute(domain, rng)
    if rng.random() < ABSENT:
        return [_example(target, attribute, domains, rng, split, "absent")]
    found = [_example(target, attribute, domains, rng, split, "stated")]
    if rng.random() < TWINS:
        found.append(_example(target, attribute, domains, rng, split, "left out"))
    return found


def _example(
    target: Entity,
    attribute: Attribute,
    domains: list[Domain],
    rng: random.Random,
    split: str,
    how: str,
) -> Example:
    """1 to 4 passages in random order, a question, the card wanted; `how` the target is told."""
    size = rng.choices(*SIZES)[0]
    held = how == "stated"
    passages = [] if how == "absent" else [_target_passage(target, attribute.key, held, rng)]
    while len(passages) < size:
        near = not passages or rng.random() < 0.3
        passages.append(_distractor(target, attribute.key, near, domains, rng))
    passages = name_passages(passages, rng)
    source = passages[0].id if held else None
    rng.shuffle(passages)
    question, answer, kind = _ask(target, attribute, held, split, rng)
    card = Card(source=source, kind=kind, answer=answer if held else None)
    return Example("", question, card, tuple(passages), split)


def _ask(
    target: Entity, attribute: Attribute, held: bool, split: str, rng: random.Random
) -> tuple[str, str, str]:
    """(question, answer, kind): the attribute asked of the entity, or the entity of a setting."""
    text, kind = target.facts[attribute.key]
    if held and attribute.reverse and rng.random() < 0.75:
        part, owner = target.name.split(" of ", 1)
        return rng.choice(attribute.reverse).format(owner=owner, v=text), part, "thing"
    name = target.name
    if " of " in name and rng.random() < 0.6:
        form = rng.choice(("{1} {0}", "{0} in {1}", "the {0} of {1}"))
        name = form.format(*name.split(" of ", 1))
    return _question(attribute.questions, name, split, rng), text, kind


def _attribute(domain: Domain, rng: random.Random) -> Attribute:
    """The attribute asked for; one that can be asked in reverse comes up more often."""
    return rng.choices(domain.attributes, [4 if a.reverse else 1 for a in domain.attributes])[0]


def _question(forms: list[str], name: str, split: str, rng: random.Random) -> str:
    form = rng.choice(forms[:-1]) if split == "train" else forms[-1]
    return form.replace("{name}", name)


def _target_passage(entity: Entity, key: str, held: bool, rng: random.Random) -> Passage:
    """The entity's passage with the asked attribute in it, or with every neighbour but that one."""
    others = [k for k in entity.facts if k != key]
    chosen = rng.sample(others, min(len(others), rng.choice((1, 2, 2, 3, 4))))
    keys = [*chosen, key] if held else chosen
    rng.shuffle(keys)
    return make_passage(entity, keys, rng)


def _distractor(
    target: Entity, key: str, near: bool, domains: list[Domain], rng: random.Random
) -> Passage:
    """Another entity: of a similar name, of the same domain, or of another one."""
    domain = target.domain if near or rng.random() < 0.75 else rng.choice(domains)
    other = make_entity(domain, rng, words.similar_name(target.name, rng) if near else None)
    keys = rng.sample(list(other.facts), min(len(other.facts), rng.choice((1, 2, 3))))
    if domain is target.domain and key not in keys and rng.random() < 0.75:
        keys[0] = key
    rng.shuffle(keys)
    return make_passage(other, keys, rng)


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
    return {
        "slug": slug,
        "word": words.word(rng, 2).lower(),
        "doc": f"doc-{n:03d}",
        "letter": f"{rng.choice('abcdkpst')}{n}",
        "file": f"{plain}.md#{n % 20}",
        "dotted": f"{plain}.{words.word(rng, 2)}.{slug}",
        "number": f"{plain}_{n % 100:02d}",
    }[style]
