"""Google Colab: put the course first on the path and install what it needs and Colab lacks.

The first cell of every notebook runs this file by its path, before `utils` can be imported.
Never changed are torch, what Colab pins, and what this session has imported and cannot import
anew, such as compiled modules: replacing those would call for a restart. It can be run any number
of times.
"""

from __future__ import annotations

import contextlib
import importlib
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OUR_OWN = {"jupyterlab", "jupytext", "nbclient", "nbformat"}  # Colab has a page of its own
COLABS = {"torch", "torchvision", "torchaudio", "ipywidgets"}  # of its build, and of its page
KERNEL = {"ipykernel", "ipython", "jupyter-client", "jupyter-core", "traitlets"}  # at work now
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
Owners = Mapping[str, list[str]]  # name of a module -> the packages that bring it


class ColabError(RuntimeError):
    """The course cannot be made ready; the message says why in one sentence, with the mend."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this instead of a traceback
        return [str(self)]


def main() -> None:
    """Make the course ready and say so in one line. Raises ColabError."""
    first_on_path(ROOT)
    sys.modules.setdefault(HIDDEN, None)  # type: ignore[arg-type]  # None: as if not installed
    there, owners = installed(), metadata.packages_distributions()
    if "torch" not in there:
        raise ColabError(NO_TORCH)
    fixed = held(there, owners)
    lacking, left = sorted_out(ranges(ROOT), there, fixed)
    print("Form & Facts: ", end="")
    if lacking:
        begun = time.monotonic()
        print(f"installing {few([need.name for need in lacking])} ... ", end="", flush=True)
        install(lacking, fixed)
        forget(there, owners)
        print(f"done in {time.monotonic() - begun:.0f} s", end="")
    else:
        print("nothing to install", end="")
    told = f", as are {in_words(left, there)}" if left else ""
    print(f"; torch {there['torch']} is left as it was{told}.")


def packages_found() -> tuple[str, str]:
    """For the check-up: what there is to say of the packages, and the mend, "" when all is well."""
    there = installed()
    fixed = held(there, metadata.packages_distributions())
    lacking, left = sorted_out(ranges(ROOT), there, fixed)
    if lacking:
        wrong = f"{few([need.name for need in lacking])} missing or out of range"
        return wrong, "run the first cell of the notebook again"
    told = f", but for {in_words(left, there)}, which Colab holds" if left else ""
    return f"as pyproject.toml asks{told}", ""


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


def held(there: Versions, owners: Owners) -> Versions:
    """What stays as it is: Colab's own, what Colab pins, what cannot be imported anew."""
    tops = {name.partition(".")[0] for name, module in [*sys.modules.items()] if compiled(module)}
    loaded = {name.partition(".")[0] for name in sys.modules}
    tops |= {name for name in loaded if len(set(owners.get(name, ()))) > 1}  # shared, like google
    names = COLABS | KERNEL | {package for name in tops for package in owners.get(name, ())}
    with contextlib.suppress(metadata.PackageNotFoundError):
        names |= {Requirement(line).name for line in metadata.requires("google-colab") or ()}
    wanted = {canonicalize_name(name) for name in names}
    return {name: there[name] for name in sorted(wanted & there.keys())}


def compiled(module: object) -> bool:
    """True for an imported extension module, which a process can load but once."""
    origin = getattr(getattr(module, "__spec__", None), "origin", None) or ""
    return origin.endswith(tuple(EXTENSION_SUFFIXES))


def forget(before: Versions, owners: Owners) -> None:
    """Let the next import of a package that has been replaced read the new one."""
    after = installed()
    for name in [*sys.modules]:
        packages = {canonicalize_name(p) for p in owners.get(name.partition(".")[0], ())}
        if any(p in before and before[p] != after.get(p) for p in packages):
            del sys.modules[name]


def ranges(root: Path) -> list[Requirement]:
    """What the lessons need, as pyproject.toml says; not torch, nor what only JupyterLab needs."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    needs = [Requirement(line) for line in tomllib.loads(text)["project"]["dependencies"]]
    return [need for need in needs if need.name not in OUR_OWN | {"torch"}]


def sorted_out(
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


def in_words(names: list[str], there: Versions) -> str:
    return ", ".join(f"{name} {there[name]}" for name in names)


def few(names: list[str]) -> str:
    """At most three names in words, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


if __name__ == "__main__":
    main()
