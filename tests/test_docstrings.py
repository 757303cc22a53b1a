"""The extractor on made-up classes: signatures, types, defaults, and descriptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Optional, Union

import pytest

from utils.docstrings import Parameter, clean, clean_type, describe, kind_of, read_parameters, show


class Colour(StrEnum):
    RED = "red"


@dataclass
class Base:
    """Made up.

    Args:
        size (`int`, *optional*, defaults to 3):
            The size of the **whole** thing, see [`~lib.module.Thing`]. Defaults to 3. It must be
            positive, e.g. 1 or 2.

            A second paragraph that is not read.
        note (`str`): One line only
        old (`int`): Deprecated. Use `size`.
    """

    size: int = 3
    note: Optional[str] = None  # noqa: UP045
    old: int = 0
    silent: int = 1


@dataclass
class Child(Base):
    """Made up too.

    Args:
        colours (`list[str]`):
            Which colours may be used:

            - red
            - blue
        shade (`Colour`): The shade of the first colour that is used. Possible shades are:
        names: not in the form that is read
    """

    size: int = 4
    shade: Union[Colour, str] = Colour.RED  # noqa: UP007
    colours: list = field(default_factory=lambda: ["red"])
    names: list = field(default_factory=list, metadata={"help": "The names from the field's help"})


class Plain:
    """Made up, without annotations.

    Args:
        rate (`float` or `str`, *optional*): The rate at which it goes.
        kwargs (`dict`): Left out.
    """

    def __init__(self, rate=0.5, **kwargs):
        pass


def read(*classes: type) -> dict[str, Parameter]:
    return {parameter.id: parameter for parameter in read_parameters(dict.fromkeys(classes, "lib"))}


def test_a_parameter_is_read_from_signature_and_docstring() -> None:
    found = read(Base)
    assert set(found) == {"lib.Base.size", "lib.Base.note"}
    assert found["lib.Base.size"] == Parameter(
        "lib", "Base", "size", "int", "3", "number",
        "The size of the whole thing, see Thing. It must be positive, e.g. 1 or 2.",
    )  # fmt: skip
    note = found["lib.Base.note"]
    assert (note.type, note.default, note.kind) == ("str or None", "None", None)
    assert note.about == "One line only."


def test_an_inherited_parameter_counts_where_its_default_changes() -> None:
    found = read(Base, Child)
    assert "lib.Child.note" not in found and found["lib.Child.size"].default == "4"
    assert found["lib.Child.size"].about == found["lib.Base.size"].about
    alone = read(Child)
    assert "lib.Child.note" in alone


def test_enums_containers_and_help() -> None:
    found = read(Child)
    shade = found["lib.Child.shade"]
    assert (shade.type, shade.default, shade.kind) == ("Colour or str", "red", "thing")
    assert shade.about == "The shade of the first colour that is used."
    assert found["lib.Child.names"].about == "The names from the field's help."
    assert found["lib.Child.names"].default == "an empty list"
    assert "lib.Child.colours" not in found  # its only sentence announces a list


def test_a_type_may_come_from_the_docstring() -> None:
    assert [(p.name, p.type, p.default) for p in read(Plain).values()] == [
        ("rate", "float or str", "0.5")
    ]


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (int, "int"),
        (Optional[int], "int or None"),  # noqa: UP045
        ("None | str | list[str]", "str or list[str] or None"),
        ("Optional[Union[List[str], str]]", "list[str] or str or None"),
        (Literal["a", "b"], "str"),
        (Union[bool, Literal["a"], None], "bool or str or None"),  # noqa: UP007
        (dict[str, Any], "dict[str, Any]"),
        ("a.b.C | Callable[..., int]", "C or Callable[..., int]"),
        ("not a type", ""),
    ],
)
def test_types_in_words(annotation: Any, wanted: str) -> None:
    assert clean_type(annotation) == wanted


@pytest.mark.parametrize(
    ("value", "shown", "kind"),
    [
        (5e-5, "5e-05", "number"),
        (-1, "-1", "number"),
        (0, "0", "number"),
        (True, "True", None),
        (None, "None", None),
        ("linear", "linear", "thing"),
        ("none", "none", None),
        ("", "an empty string", None),
        ({}, "an empty dict", None),
        (["a"], "['a']", None),
        (object(), None, None),
    ],
)
def test_defaults(value: Any, shown: str | None, kind: str | None) -> None:
    assert (show(value), kind_of(value)) == (shown, kind)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("See ``a.b`` and `c`.", "See a.b and c."),
        ("A [link](https://x.y/z) and <a href='https://x'>more</a>.", "A link and more."),
        ("The :class:`~a.b.C` or [`~a.b.C.make`].", "The C or C.make."),
        ("The `page <https://x.y>`_ says.", "The page says."),
        ("Use `torch.<device>.a()`, 0 < b < 1.", "Use torch.<device>.a(), 0 < b < 1."),
        ("Very **bold** and *soft*\n   lines.", "Very bold and soft lines."),
    ],
)
def test_markup_is_removed(text: str, wanted: str) -> None:
    assert clean(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("one two. Three. Four.", "One two. Three."),
        ("the first word. Defaults to 3.", "The first word."),
        ("Kept. Not kept (since this is open. And this.", "Kept."),
        ("Kept. Choices are:", "Kept."),
        ("See https://x.y first. Then.", ""),
        ("word " * 60, ""),
        ("Short. " + "Word " * 44 + "end.", "Short."),
        ("", ""),
    ],
)
def test_descriptions_end_with_a_sentence(text: str, wanted: str) -> None:
    assert describe(text) == wanted


@pytest.mark.parametrize(
    ("about", "telling"),
    [
        ("The pace at which it goes.", True),
        ("The learning rate of it all.", False),
        ("What learning_rate means to us.", False),
        ("Too short.", False),
    ],
)
def test_a_meaning_does_not_give_the_name_away(about: str, telling: bool) -> None:
    parameter = Parameter("lib", "C", "learning_rate", "float", "0.1", "number", about)
    assert parameter.meaning_is_telling is telling
