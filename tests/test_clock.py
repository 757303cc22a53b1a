"""The clock, on a time that the test turns."""

from __future__ import annotations

import pytest

from utils import clock


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    return now


def test_of_phases_in_each_other_the_inner_one_counts(hands) -> None:
    made = clock.Clock()
    with made.phase("loading"):
        hands[0] += 1
        with made.phase("training"):
            hands[0] += 10
        hands[0] += 2
    hands[0] += 100  # belongs to no phase
    with made.phase("loading"):
        hands[0] += 4
    assert made.spent == {"loading": 7, "training": 10}


def test_a_phase_that_fails_is_counted_and_closed(hands) -> None:
    made = clock.Clock()
    with pytest.raises(KeyError), made.phase("outer"), made.phase("inner"):
        hands[0] += 3
        raise KeyError
    with made.phase("next"):
        hands[0] += 5
    assert made.spent == {"outer": 0, "inner": 3, "next": 5}
