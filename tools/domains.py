"""Domains of the open-book training set: read from TOML, turned into passages and questions."""

from __future__ import annotations

import functools
import random
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tools import docwords, words
from utils.data import Passage

FOLDER = Path(__file__).resolve().parent / "open_book"
PARTS = (
    "batch cache token layer step warmup grad eval log save seed chunk beam rank drop mask head"
).split()
NOUNS = (
    "size rate length ratio steps scale dir mode count limit level strategy path weight depth"
).split()
LITERALS = (
    "linear cosine auto none steps epoch mean sum fixed left right sigmoid 1e-05 5e-04 "
    "1e-08 0.1 0.05 0.9 0.95 0.999 1.0 0.01 None True False -1 0 1 2 3 4 8 10 16 20 32 42 "
    "50 64 100 128 256 500 512 1024 2048 4096"
).split()
SORTS = {
    "person": "person",
    "pickperson": "person",
    "place": "name",
    "word": "name",
    "pickplace": "name",
    "date": "date",
    "year": "date",
    "month": "date",
    "time": "time",
    "money": "money",
}
ASIDES = {
    "person": "person",
    "word": "word",
    "year": "year:1890-2030",
    "time": "time",
    "n": "int:3-90",
}
JOINABLE = {"The", "It", "She", "He", "They", "Its", "A", "An", "In", "At", "On", "Since"}


@dataclass(frozen=True)
class Attribute:
    """One thing that is said about an entity, in several wordings."""

    key: str
    values: str
    statements: list[str]
    questions: list[str]
    reverse: list[str] = field(default_factory=list)

    @property
    def sort(self) -> str | None:
        """What its values may be taken for: persons, times, numbers of one unit; None for none."""
        name, _, rest = self.values.partition(":")
        if name in ("int", "decimal"):
            return rest.partition(":")[2] or "number"
        return SORTS.get(name)


@dataclass(frozen=True)
class Joint:
    """One sentence that states two attributes, such as a departure and an arrival."""

    keys: list[str]
    statements: list[str]


@dataclass(frozen=True)
class Domain:
    """A sort of entity with its attributes."""

    name: str
    noun: str
    pronoun: str
    entity: str
    names: list[str]
    opening: list[str]
    attributes: tuple[Attribute, ...]
    joint: tuple[Joint, ...] = ()


@dataclass(frozen=True)
class Entity:
    """An invented entity: its name, and a (text, kind) for every attribute key."""

    domain: Domain
    name: str
    facts: dict[str, tuple[str, str]]


def load_domains(folder: Path = FOLDER) -> list[Domain]:
    """Every domain of the folder, sorted by file name."""
    return [
        _domain(tomllib.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("*.toml"))
    ]


def _domain(raw: dict) -> Domain:
    attributes = tuple(Attribute(**item) for item in raw.pop("attributes"))
    joint = tuple(Joint(**item) for item in raw.pop("joint", []))
    return Domain(attributes=attributes, joint=joint, **raw)


def make_name(pattern: str, rng: random.Random) -> str:
    """A name from a pattern such as `Upper {word}`; every placeholder drawn afresh."""
    makers = {
        "word": words.name,
        "person": words.person,
        "code": words.code,
        "n": lambda r: str(r.randint(2, 99)),
        "low": lambda r: r.choice(PARTS if r.random() < 0.4 else vocabulary()),
        "noun2": lambda r: r.choice(NOUNS),
    }
    return re.sub(r"\{(\w+)\}", lambda match: makers[match[1]](rng), pattern)


def make_entity(domain: Domain, rng: random.Random, name: str | None = None) -> Entity:
    """A fresh entity of the domain with a value for each attribute, all values different."""
    facts: dict[str, tuple[str, str]] = {}
    taken: set[str] = set()
    for attribute in domain.attributes:
        made = _value(attribute.values, rng)
        while made[0] in taken:
            made = _value(attribute.values, rng)
        taken.add(made[0])
        facts[attribute.key] = made
    return Entity(domain, name or make_name(rng.choice(domain.names), rng), facts)


def _value(spec: str, rng: random.Random) -> tuple[str, str]:
    """(text, kind). Words are mixed afresh more often than not: a value seen before is recalled
    where it should be copied ("birch paper" came out as "birbit paper")."""
    if spec == "pickliteral":
        text = _literal(rng) if rng.random() < 0.7 else rng.choice(LITERALS)
        return text, "number" if re.fullmatch(r"-?[\d.e-]+", text) else "thing"
    if spec == "phrase":
        return docwords.purpose(vocabulary(), rng), "thing"
    if spec in ("doc", "choices"):
        make = docwords.describe if spec == "doc" else docwords.choices
        return make(vocabulary(), rng), "thing"
    if spec == "setting":
        forms = ("{low}_{low}", "{low}_{noun2}", "use_{low}", "{low}_{low}_{noun2}")
        return make_name(rng.choice(forms), rng), "thing"
    text, kind = words.value(spec, rng)
    if re.fullmatch(r"[a-z]+ (?!of |or )[a-z ]+", text) and rng.random() < 0.7:
        first, rest = text.split(" ", 1)
        other = rng.choice(vocabulary())
        text = f"{other} {rest}" if rng.random() < 0.6 else f"{first} {other}"
    return words.as_written(spec, text, rng), kind


@functools.cache
def vocabulary() -> tuple[str, ...]:
    """The plain words of 4 to 10 letters in all domains, sorted."""
    raw = "\n".join(path.read_text("utf-8") for path in sorted(FOLDER.glob("*.toml")))
    return tuple(sorted(set(re.findall(r"(?<![\w{-])[a-z]{4,10}(?![\w}-])", raw))))


def _literal(rng: random.Random) -> str:
    """A value as it stands in code: an integer, a decimal, a name."""
    name = "_".join(rng.sample(vocabulary(), rng.choice((1, 2))))
    whole = str(rng.randint(2, 10 ** rng.randint(1, 4)))
    small = f"{rng.randint(1, 99)}e-{rng.randint(2, 9):02d}"
    return rng.choice((whole, f"{rng.random():.{rng.randint(1, 3)}f}", small, name, name))


def make_passage(entity: Entity, keys: list[str], rng: random.Random) -> Passage:
    """A passage that states the given attributes, one sentence each, in that order; no id yet."""
    domain = entity.domain
    opening = [rng.choice(domain.opening)] if rng.random() < 0.5 else []
    sentences = [_fill_asides(form, rng) for form in opening]
    sentences += _statements(entity, keys, rng)
    told = _join([_subject(s, i == 0, entity, rng) for i, s in enumerate(sentences)], rng)
    if all(entity.name not in sentence for sentence in told) and rng.random() < 0.5:
        told.insert(0, f"{entity.name}.")
    return Passage("", entity.name, " ".join(told))


def _statements(entity: Entity, keys: list[str], rng: random.Random) -> list[str]:
    """The sentences for the attributes, in order, filled but for {e}; two may share one."""
    record = rng.random() < 0.2
    by_key = {attribute.key: attribute for attribute in entity.domain.attributes}
    left, made = list(keys), []
    while left:
        shared = [j for j in entity.domain.joint if left[0] in j.keys and set(j.keys) <= set(left)]
        if shared and not record and rng.random() < 0.7:
            joint = rng.choice(shared)
            form, told = rng.choice(joint.statements), {k: "{" + k + "}" for k in joint.keys}
        else:
            forms = by_key[left[0]].statements
            terse = [form for form in forms if "{e}" not in form]
            form, told = rng.choice(terse if record and terse else forms), {left[0]: "{v}"}
        form = _fill_asides(form, rng)
        for key, mark in told.items():
            form = form.replace(mark, entity.facts[key][0])
        left = [key for key in left if key not in told]
        made.append(form)
    return made


def _fill_asides(form: str, rng: random.Random) -> str:
    """The form with a fresh value for each mark of ASIDES: what is mentioned and never asked."""
    marks = r"\{(" + "|".join(ASIDES) + r")\}"
    return re.sub(marks, lambda mark: words.value(ASIDES[mark[1]], rng)[0], form)


def _join(sentences: list[str], rng: random.Random) -> list[str]:
    """Now and then two neighbouring sentences made one, as people write them."""
    joined: list[str] = []
    for sentence in sentences:
        opening = sentence.split(" ")[0]
        if joined and opening in JOINABLE and rng.random() < 0.35:
            link = rng.choice((", and ", "; ", ", while ", ", and "))
            joined[-1] = joined[-1].rstrip(".") + link + sentence[0].lower() + sentence[1:]
        else:
            joined.append(sentence)
    return joined


def _subject(sentence: str, first: bool, entity: Entity, rng: random.Random) -> str:
    """The sentence with {e} filled: the name, the pronoun, or "the <noun>"."""
    if first or rng.random() < 0.35:
        said = entity.name
    elif sentence.startswith("{e}") and rng.random() < 0.6:
        said = entity.domain.pronoun
    else:
        said = f"the {entity.domain.noun}"
    part, _, owner = entity.name.partition(" of ")
    opens_with_code = "_" in {"{e}": said, "{part}": part}.get(sentence.split("}")[0] + "}", "")
    for mark, text in (("{e}", said), ("{part}", part), ("{owner}", owner)):
        sentence = sentence.replace(mark, text)
    return sentence if opens_with_code else sentence[0].upper() + sentence[1:]
