"""Invented names and values: the raw material of every made data set."""

from __future__ import annotations

import random

ONSETS = "b br c ch d dr f fl g gl gr h j k kl l m n p pr qu r s sh sk st t th tr v w z".split()
VOWELS = "a e i o u a e i o ai ea oo ei".split()
CODAS = ["", "", "l", "n", "r", "s", "m", "t", "k", "ld", "nd", "rn", "st", "sk", "lm", "x"]
GIVEN = (
    "Ada Bela Cato Dario Edda Fenn Greta Hollis Ilse Jorun Kaspar Lene Mirko Nadia Odo Petra "
    "Quill Runa Stellan Tova Ulla Viggo Wanda Xenia Yorick Zofia Amund Brita Corin Dagny Emeric "
    "Freya Gustav Henrike Ivo Jasna Konrad Ludmila Magnus Nerina Oskar Pilar Rafe Signe Tibor Una "
    "Valter Wiebke Yves Zelda Anouk Bastian Clio Demir Elin Farah Goran Hana Idris Jules Kei Lars"
).split()
PLAIN = (
    "Amber Anchor Arrow Ash Aurora Badger Beacon Birch Bramble Breeze Canyon Cedar Cinder Clover "
    "Cobalt Comet Copper Coral Crane Crystal Dawn Delta Drift Eagle Echo Elm Ember Falcon Fern "
    "Flint Forge Fox Garnet Glade Granite Harbour Hawk Hazel Heron Holly Horizon Iris Iron Ivory "
    "Jade Juniper Kestrel Lantern Lark Laurel Linden Lotus Maple Marble Meadow Meridian Mistral "
    "Moss Nimbus North Oak Onyx Opal Orchard Orion Osprey Otter Pearl Pebble Pine Plover Polar "
    "Quartz Raven Reed Ridge River Robin Rowan Ruby Saffron Sage Sierra Silver Sparrow Spruce "
    "Stone Summit Swift Tern Thistle Thorn Tide Topaz Umber Valley Velvet Vesper Violet Walnut "
    "Willow Winter Wren Yarrow Zenith Zephyr"
).split()
MONTHS = (
    "January February March April May June July August September October November December"
).split()
SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
TITLES = (
    "Dr Professor Captain Bishop Sister Brother Judge Colonel Lady Lord Canon Sergeant Dame Miss"
).split()
PLACES = (
    "{} Hall|{} Street|{} Quay|{} Lane|{} Abbey|{} Mill|{} Hills|{} Bay|{} Gate|Port {}|Mount {}|"
    "Lake {}|Fort {}|Isle of {}|{} Old Town|{} Junction|{} Farm|{} Station|{} Square|{} Woods"
).split("|")
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def word(rng: random.Random, syllables: int | None = None) -> str:
    """A capitalised made-up name of two or three syllables, 4 to 11 letters."""
    while True:
        count = syllables or rng.choice((2, 2, 2, 3))
        parts = [rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(count)]
        made = "".join(parts)
        if 4 <= len(made) <= 11:
            return made.capitalize()


def name(rng: random.Random) -> str:
    """A proper name: half of the time made up, else built from plain words."""
    if rng.random() < 0.5:
        return word(rng)
    return rng.choice(PLAIN) if rng.random() < 0.4 else f"{rng.choice(PLAIN)} {rng.choice(PLAIN)}"


def person(rng: random.Random) -> str:
    """A made-up full name."""
    return f"{rng.choice(GIVEN)} {word(rng, 2) if rng.random() < 0.7 else rng.choice(PLAIN)}"


def code(rng: random.Random) -> str:
    """A made-up code such as KX-407."""
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTVWXZ") for _ in range(rng.choice((1, 2, 3))))
    return f"{letters}-{rng.randint(10, 9999)}"


def one_letter_off(name: str, rng: random.Random) -> str:
    """The same name with one letter of its longest word changed, dropped or doubled.

    A vowel becomes another vowel and a consonant another consonant, so it still reads well.
    """
    words = name.split(" ")
    place = max(range(len(words)), key=lambda i: len(words[i]))
    old = words[place]
    while True:
        at = rng.randrange(1, max(2, len(old)))
        letter = old[at % len(old)]
        other = rng.choice("aeiou" if letter in "aeiou" else "bdfgklmnprstvz")
        kind = rng.choice(("change", "change", "drop", "double"))
        new = {
            "change": old[:at] + other + old[at + 1 :],
            "drop": old[:at] + old[at + 1 :],
            "double": old[:at] + letter + old[at:],
        }[kind]
        if new != old and len(new) >= 3:
            return " ".join([*words[:place], new, *words[place + 1 :]])


def similar_name(name: str, rng: random.Random) -> str:
    """A name that is easily taken for this one: a digit, a letter or one word differs."""
    if any(letter.isdigit() for letter in name) and rng.random() < 0.7:
        return similar_code(name, rng)
    parts = name.split(" ")
    if len(parts) > 1 and rng.random() < 0.5:
        at = rng.choice([i for i, part in enumerate(parts) if part[0].isupper()] or [0])
        return " ".join(
            [*parts[:at], rng.choice((word(rng, 2), rng.choice(PLAIN))), *parts[at + 1 :]]
        )
    return one_letter_off(name, rng)


def similar_code(name: str, rng: random.Random) -> str:
    """The same name with one digit changed; a letter where it holds no digit."""
    places = [i for i, letter in enumerate(name) if letter.isdigit()]
    if not places:
        return one_letter_off(name, rng)
    at = rng.choice(places)
    digit = rng.choice([d for d in "123456789" if d != name[at]])
    return name[:at] + digit + name[at + 1 :]


def value(spec: str, rng: random.Random) -> tuple[str, str]:
    """(text, card kind) drawn from a spec such as `int:12-95:metres`.

    Raises ValueError for a spec that is not one of the mini-language's.
    """
    name, _, rest = spec.partition(":")
    span, _, unit = rest.partition(":")
    if name in ("int", "decimal", "percent", "money", "year"):
        return _number(name, span, unit, rng)
    if name in ("pick", "pickplace", "pickperson"):
        kind = {"pick": "thing", "pickplace": "place", "pickperson": "person"}[name]
        return rng.choice(rest.split("|")).strip(), kind
    simple = {
        "date": (_date, "date"),
        "month": (lambda r: r.choice(MONTHS), "date"),
        "weekday": (lambda r: r.choice(WEEKDAYS), "date"),
        "time": (
            lambda r: f"{r.randint(5, 23):02d}:{r.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)):02d}",
            "date",
        ),
        "person": (person, "person"),
        "place": (word, "place"),
        "word": (word, "thing"),
        "code": (code, "thing"),
    }
    if name not in simple:
        raise ValueError(f"{spec!r} is not a value spec; see tools/words.py")
    make, kind = simple[name]
    return make(rng), kind


def as_written(spec: str, text: str, rng: random.Random) -> str:
    """The value now and then as prose has it: "eleven months", "Dr Ada Moss", "Moss Quay".

    A reader that has seen "11 months" only writes that where the passage says "eleven months".
    """
    name, _, rest = spec.partition(":")
    if name == "int" and ":" in rest and rng.random() < 0.4:
        number, unit = text.split(" ", 1)
        return f"{spelled(int(number))} {unit}" if len(number) < 3 else text
    if spec == "person" and rng.random() < 0.25:
        of = rng.random() < 0.3
        return f"{text} of {word(rng, 2)}" if of else f"{rng.choice(TITLES)} {text}"
    if spec == "place" and rng.random() < 0.3:
        return rng.choice(PLACES).format(text)
    return text


def spelled(number: int) -> str:
    """A number from 0 to 99 in words: 42 is "forty-two". Raises ValueError for another."""
    if not 0 <= number <= 99:
        raise ValueError(f"{number} is not from 0 to 99")
    if number < len(SMALL):
        return SMALL[number]
    tens, ones = divmod(number, 10)
    return TENS[tens - 2] + (f"-{SMALL[ones]}" if ones else "")


def _date(rng: random.Random) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(MONTHS)} {rng.randint(1890, 2040)}"


def _number(name: str, span: str, unit: str, rng: random.Random) -> tuple[str, str]:
    low, high = (float(part.replace(",", "")) for part in span.split("-"))
    if name == "year":
        return str(rng.randint(int(low), int(high))), "date"
    if name == "decimal":
        text = f"{rng.uniform(low, high):.1f}"
    else:
        text = f"{_spread(low, high, rng):,}"
    if name == "percent":
        return f"{text} percent", "number"
    return (f"{text} {unit}" if unit else text), "number"


def _spread(low: float, high: float, rng: random.Random) -> int:
    """A whole number from low to high; over wide spans every number of digits is as likely."""
    if high / max(low, 1) < 100:
        return rng.randint(int(low), int(high))
    exponent = rng.uniform(0, 1)
    return round(max(low, 1) * (high / max(low, 1)) ** exponent)
