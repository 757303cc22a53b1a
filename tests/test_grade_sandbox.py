"""What the learner's process is given to see, and the limits that it runs under."""

from __future__ import annotations

import contextlib
import json
import sys

import pytest

from submissions import make
from utils.grade_one import grade_one
from utils.grade_records import Settings, Submission
from utils.grade_sandbox import ROOT, Limits, layers, no_sandbox, stage


def test_neither_exercises_nor_the_grader_reach_the_learners_copy(tmp_path):
    stage(tmp_path / "utils")
    names = {path.name for path in tmp_path.rglob("*")}
    assert {"card.py", "evaluate.py", "grade_learner.py", "check.py"} <= names
    assert not {"judge.py", "exercise_data.py", "grade_one.py", "grade.py", "exercises"} & names
    assert "def passed" in (tmp_path / "utils" / "check.py").read_text("utf-8")
    with contextlib.suppress(FileNotFoundError):
        wanted = json.loads((ROOT / "utils/exercises/solutions.json").read_text("utf-8"))["1.4"]
        assert not [p for p in tmp_path.rglob("*.py") if wanted in p.read_text("utf-8")]


def test_secrets_inside_of_folders_shown_are_covered(tmp_path):
    shown = tmp_path / "python"
    secret, inner = shown / "class", shown / "class" / "env"
    inner.mkdir(parents=True)
    (shown / "hidden.toml").write_text("x")
    options = layers({shown, inner}, (str(secret), str(shown / "hidden.toml"), str(tmp_path / "o")))
    assert options[:3] == ["--ro-bind", str(shown), str(shown)]
    assert options[-3:] == ["--ro-bind", str(inner), str(inner)]
    assert ["--tmpfs", str(secret)] == options[options.index("--tmpfs") :][:2]
    assert options[options.index("/dev/null") + 1] == str(shown / "hidden.toml")
    assert str(tmp_path / "o") not in options


def test_limits_reach_the_learners_process():
    code = "import resource\nfound = resource.getrlimit(resource.RLIMIT_NOFILE)[0]"
    code += "\ndef wilson(k, n): return found"
    book = make.submission(make.answers() | {"1.4": code})
    if sys.platform == "win32":
        pytest.skip("no limits there")
    one = Submission("ada", "ada.ipynb", data=json.dumps(book).encode("ascii"))
    result = grade_one(one, Settings(sandbox=not no_sandbox(), limits=Limits(files=99)))
    assert any("yours:        99" in line for line in result.feedback), result.feedback
