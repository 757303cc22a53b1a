"""What pip says while it fetches a model, and what we make of it. No network."""

from __future__ import annotations

import sys

import pytest

from utils import fetch
from utils.cache import GENERATOR
from utils.fetch import ModelError

PIP = [
    ("WARNING: Retrying after NewConnectionError\nERROR: No matching", "connect to a network, or"),
    ("python: No module named pip", "python -m ensurepip --upgrade"),
    ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full; free"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n  Expected", "sha256 we pinned"),
    ("ERROR: first\nERROR: second\nhint", "(ERROR: second); check that your registry"),
    ("", "(it wrote nothing)"),
]


@pytest.mark.parametrize(("output", "wanted"), PIP)
def test_what_pip_says_becomes_one_sentence(tmp_path, monkeypatch, output, wanted):
    monkeypatch.setattr(fetch, "run_pip", lambda *args: (1, output))
    with pytest.raises(ModelError) as error:
        fetch.download(GENERATOR, tmp_path, print)
    assert wanted in str(error.value) and "\n" not in str(error.value)


def test_progress_is_said_while_pip_runs(tmp_path, monkeypatch):
    said: list[str] = []
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'import time; time.sleep(0.5)'\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    assert fetch.run_pip([], tmp_path, said.append, pause=0.1) == (0, "")
    assert said and said[0] == "  0 MB so far"
