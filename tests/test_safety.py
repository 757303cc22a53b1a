"""What no file of the course may do: unpickle, trust foreign code, call a shell, name our disks.

The rules read the source and run none of it. They catch slips, not someone who hides a call.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
THIS = Path(__file__).resolve()  # left out: it holds the planted samples
MADE = {"results", "runs", "build"}  # folders at the root that git ignores
PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
LOADERS = {"load", "loads", "open", "Unpickler"}
SAFE_YAML = {"SafeLoader", "CSafeLoader"}
YAML_LOAD = {"yaml.load", "yaml.load_all"}
YAML_BAD = {"yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"}
RUNS_TEXT = {"eval", "exec", "builtins.eval", "builtins.exec"}
RUN = re.compile(r": (eval|exec) runs text as code$")  # the exercises' own cases; utils/evaluate.py
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
HOME = re.compile(r"(?<![\w.~}])/(?:home|root|work|Users)/[\w.$-]|\b[A-Za-z]:[\\/]+Users[\\/]+\w")


def tracked() -> list[Path]:
    """The files that git tracks or would track; without git, all but hidden and made ones."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        names = [name.decode("utf-8") for name in listed.split(b"\0") if name]
        paths = [ROOT / name for name in names]
    except (OSError, subprocess.CalledProcessError):
        paths = sorted(path for path in ROOT.rglob("*") if not left_out(path.relative_to(ROOT)))
    return [path for path in paths if path.is_file() and path != THIS]


def left_out(path: Path) -> bool:
    """True for what git would ignore: made folders, and hidden ones other than .ci."""
    hidden = any(part.startswith(".") and part != ".ci" for part in path.parts)
    cached = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)
    return hidden or cached or path.parts[0] in MADE


def faults(source: str) -> list[str]:
    """A sentence with its line number for each thing that a Python source must not do."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [f"line {error.lineno}: it is not Python that can be read"]
    names = imports(tree)
    found = [(node.lineno, fault) for node in ast.walk(tree) for fault in of_node(node, names)]
    return [f"line {line}: {fault}" for line, fault in sorted(set(found))]


def imports(tree: ast.AST) -> dict[str, str]:
    """Local name -> full dotted name, for all that a tree imports."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The full name that an expression such as `np.load` stands for; "" for any other."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def of_node(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    """The faults of one node of a tree, those of its children left out."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        yield from of_name(dotted(node, names))
    elif isinstance(node, ast.Call):
        options = {option.arg: option.value for option in node.keywords if option.arg}
        yield from of_options(options)
        yield from of_call(dotted(node.func, names), node.args, options, names)
    elif isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        pairs = zip(keys, node.values, strict=True)
        yield from of_options({key: value for key, value in pairs if isinstance(key, str)})


def of_name(name: str) -> Iterator[str]:
    """Names that are a fault even when not called, since they can be called elsewhere."""
    top, _, rest = name.partition(".")
    if (top in PICKLES and rest.split(".")[-1] in LOADERS) or name == "pandas.read_pickle":
        yield f"{name} unpickles, which can run code that a file brings"
    if name in YAML_BAD:
        yield f"{name} makes any object that a file names; use yaml.safe_load"
    if name in SHELLS:
        yield f"{name} hands text to a shell; use subprocess.run with a list"


def of_options(options: dict[str, ast.expr]) -> Iterator[str]:
    """Options that must be False or absent, whatever they are given to."""
    for name in ("trust_remote_code", "allow_pickle", "shell"):
        value = options.get(name)
        if value is not None and not (isinstance(value, ast.Constant) and value.value is False):
            yield f"{name} must be False"


def of_call(
    name: str, args: list[ast.expr], options: dict[str, ast.expr], names: dict[str, str]
) -> Iterator[str]:
    """Calls that are a fault by themselves, or for want of an option."""
    if name in RUNS_TEXT:
        yield f"{name} runs text as code"
    if name == "torch.load":
        only = options.get("weights_only")
        if not (isinstance(only, ast.Constant) and only.value is True):
            yield "torch.load without weights_only=True unpickles"
    if name in YAML_LOAD:
        loader = options.get("Loader") or (args[1] if len(args) > 1 else None)
        if loader is None or dotted(loader, names).split(".")[-1] not in SAFE_YAML:
            yield f"{name} without SafeLoader makes any object; use yaml.safe_load"


def machine_paths(text: str) -> list[str]:
    """The lines of a text that hold an absolute path below the home of some machine."""
    lines = enumerate(text.splitlines(), 1)
    return [f"line {i}: {line.strip()[:80]}" for i, line in lines if HOME.search(line)]


def text_of(path: Path) -> str:
    """The text of a file, or "" for one that is not UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_python_file_does_what_is_forbidden():
    paths = [path for path in tracked() if path.suffix == ".py"]
    assert {ROOT / "tools" / "bootstrap.py", ROOT / "utils" / "card.py"} <= set(paths)
    found = {path.relative_to(ROOT).as_posix(): faults(text_of(path)) for path in paths}
    found["utils/evaluate.py"] = [f for f in found["utils/evaluate.py"] if not RUN.search(f)]
    assert {name: listed for name, listed in found.items() if listed} == {}


def test_no_text_file_holds_a_path_of_one_machine():
    found = {str(path.relative_to(ROOT)): machine_paths(text_of(path)) for path in tracked()}
    assert {name: listed for name, listed in found.items() if listed} == {}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import pickle\npickle.load(file)", "line 2: pickle.load unpickles"),
        ("import pickle as p\np.Unpickler(file).load()", "pickle.Unpickler unpickles"),
        ("from pickle import loads as read\nread(b'')", "pickle.loads unpickles"),
        ("import dill\nread = dill.loads", "dill.loads unpickles"),
        ("import cloudpickle\ncloudpickle.loads(b'')", "cloudpickle.loads unpickles"),
        ("def f():\n    import joblib\n    joblib.load('x')", "line 3: joblib.load unpickles"),
        ("import pandas as pd\npd.read_pickle('x')", "pandas.read_pickle unpickles"),
        ("import numpy as np\nnp.load('x', allow_pickle=True)", "allow_pickle must be False"),
        ("import torch\ntorch.load('x')", "torch.load without weights_only=True"),
        ("import torch\ntorch.load('x', weights_only=False)", "torch.load without"),
        ("from torch import load\nload('x')", "torch.load without weights_only=True"),
        ("M.from_pretrained('x', trust_remote_code=True)", "trust_remote_code must be False"),
        ("M.from_pretrained('x', trust_remote_code=flag)", "trust_remote_code must be False"),
        ("options = {'trust_remote_code': True}", "trust_remote_code must be False"),
        ("eval('1')", "eval runs text as code"),
        ("import builtins\nbuiltins.exec('1')", "builtins.exec runs text"),
        ("import yaml\nyaml.load(text)", "yaml.load without SafeLoader"),
        ("import yaml\nyaml.load(text, Loader=yaml.Loader)", "yaml.load without SafeLoader"),
        ("import yaml\nyaml.unsafe_load(text)", "use yaml.safe_load"),
        ("import subprocess\nsubprocess.run('ls', shell=True)", "shell must be False"),
        ("from subprocess import Popen\nPopen('ls', shell=1)", "shell must be False"),
        ("import os\nos.system('ls')", "os.system hands text to a shell"),
        ("def broken(:", "line 1: it is not Python"),
    ],
)
def test_a_planted_fault_is_caught(source, fault):
    found = faults(source)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.dumps(1)",
        "import json\njson.load(file)",
        "import torch\ntorch.load('x', weights_only=True)",
        "M.from_pretrained('x', trust_remote_code=False)",
        "model.eval()",
        "frame.eval('a + b')",
        "import ast\nast.literal_eval('1')",
        "import yaml\nyaml.safe_load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
        "from yaml import CSafeLoader as L, load\nload(text, L)",
        "import subprocess\nsubprocess.run(['ls'], check=True)",
        "'eval(x); pickle.load(y)'",
    ],
)
def test_harmless_code_passes(source):
    assert faults(source) == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /home/ada/course",
        "see file:///Users/ada/x.ipynb",
        '"path": "/home/ann/.cache/hub"',
        "open('/Users/ann/data')",
        r"C:\Users\ada\course",
        r'"C:\\Users\\ada"',
    ],
)
def test_a_planted_path_is_caught(line):
    assert machine_paths(f"first\n{line}\nlast") == [f"line 2: {line}"]


@pytest.mark.parametrize(
    "line",
    [
        "https://example.org/home/about",
        "~/home/course",
        "./Users/x and ../home/y",
        "data/home/x",
        "f'{tmp_path}/home/x'",
        "/usr/bin/env python3",
        "work / home / root",
    ],
)
def test_other_paths_pass(line):
    assert machine_paths(line) == []


def test_without_git_the_same_sources_are_looked_at(monkeypatch):
    def absent(*args, **options):
        raise FileNotFoundError("git")

    with_git = {path for path in tracked() if path.suffix == ".py"}
    monkeypatch.setattr(subprocess, "run", absent)
    assert with_git <= set(tracked())
