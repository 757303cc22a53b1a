"""Reads the parameters of a Python class: type, default and description, in plain words."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

LONGEST = 45  # words of a description

ENTRY = re.compile(r"^( *)(\w+) ?:? ?\((.+?)\) ?: ?(.*)$")
ITEM = re.compile(r"^\s*([-*] |\d+\. |</?[A-Z]|```)")
SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!\betc)(?<!\bEq)(?<!\bvs)[.?]\s+(?=[A-Z\"'(\d])")
CLAIM = re.compile(r"^(the )?defaults?( value)?( is|:| to)", re.IGNORECASE)
MARKUP = (
    (r"<a\b[^>]*>(.*?)</a>", r"\1"),  # a link in HTML
    (r"</?(a|b|i|em|p|br|tip|deprecated|code)\b[^>]*>", ""),
    (r"\[([^\[\]]*)\]\([^()\s]*\)", r"\1"),  # a link in Markdown
    (r":\w+:`([^`]*)`", r"`\1`"),  # a role in reStructuredText
    (r"`([^`<]+?)\s*<http[^`]*>`_*", r"\1"),  # a link in reStructuredText
    (r"\[`([^`]*)`\]", r"`\1`"),
    (r"`~?(?:[a-z_0-9]+\.)*(?=[A-Z]\w*[`.(])", "`"),  # the path before a class name
    (r"`+([^`]*)`+", r"\1"),
    (r"\*{1,2}(\w[^*]*\w)\*{1,2}", r"\1"),
    (r"\s+", " "),
)


@dataclass(frozen=True)
class Parameter:
    """One parameter of one class, everything as text.

    `kind` is the card's kind of the default: number or thing, and None where the default is no
    fact worth asking for (True, False, None, a container).
    """

    library: str
    owner: str
    name: str
    type: str
    default: str
    kind: str | None
    about: str

    @property
    def id(self) -> str:
        return f"{self.library}.{self.owner}.{self.name}"

    @property
    def first(self) -> str:
        """The first sentence of the description, without its full stop."""
        return sentences(self.about)[0].rstrip(".").replace('"', "'")

    @property
    def default_is_fact(self) -> bool:
        """The default can be asked for, and the description does not speak of another one."""
        return self.kind is not None and "default" not in self.about.lower()

    @property
    def type_is_plain(self) -> bool:
        """The type is short and clear, and more than true or false."""
        clear = not any(word in self.type for word in ("Any", "Callable", "object"))
        return clear and len(self.type) <= 30 and self.type not in ("bool", "bool or None")

    @property
    def meaning_is_telling(self) -> bool:
        """The first sentence has 4 to 20 words and does not give the name away."""
        name, first = self.name.lower(), self.first.lower()
        told = name in first or name.replace("_", " ") in first
        return 4 <= len(first.split()) <= 20 and not told


def clean(text: str) -> str:
    """Text without Markdown, reStructuredText and HTML, on one line."""
    for pattern, plain in MARKUP:
        text = re.sub(pattern, plain, text, flags=re.IGNORECASE if "deprecated" in pattern else 0)
    return text.strip()


def sentences(text: str) -> list[str]:
    """Split at sentence ends; abbreviations such as e.g. do not end one."""
    ends = [match.start() + 1 for match in SENTENCE_END.finditer(text)]
    return [text[a:b].strip() for a, b in zip([0, *ends], [*ends, len(text)], strict=True)]


def describe(text: str) -> str:
    """The first one or two sentences, at most LONGEST words together; "" if none is usable.

    A sentence that states the default is left out: the passage says it once, in our words. The
    text ends before a sentence with a bare link or an open bracket, or one that announces a list.
    """
    kept: list[str] = []
    for sentence in sentences(clean(text)):
        if CLAIM.match(sentence):
            continue
        longer = len(" ".join([*kept, sentence]).split()) > LONGEST
        unfinished = kept and sentence[-1] not in ".?)"
        if longer or unfinished or len(kept) == 2 or not _usable(sentence):
            break
        start = sentence[0].upper() if re.match(r"[a-z]{3,} ", sentence) else sentence[0]
        kept.append(start + sentence[1:].rstrip(".") + ".")
    return " ".join(kept)


def _usable(sentence: str) -> bool:
    whole = sentence.count("(") == sentence.count(")") and not sentence.endswith((":", ","))
    return bool(sentence) and whole and "http" not in sentence


def read_entries(doc: str, names: set[str]) -> dict[str, tuple[str, str]]:
    """Name -> (type as written, first paragraph) of the parameters a docstring lists."""
    found: dict[str, tuple[str, str]] = {}
    lines = inspect.cleandoc(doc).splitlines()
    for at, line in enumerate(lines):
        head = ENTRY.match(line)
        if head and head[2] in names and head[2] not in found:
            below = _paragraph(lines[at + 1 :], depth=len(head[1]), begun=bool(head[4]))
            found[head[2]] = (head[3], " ".join([head[4], *below]))
    return found


def _paragraph(lines: list[str], depth: int, begun: bool) -> Iterator[str]:
    for line in lines:
        text = line.strip()
        outside = len(line) - len(line.lstrip()) <= depth
        if (not text and begun) or (text and outside) or ITEM.match(line):
            return
        begun = begun or bool(text)
        yield text


def read_notes(cls: type, names: set[str]) -> dict[str, tuple[str, str]]:
    """As read_entries, from the nearest class that says something; field help comes last."""
    notes: dict[str, tuple[str, str]] = {}
    if is_dataclass(cls):
        notes |= {f.name: ("", f.metadata["help"]) for f in fields(cls) if "help" in f.metadata}
    for above in reversed(cls.__mro__[:-1]):
        notes |= read_entries(above.__dict__.get("__doc__") or "", names)
    return notes


def clean_type(annotation: Any) -> str:
    """An annotation in words: Optional[list[str]] becomes "list[str] or None"; "" if unknown."""
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    try:
        words = list(dict.fromkeys(_type_words(ast.parse(text, mode="eval").body)))
    except SyntaxError:
        return ""
    return " or ".join(sorted(words, key=lambda word: word == "None"))


def _type_words(node: ast.AST) -> list[str]:
    if isinstance(node, ast.BinOp):
        return _type_words(node.left) + _type_words(node.right)
    if isinstance(node, ast.Constant):
        name = type(node.value).__name__
        return [{"NoneType": "None", "ellipsis": "..."}.get(name, name)]
    if not isinstance(node, ast.Subscript):
        word = ast.unparse(node).split(".")[-1]
        return [{"List": "list", "Dict": "dict", "NoneType": "None"}.get(word, word)]
    outer = _type_words(node.value)[0]
    inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    words = [_type_words(part) for part in inside]
    if outer in ("Optional", "Union", "Literal"):
        return sum(words, []) + ["None"] * (outer == "Optional")
    return [f"{outer}[{', '.join(' or '.join(part) for part in words)}]"]


def written_type(head: str) -> str:
    """The type in a docstring's brackets, such as "`int` or `str`, *optional*", in words."""
    return clean_type(re.sub(r",\s*\*?optional.*", "", head).replace("`", "").replace(" or ", "|"))


def signature(cls: type) -> dict[str, tuple[Any, Any]]:
    """Name -> (annotation, default) of what the class takes; container factories are called."""
    made = {f.name: f.default_factory for f in fields(cls)} if is_dataclass(cls) else {}
    found = {}
    for name, item in list(inspect.signature(cls.__init__).parameters.items())[1:]:
        if item.kind in (item.VAR_KEYWORD, item.VAR_POSITIONAL):
            continue
        factory = made.get(name, MISSING)
        safe = factory in (list, dict, set) or getattr(factory, "__name__", "") == "<lambda>"
        found[name] = (item.annotation, factory() if safe else item.default)
    return found


def show(value: Any) -> str | None:
    """A default as the passage writes it; None for what cannot be written as a plain value."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return value if value.strip() else "an empty string"
    if isinstance(value, (list, tuple, dict, set)) and not value:
        return f"an empty {type(value).__name__}"
    plain = value is None or isinstance(value, (bool, int, float, list, tuple, dict))
    return repr(value) if plain else None


def kind_of(value: Any) -> str | None:
    """number or thing; None for booleans, None, containers, and text that is empty or "none"."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str) and value.strip().lower() in ("", "none"):
        return None
    return {int: "number", float: "number", str: "thing"}.get(type(value))


def find_classes(wanted: dict[str, tuple[str, ...]]) -> dict[type, str]:
    """Class -> library for library -> class names, as far as the installed versions have them."""
    found: dict[type, str] = {}
    for library, names in wanted.items():
        module = importlib.import_module(library.replace("-", "_"))
        found |= {getattr(module, name): library for name in names if hasattr(module, name)}
    return found


def read_parameters(chosen: dict[type, str]) -> Iterator[Parameter]:
    """What each class defines itself, or gives another default than the nearest chosen base.

    chosen: class -> name of its library. Parameters without type or description are left out.
    """
    for cls, library in chosen.items():
        base = next((above for above in cls.__mro__[1:] if above in chosen), None)
        inherited = signature(base) if base else {}
        own = signature(cls)
        notes = read_notes(cls, set(own))
        for name, (annotation, default) in own.items():
            if name in inherited and inherited[name][1] == default:
                continue
            head, text = notes.get(name, ("", ""))
            unknown = annotation is inspect.Parameter.empty
            kind = written_type(head) if unknown else clean_type(annotation)
            shown, about = show(default), describe(text)
            if kind and shown is not None and about and "deprecated" not in about.lower():
                asked = kind_of(default)
                yield Parameter(library, cls.__name__, name, kind, shown, asked, about)
