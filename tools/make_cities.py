"""`cities`: the populations of the 2023 experiment, in wording of our own."""

from __future__ import annotations

import random

from utils.card import Card
from utils.data import Example, Passage, Question

SEED = 42
COUNT = 100
STATEMENTS = (
    "{city} has a population of {n}.",
    "{n} people live in {city}.",
    "The number of inhabitants of {city} is {n}.",
    "At the last count, {city} had a population of {n}.",
    "With {n} inhabitants, {city} has its own council.",
)
PLAIN = "What is the population of {city}?"
REWORDED = ("How many people live in {city}?", "{city} is home to how many inhabitants?")
REVERSED = "Which city has a population of {n}?"


def populations() -> dict[str, str]:
    """City_1 to City_100 with their populations, thousands separated by commas.

    The draw is the original's: Python's random, seed 42, whole numbers from 100,000 to
    10,000,000 (repository dylanjcastillo/rag-vs-finetune, finetune.ipynb, November 2023).
    """
    rng = random.Random(SEED)
    return {f"City_{i}": f"{rng.randint(100_000, 10_000_000):,}" for i in range(1, COUNT + 1)}


def passages() -> list[Passage]:
    """One sentence a city, in five wordings by turns."""
    return [
        Passage(city.lower(), city, STATEMENTS[i % len(STATEMENTS)].format(city=city, n=n))
        for i, (city, n) in enumerate(populations().items())
    ]


def questions() -> list[Question]:
    """Each city asked as trained, reworded and reversed."""
    made = []
    for i, (city, n) in enumerate(populations().items()):
        id = city.lower()
        asked = {
            "plain": (PLAIN, n, "number"),
            "reworded": (REWORDED[i % len(REWORDED)], n, "number"),
            "reversed": (REVERSED, city, "place"),
        }
        for variant, (form, answer, kind) in asked.items():
            text = form.format(city=city, n=n)
            made.append(Question(f"{id}:{variant}", text, answer, kind, id, variant))
    return made


def facts() -> list[Example]:
    """The training examples of the facts arm: each city's plain question and its card."""
    return [
        Example(q.id, q.question, Card(source=None, kind="number", answer=q.answer))
        for q in questions()
        if q.variant == "plain"
    ]
