"""The answer card: the one JSON object the course teaches a model to write."""

from __future__ import annotations

import json
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Kind = Literal["number", "date", "person", "place", "thing"]
KINDS: tuple[str, ...] = get_args(Kind)


class Card(BaseModel):
    """One answer. Keys are written in this order: where from, what sort, what.

    The source comes first because a model that has named its passage then reads
    the value out of that passage (docs/log.md has the measurement).
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    source: str | None = Field(description="id of the passage about what was asked, or null")
    kind: Kind = Field(description="what sort of thing the answer is")
    answer: str | None = Field(description="a short string copied as written, or null")


class CardError(ValueError):
    """The text is not a card; the message says why in one sentence."""


def write_card(card: Card) -> str:
    """The card as one line of JSON, keys in the order of the model."""
    return json.dumps(card.model_dump(), ensure_ascii=False)


def parse_card(text: str) -> Card:
    """Read a card from text; white space around it is allowed, anything else is not.

    Raises CardError with the reason: not JSON, text around it, a wrong key or value.
    """
    stripped = text.strip()
    if not stripped:
        raise CardError("the text is empty")
    try:
        value = json.loads(stripped, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise CardError("the text is nested too deeply to be a card") from None
    except json.JSONDecodeError as error:
        raise CardError(_json_reason(stripped, error)) from None
    except CardError:
        raise
    except ValueError:  # Python reads no integer of more than some thousand digits
        raise CardError("the text holds a number too long to read") from None
    if not isinstance(value, dict):
        raise CardError(f"the text is a JSON {type(value).__name__}, not an object")
    try:
        card = Card.model_validate(value)
        write_card(card).encode("utf-8")
        return card
    except ValidationError as error:
        raise CardError("; ".join(_field_reason(item) for item in error.errors())) from None
    except UnicodeEncodeError:
        raise CardError("a value holds half a character, which no file can keep") from None


def is_card(text: str) -> bool:
    """True when the text is a valid card and nothing else."""
    try:
        parse_card(text)
    except CardError:
        return False
    return True


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise CardError("a key appears twice")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise CardError(f"{name} is not JSON")


def _json_reason(text: str, error: json.JSONDecodeError) -> str:
    if not text.startswith("{"):
        return "the text does not start with {"
    if error.msg == "Extra data":
        return f"there is text after the object, from character {error.pos + 1}"
    return f"the text is not JSON: {error.msg} at character {error.pos + 1}"


def _field_reason(item: dict) -> str:
    name = ".".join(str(part) for part in item["loc"]) or "card"
    if item["type"] == "missing":
        return f"the key {name!r} is missing"
    if item["type"] == "extra_forbidden":
        return f"the key {name!r} is not part of the card"
    if item["type"] == "literal_error":
        return f"{name!r} must be one of {', '.join(KINDS)}"
    return f"{name!r}: {item['msg']}"
