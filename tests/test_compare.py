"""JSON forms and their comparison, against json itself and against plain equality."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
from collections import Counter, OrderedDict, deque, namedtuple
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from utils.compare import difference, same, show
from utils.jsonform import DEEPEST, MOST, Gap, NotJson, to_json

LEAVES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text()
JSON = st.recursive(LEAVES, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=20)
Pair = namedtuple("Pair", "a b")


class Colour(enum.Enum):
    RED = "red"


class Model(BaseModel):
    a: int | None


@dataclasses.dataclass
class Data:
    x: float
    y: list


@given(JSON)
def test_json_values_are_their_own_form_and_equal_themselves(value):
    form = to_json(value)
    assert repr(form) == repr(value) and same(form, value)
    assert difference(form, value) is None
    assert repr(json.loads(json.dumps(form))) == repr(value)


@given(JSON, JSON)
def test_two_values_are_the_same_as_their_json_text_says(a, b):
    text = [json.dumps(x, sort_keys=True) for x in (a, b)]
    if text[0] == text[1]:
        assert same(a, b)
    assert same(a, b) == same(b, a)
    if same(a, b):
        assert difference(a, b) is None
    assert isinstance(show(a), str) and len(show(a)) <= 250


@given(st.floats(-1e6, 1e6), st.floats(0, 10), st.floats(0, 1))
def test_a_tolerance_is_absolute_and_reaches_every_number(x, off, tolerance):
    near = abs((x + off) - x) <= tolerance
    assert same([{"a": x + off}], [{"a": x}], tolerance) == near


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("ba"), ["a", "b"]),
        (deque([1]), [1]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.items(), [["a", 1]]),
        ({1: "a", None: 2, False: 3}, {"1": "a", "null": 2, "false": 3}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(b=1), {"b": 1}),
        (Pair(1, 2), [1, 2]),
        (Data(1.5, [Data(2, [])]), {"x": 1.5, "y": [{"x": 2, "y": []}]}),
        (Model(a=None), {"a": None}),
        (Colour.RED, "red"),
        (Fraction(1, 4), 0.25),
        (decimal.Decimal("0.5"), 0.5),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(7), 7),
        (np.array(["a"]), ["a"]),
        ([np.int64(1), np.str_("x")], [1, "x"]),
    ],
)
def test_forms(value, form):
    assert repr(to_json(value)) == repr(form)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (object(), "an object of type object"),
        ((x for x in "ab"), "a generator, which gives its items only once"),
        (iter([]), "a list_iterator, which"),
        (map(str, []), "a map, which"),
        (print, "the builtin_function_or_method itself: are the brackets"),
        (int, "the type itself"),
        (b"bytes", "an object of type bytes"),
        (1j, "an object of type complex"),
        ({(1, 2): 3}, "a dict whose keys are neither text nor numbers"),
        ([0] * (MOST + 1), "a list of 100,001 items, which holds more than the 100,000 values"),
        (np.zeros(MOST + 1), "an array of 100,001 numbers"),
        (range(10**9), "a range of 1,000,000,000 items"),
        (range(10**30), "an object of type range that cannot be read"),
        ([[0] * 60_000] * 2, "a list of 60,000 items"),
        (1 << 9_999, "a whole number of 10,000 bits"),
    ],
)
def test_what_has_no_form_is_named(value, what):
    with pytest.raises(NotJson) as caught:
        to_json(value)
    assert what in str(caught.value)


def test_depth_cycles_and_gaps():
    deep = []
    for _ in range(DEEPEST - 1):
        deep = [deep]
    assert to_json(deep) == deep
    with pytest.raises(NotJson, match="nested more than 50 deep"):
        to_json([[deep]])
    loop = {}
    loop["self"] = loop
    with pytest.raises(NotJson, match="nested"):
        to_json(loop)
    for value in (..., [1, ...], {"a": ...}):
        with pytest.raises(Gap):
            to_json(value)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, False, False),
        ("1", 1, False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (math.inf, 1e308, False),
        (10**400, 1.5, False),
        (10**400, 10**400 + 1, False),
        ([1, 2], [1, 2, 3], False),
        ({"a": 1}, {"b": 1}, False),
    ],
)
def test_edges_of_same(a, b, equal):
    assert same(a, b, 0.1) == same(b, a, 0.1) == equal


@pytest.mark.parametrize(
    ("got", "want", "sentence"),
    [
        (1, 2, None),
        ("a", "b", None),
        ("A b", "ab", "yours differs only in spaces or capital letters"),
        ("1", 1, "yours is a string, and a number is wanted"),
        ([1], {}, "yours is a list, and a dict is wanted"),
        ([1], [1, 2], "yours has 1 item; wanted: 2"),
        ([1, {"k": [3]}], [1, {"k": [4]}], "yours[1]['k'][0] is 3, and 4 is wanted"),
        ({}, {"a": 1}, "yours has no key 'a'"),
        ({"a": 1, "z": 0}, {"a": 1}, "yours has a key too much, 'z'"),
    ],
)
def test_difference(got, want, sentence):
    assert difference(got, want) == sentence
