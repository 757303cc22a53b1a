"""Real documents for retrieval: the parameters of the libraries installed on this machine.

One passage a parameter, read from signatures and docstrings when first needed and kept in the
cache folder. The sentences around them and the questions are ours; the descriptions belong to
the libraries and stay on the learner's machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from zlib import crc32

from utils.data import Passage, Question
from utils.docstrings import Parameter, find_classes, read_parameters, signature

LEAST = 150  # parameters; fewer means that the libraries changed how they describe them
CLASSES = {
    "trl": ("SFTConfig", "DPOConfig", "RewardConfig", "GRPOConfig"),
    "peft": ("PeftConfig", "LoraConfig", "AdaLoraConfig", "IA3Config", "PromptTuningConfig"),
    "transformers": ("TrainingArguments", "LlamaConfig", "BitsAndBytesConfig"),
    "sentence-transformers": (
        "SentenceTransformerTrainingArguments",
        "SentenceTransformer",
        "CrossEncoder",
    ),
}
TEXTS = (
    "{name} is a parameter of {owner} in {library}, of type {type}. Default: {default}. {about}",
    "{owner} of {library} takes {name} ({type}). {about} If not set, it is {default}.",
    "In {library}, the class {owner} has the parameter {name}. {about} "
    "It expects {type} and defaults to {default}.",
    "With a default of {default}, {name} belongs to {owner} from {library}. Type: {type}. {about}",
)
DEFAULT = (
    "What is the default value of {name} in {owner}?",
    "Which value does {owner} use for {name} if none is given?",
    "If I leave {name} out of {owner}, what is it set to?",
    "What does {name} default to in {owner}?",
    "In {owner}, what is {name} unless I set it?",
)
TYPE = (
    "Which type does {name} of {owner} expect?",
    "What is the type of {name} in {owner}?",
    "Of what type must {name} be in {owner}?",
    "What type of value does {owner} take for {name}?",
)
MEANING = (
    'Which parameter of {owner} is described as "{first}"?',
    'What is the name of the parameter of {owner} that stands for this: "{first}"?',
    'In {owner}, which parameter has this description: "{first}"?',
)
NEAR_MISSES, INVENTED = 40, 20
MADE_UP = (
    ("warmup", "eval", "adapter", "gradient", "token", "prompt"),
    ("budget", "window", "threshold", "depth", "patience", "offset"),
)


class LibraryError(RuntimeError):
    """The documents cannot be made; the message says what is missing and how to mend it."""


@dataclass(frozen=True)
class Library:
    """`versions` maps the four package names to the versions that were read."""

    versions: dict[str, str]
    passages: list[Passage]
    questions: list[Question]


def build_library() -> Library:
    """Read the installed libraries (about 10 seconds); the same versions give the same result.

    Raises LibraryError if a library is missing or describes fewer than LEAST parameters.
    """
    versions = read_versions()
    chosen = find_classes(CLASSES)
    parameters = list(read_parameters(chosen))
    if len(parameters) < LEAST:
        raise LibraryError(
            f"the libraries describe {len(parameters)} parameters, and {LEAST} are needed. "
            "Install the versions of the project: pip install -r requirements.txt"
        )
    passages = [make_passage(parameter) for parameter in parameters]
    questions = [*ask_all(parameters, passages), *ask_unanswerable(parameters, chosen)]
    return Library(versions, passages, questions)


def read_versions() -> dict[str, str]:
    """Installed version of each library, without importing it."""
    try:
        return {library: version(library) for library in CLASSES}
    except PackageNotFoundError as error:
        raise LibraryError(
            f"the package {error.name} is not installed. Run: pip install -r requirements.txt"
        ) from None


def pick(choices: tuple[str, ...], key: str) -> str:
    """One of the choices, always the same for the same key."""
    return choices[crc32(key.encode()) % len(choices)]


def split_of(key: str) -> str:
    """dev for about 3 in 10 keys, else test. Independent of the choice of wording."""
    return "dev" if crc32(f"split:{key}".encode()) % 10 < 3 else "test"


def make_passage(parameter: Parameter) -> Passage:
    """Two to four sentences: where it belongs, type, default, and what it is for."""
    text = pick(TEXTS, parameter.id).format(**asdict(parameter))
    return Passage(parameter.id, f"{parameter.name} of {parameter.owner}", text)


def ask_all(parameters: list[Parameter], passages: list[Passage]) -> Iterator[Question]:
    """Up to three questions a parameter; every answer is in its passage as written."""
    often = Counter((parameter.owner, parameter.first) for parameter in parameters)
    for parameter, passage in zip(parameters, passages, strict=True):
        asked = []
        if parameter.default_is_fact:
            asked.append(ask(parameter, "default", DEFAULT, parameter.default, parameter.kind))
        if parameter.type_is_plain:
            asked.append(ask(parameter, "type", TYPE, parameter.type, "thing"))
        if parameter.meaning_is_telling and often[parameter.owner, parameter.first] == 1:
            asked.append(ask(parameter, "meaning", MEANING, parameter.name, "thing"))
        yield from (question for question in asked if question.answer in passage.text)


def ask(
    parameter: Parameter, topic: str, wordings: tuple[str, ...], answer: str, kind: str | None
) -> Question:
    """One question; its id ends in default, type or meaning."""
    key = f"{parameter.id}:{topic}"
    words = pick(wordings, key).format(
        name=parameter.name, owner=parameter.owner, first=parameter.first
    )
    split = split_of(parameter.id)
    return Question(key, words, answer, kind, parameter.id, "plain", split)


def ask_unanswerable(parameters: list[Parameter], chosen: dict[type, str]) -> list[Question]:
    """Near misses: a parameter of another class of the library, or a name that no class has."""
    taken = {cls.__name__: set(signature(cls)) for cls in chosen}
    homes = {cls.__name__: library for cls, library in chosen.items()}
    real = {(p.name, p.library) for p in parameters if p.kind}
    near = [pair for pair in product(sorted(real), taken) if homes[pair[1]] == pair[0][1]]
    made_up = ["_".join(halves) for halves in product(*MADE_UP)]
    unknown = [name for name in made_up if not any(name in names for names in taken.values())]
    misses = [(name, owner) for (name, _), owner in near if name not in taken[owner]]
    mixed = product(unknown, taken)
    return [*_no_answer(misses, NEAR_MISSES), *_no_answer(list(mixed), INVENTED)]


def _no_answer(pairs: list[tuple[str, str]], count: int) -> list[Question]:
    questions = []
    for name, owner in sorted(pairs, key=lambda pair: crc32(":".join(pair).encode()))[:count]:
        key = f"none.{owner}.{name}"
        words = pick(DEFAULT, key).format(name=name, owner=owner)
        questions.append(Question(key, words, None, None, None, "unanswerable", split_of(key)))
    return questions


def load_library(folder: Path | None = None) -> Library:
    """The library of this machine from the cache folder, made anew where it does not fit.

    It fits when the versions of the four packages and our own extractor are unchanged.
    """
    if folder is None:
        from utils.models import cache_folder

        folder = cache_folder()
    path = Path(folder) / "library.json"
    header = {"versions": read_versions(), "source": source_hash()}
    kept = read_cache(path, header)
    if kept is None:
        kept = build_library()
        try:
            write_cache(path, header, kept)
        except OSError as error:
            print(f"The library is not kept for next time: {error.strerror or error}.")
    return kept


def source_hash() -> str:
    """Hash of the two files that decide what the library says."""
    here = Path(__file__)
    files = (here, here.with_name("docstrings.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def read_cache(path: Path, header: dict) -> Library | None:
    """The library in the file, or None where it is absent, outdated or broken."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["header"] != header:
            return None
        passages = [Passage(**row) for row in content["passages"]]
        questions = [Question(**row) for row in content["questions"]]
    except (OSError, ValueError, KeyError, TypeError):
        print(f"The file {path.name} in the cache folder is broken and is made anew.")
        return None
    return Library(header["versions"], passages, questions)


def write_cache(path: Path, header: dict, library: Library) -> None:
    """Write beside the target and move into place, so that no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"header": header, **asdict(library)}
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(part, path)


def main() -> None:
    """Print how much was read, and three samples."""
    library = load_library()
    counts = Counter(passage.id.rsplit(".", 1)[0] for passage in library.passages)
    for owner, count in counts.items():
        print(f"{count:4d} parameters  {owner}")
    print(f"{len(library.passages)} passages, {len(library.questions)} questions")
    for passage in library.passages[:: len(library.passages) // 3 + 1]:
        print(f"\n{passage.id}\n  {passage.text}")
        for question in library.questions:
            if question.source == passage.id:
                print(f"  - {question.question}  [{question.answer}]")


if __name__ == "__main__":
    main()
