"""Google Colab: put the course first on the path and install what it needs and Colab lacks.

The first cell of every notebook runs this file by its path, before `utils` can be imported.
Never changed are torch, what Colab itself asks for, and what this session has imported already:
replacing those would call for a restart. It can be run any number of times.
"""

from __future__ import annotations

import contextlib
import importlib
import subprocess
import sys
import tempfile
import time
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OUR_OWN = {"jupyterlab", "jupytext", "nbclient", "nbformat"}  # Colab has a page of its own
COLABS = {"torch", "torchvision", "torchaudio", "ipywidgets"}  # of its build, and of its page
HIDDEN = "torchao"  # Colab's may be too old for peft, which stops at its sight; we need none
NO_TORCH = (
    "This runtime has no torch, and the course never installs it on Colab; choose a runtime that "
    "has it (menu Runtime, Change runtime type), then run this cell again."
)
PIP = "pip could not install {} ({}); {}"
BUSY = (
    "if another notebook's work is in this session, choose Runtime, Disconnect and delete "
    "runtime; then run this cell again, before any other."
)
Versions = dict[str, str]  # canonical name of a package -> its version


class ColabError(RuntimeError):
    """The course cannot be made ready; the message says why in one sentence, with the mend."""


def main() -> None:
    """Make the course ready and say so in one line. Raises ColabError."""
    first_on_path(ROOT)
    sys.modules.setdefault(HIDDEN, None)  # type: ignore[arg-type]  # None: as if not installed
    there = installed()
    if "torch" not in there:
        raise ColabError(NO_TORCH)
    fixed = {name: there[name] for name in sorted(untouchable() & there.keys())}
    lacking, left = sort(ranges(ROOT), there, fixed)
    print("Form & Facts: ", end="")
    if lacking:
        begun = time.monotonic()
        print(f"installing {few([need.name for need in lacking])} ... ", end="", flush=True)
        install(lacking, fixed)
        print(f"done in {time.monotonic() - begun:.0f} s", end="")
    else:
        print("nothing to install", end="")
    told = f", as are {', '.join(f'{name} {there[name]}' for name in left)}" if left else ""
    print(f"; torch {there['torch']} is left as it was{told}.")


def first_on_path(root: Path) -> None:
    """Make `import utils` mean the course's, whatever stands earlier on the path or is loaded."""
    sys.path[:] = [str(root), *(entry for entry in sys.path if entry != str(root))]
    file = getattr(sys.modules.get("utils"), "__file__", None)
    if file is None or Path(file).resolve() != root / "utils" / "__init__.py":
        for name in [name for name in sys.modules if name.partition(".")[0] == "utils"]:
            del sys.modules[name]
    importlib.invalidate_caches()


def installed() -> Versions:
    """All packages of this Python; of one that is there twice, the copy that is imported."""
    found: Versions = {}
    for package in metadata.distributions():
        if package.name:
            found.setdefault(canonicalize_name(package.name), package.version)
    return found


def untouchable() -> set[str]:
    """Packages that stay as they are: Colab's own, what it pins, and what is imported already."""
    owners = metadata.packages_distributions()
    loaded = {name.partition(".")[0] for name in sys.modules}
    names = COLABS | {package for name in loaded for package in owners.get(name, ())}
    with contextlib.suppress(metadata.PackageNotFoundError):
        names |= {Requirement(line).name for line in metadata.requires("google-colab") or ()}
    return {canonicalize_name(name) for name in names}


def ranges(root: Path) -> list[Requirement]:
    """What the lessons need, as pyproject.toml says; not torch, nor what only JupyterLab needs."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    needs = [Requirement(line) for line in tomllib.loads(text)["project"]["dependencies"]]
    return [need for need in needs if need.name not in OUR_OWN | {"torch"}]


def sort(
    needs: list[Requirement], there: Versions, fixed: Versions
) -> tuple[list[Requirement], list[str]]:
    """What to install, and the names of packages out of range that must stay nevertheless."""
    lacking, left = [], []
    for need in needs:
        name = canonicalize_name(need.name)
        if name in there and need.specifier.contains(there[name], prereleases=True):
            continue
        if name in fixed:
            left.append(name)
        else:
            lacking.append(need)
    return lacking, left


def install(needs: list[Requirement], fixed: Versions) -> None:
    """Install with pip and hold the fixed packages at their versions. Raises ColabError."""
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder) / "constraints.txt"
        held.write_text("".join(f"{name}=={v}\n" for name, v in fixed.items()), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--constraint", str(held), *map(str, needs)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    importlib.invalidate_caches()
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        last = next((line for line in lines if line.startswith("ERROR")), lines[-1])
        raise ColabError(PIP.format(few([need.name for need in needs]), last, BUSY))


def few(names: list[str]) -> str:
    """At most three names in words, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


if __name__ == "__main__":
    main()
