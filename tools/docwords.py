"""Descriptions of invented settings, in the manner of the documentation of a library."""

from __future__ import annotations

import random
from collections.abc import Sequence

VERBS = (
    "keep load shuffle drop merge cache normalise sort pad scale store print skip compress split "
    "check freeze copy rename warm round mask rotate align sample weigh trim ignore resume share"
).split()
ACRONYMS = "GPU CPU JSON HTTP RAM GQL CSV PTM XLA RPC TLS LRU".split()
FIRST = """\
Whether to {verb} the {a} {b}
Whether the {a} should {verb} its {b} {when}
Whether or not to {verb} {n} {a} {when}
If true, {verb} the {a} and {verb2} the {b}
Path to the {a} that holds the {b}
Folder in which the {a} {b} are stored
Name or path of the {a} used for {b}
Name of the {a} column in the {b}
Maximum number of {a} {b} {when}
Maximum length of the {a} in {b}
Number of {a} steps between two {b}
Number of {n} to use for the {a}
The {a} rate of the {b}
The {a} used to {verb} the {b}
The initial {a} for {b} {when}
The weight of the {a} term in the {b} loss
The {b} coefficient of the {a} schedule
The dimension of the {a} {b}
The {n} backend to use for {a}
Strategy to {verb} the {a}
Strategy for the {a} of {b}
Type of {a} to apply to the {b}
Type of {b} to use
Upper bound of the {a} for {b}
Lower bound of the {a}, used {when}
Share of the {a} that is given to the {b}
Epsilon of the {a} {b}
Random seed for the {a}
Extra arguments handed to the {a} {when}
List of {b} to {verb} {when}
Control the {n} usage of the {a}
When to {verb} the {a}, before or after the {b}
Use full {n} precision for the {a} (not only for the {b})
When resuming, {verb} the {a} up to the last {b}
Enable the {n} {a} for every {b}
Sets the {a} type of the {b}
How many {b} to {verb} at once
How often to {verb} the {a}, in {b}
Prefix of the {a} in the {b}
Target {a} modules to {verb}""".splitlines()
WHENS = """\
during evaluation
in the first stage
when streaming
on every device
before saving
at the end of each pass
while the {b} is built
if {n} is available""".splitlines()
MOMENTS = (
    "when resuming|during evaluation|in the first stage|if sampling is on|for every worker|"
    "before the model is saved|while training|at the start of each run|unless it is switched off"
).split("|")
ACTS = [
    "the number of",
    "the maximum number of",
    "the weight given to",
    "the share of",
    "the name of",
    "the folder for",
    "how often to save",
    "the lower bound on",
    "the order of",
    "the time allowed for",
]
THINGS = [
    "attempts before giving up",
    "samples read at once",
    "workers that load files",
    "old copies kept",
    "words in one chunk",
    "hidden units",
    "messages written to the log",
    "steps before the first report",
    "layers left untouched",
    "random choices at start",
    "answers compared",
    "the reference model",
    "padding tokens",
    "shards on disk",
    "the penalty term",
]


def describe(words: Sequence[str], rng: random.Random) -> str:
    """The first sentence of a description, without its full stop, of words that fit by chance."""
    a, b = (" ".join(rng.sample(words, rng.choice((1, 1, 2)))) for _ in range(2))
    verb, verb2 = rng.sample(VERBS, 2)
    noun = rng.choice(ACRONYMS) if rng.random() < 0.5 else rng.choice(words)
    made = rng.choice(FIRST).replace("{when}", rng.choice(WHENS))
    return made.format(a=a, b=b, n=noun, verb=verb, verb2=verb2)


def choices(words: Sequence[str], rng: random.Random) -> str:
    """Values to choose from, as documentation lists them: `"even", "late" or "none"`."""
    mark = rng.choice("\"'")
    named = [f"{mark}{word}{mark}" for word in rng.sample(words, rng.choice((2, 2, 3, 4)))]
    return ", ".join(named[:-1]) + " or " + named[-1]


def purpose(words: Sequence[str], rng: random.Random) -> str:
    """What a setting is for, such as `the number of hidden units during evaluation`."""
    when = f" {rng.choice(MOMENTS)}" if rng.random() < 0.4 else ""
    mixed = rng.random() < 0.6
    thing = " ".join(rng.sample(words, rng.choice((2, 2, 3)))) if mixed else rng.choice(THINGS)
    return f"{rng.choice(ACTS)} {thing}{when}"
