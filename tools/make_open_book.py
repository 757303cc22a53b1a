"""The open-book training examples: fresh entities, mixed passages, near-miss unanswerables."""

from __future__ import annotations

import random
from dataclasses import replace

from tools import words
from tools.domains import Domain, Entity, load_domains, make_entity, make_passage
from utils.card import Card
from utils.data import Example, Passage

UNANSWERABLE = 0.25


def make_examples(count: int, seed: int, split: str = "train", folder=None) -> list[Example]:
    """`count` examples; no two share an entity. Same seed, same examples.

    Questions with an even index in their attribute's list may be asked in training; the last
    wording of each attribute is kept for the dev split.
    """
    rng = random.Random(seed)
    domains = load_domains(folder) if folder else load_domains()
    return [make_example(f"{split}-{i:05d}", domains, rng, split) for i in range(count)]


def make_example(id: str, domains: list[Domain], rng: random.Random, split: str) -> Example:
    """One example: 1 to 4 passages in random order, a question, the card wanted."""
    domain = rng.choice(domains)
    target = make_entity(domain, rng)
    attribute = rng.choice(domain.attributes)
    how = rng.random()
    if how >= UNANSWERABLE:
        held, present = True, True
    else:
        held, present = False, how < 0.65 * UNANSWERABLE
    size = rng.choices((1, 2, 3, 4), (15, 20, 50, 15))[0]
    passages = [_target_passage(target, attribute.key, held, rng)] if present else []
    while len(passages) < size:
        near = not present and not passages or rng.random() < 0.3
        passages.append(_distractor(target, attribute.key, near, domains, rng))
    passages = name_passages(passages, rng)
    source = passages[0].id if held else None
    rng.shuffle(passages)
    text, kind = target.facts[attribute.key]
    name = target.name
    if " of " in name and rng.random() < 0.6:
        name = rng.choice(("{1} {0}", "{0} in {1}", "the {0} of {1}")).format(
            *name.split(" of ", 1)
        )
    question = _question(attribute.questions, name, split, rng)
    if held and attribute.reverse and rng.random() < 0.6:
        part, owner = target.name.split(" of ", 1)
        question = rng.choice(attribute.reverse).format(owner=owner, v=text)
        text, kind = part, "thing"
    card = Card(source=source, kind=kind, answer=text if held else None)
    return Example(id, question, card, tuple(passages), split)


def _question(forms: list[str], name: str, split: str, rng: random.Random) -> str:
    form = rng.choice(forms[:-1]) if split == "train" else forms[-1]
    return form.replace("{name}", name)


def _target_passage(entity: Entity, key: str, held: bool, rng: random.Random) -> Passage:
    """The entity's passage with the asked attribute in it, or with every neighbour but that one."""
    others = [k for k in entity.facts if k != key]
    chosen = rng.sample(others, min(len(others), rng.choice((1, 2, 3, 3, 4, 5))))
    keys = [*chosen, key] if held else chosen
    rng.shuffle(keys)
    return make_passage(entity, keys, rng)


def _distractor(
    target: Entity, key: str, near: bool, domains: list[Domain], rng: random.Random
) -> Passage:
    """Another entity: of a similar name, of the same domain, or of another one."""
    domain = target.domain if near or rng.random() < 0.75 else rng.choice(domains)
    alter = words.similar_code if any(c.isdigit() for c in target.name) else words.one_letter_off
    other = make_entity(domain, rng, alter(target.name, rng) if near else None)
    keys = rng.sample(list(other.facts), min(len(other.facts), rng.choice((2, 3, 3, 4, 5))))
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
