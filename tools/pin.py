"""Write requirements.txt: the exact version of every package that the course needs, here and now.

requirements-scale.txt and requirements-site.txt hold what the extras `scale` and `site` need beyond
that. `python tools/pin.py` writes all from the environment it runs in; `--check` compares only.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
REQUIREMENTS = ROOT / "requirements.txt"
SCALE = ROOT / "requirements-scale.txt"
SITE = ROOT / "requirements-site.txt"
NEVER = re.compile(r"(nvidia|cuda|(pytorch-)?triton)(-|$)")  # they come with a build of torch
HEADER = """\
# Made by `python tools/pin.py` from pyproject.toml; not to be edited.
# The exact versions of what the course needs and of what that needs in turn, tests included,
# as installed on Linux with Python 3.11. tools/bootstrap.py installs torch first, by itself.
# Left to pip: the packages of torch's GPU builds, and those that only another system or
# another Python asks for (such as pywinpty and colorama on Windows, appnope on macOS).
"""
SCALE_HEADER = """\
# Made by `python tools/pin.py` from the extra `scale` of pyproject.toml; not to be edited.
# What sweeps with Ray need beyond requirements.txt. `make test` installs it, `make run` does not:
# python -m pip install -c requirements.txt -r requirements-scale.txt
"""
SITE_HEADER = """\
# Made by `python tools/pin.py` from the extra `site` of pyproject.toml; not to be edited.
# What `make site` needs beyond requirements.txt; it installs it, and so does `make test`:
# python -m pip install -c requirements.txt -r requirements-site.txt
"""

Installed = tuple[str, list[str]]  # version, and requirements as in the package's metadata
Lookup = Callable[[str], Installed | None]  # None for a package that is not installed


class PinError(Exception):
    """The pins cannot be told; the message says why in one sentence, with the mend."""


def installed(name: str) -> Installed | None:
    """What importlib.metadata knows of a package of the running environment."""
    try:
        return metadata.version(name), metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return None


def wanted(pyproject: str, *extras: str) -> list[Requirement]:
    """The dependencies in the text of a pyproject.toml, those of `dev` and these extras too."""
    project = tomllib.loads(pyproject)["project"]
    lines = list(project["dependencies"])
    for extra in ("dev", *extras):
        lines += project.get("optional-dependencies", {}).get(extra, [])
    return [Requirement(line) for line in lines]


def closure(
    roots: Iterable[Requirement], lookup: Lookup = installed, mend: str = "make setup"
) -> dict[str, str]:
    """Canonical name -> public version of the roots and all they need. PinError if one is absent.

    Markers are judged for the running Python and system.
    """
    pins: dict[str, str] = {}
    done: set[tuple[str, str]] = set()
    waiting = [(root, "pyproject.toml") for root in roots if applies(root, "")]
    while waiting:
        need, asker = waiting.pop()
        name = canonicalize_name(need.name)
        extras = {"", *need.extras} - {extra for seen, extra in done if seen == name}
        if NEVER.match(name) or not extras:
            continue
        found = lookup(name)
        if found is None:
            raise PinError(f"{name} is not installed and {asker} needs it; run: {mend}")
        pins[name] = Version(found[0]).public
        done |= {(name, extra) for extra in extras}
        waiting += [(r, name) for r in map(Requirement, found[1]) if applies(r, *extras)]
    return pins


def applies(need: Requirement, *extras: str) -> bool:
    """True when the marker of a requirement holds here, with one of the extras asked for."""
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)


def outside(roots: Iterable[Requirement], pins: dict[str, str]) -> list[str]:
    """A sentence for each root that has no pin, or whose pin is not in its range."""
    faults = []
    for root in roots:
        pin = pins.get(canonicalize_name(root.name))
        if pin is None:
            faults.append(f"{root.name} has no pin")
        elif not root.specifier.contains(pin, prereleases=True):
            faults.append(f"{root.name} {pin} is not in the range {root.specifier}")
    return faults


def read(text: str) -> dict[str, str]:
    """Name -> version of the pins in the text of a requirements.txt."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return {name: pin for name, _, pin in (line.partition("==") for line in lines if line)}


def write(pins: dict[str, str], header: str = HEADER) -> str:
    """The text of a requirements file: the header, then a pin a line, sorted by name."""
    return header + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


def differences(text: str, pins: dict[str, str], header: str = HEADER) -> list[str]:
    """A sentence for each pin that is stale, missing or too much in the text of a file."""
    there, faults = read(text), []
    for name in sorted(there | pins):
        if name not in pins:
            faults.append(f"{name}=={there[name]} is no longer needed")
        elif name not in there:
            faults.append(f"{name}=={pins[name]} is not listed")
        elif there[name] != pins[name]:
            faults.append(f"{name}=={there[name]} is listed, and {pins[name]} is installed")
    if not faults and text != write(pins, header):
        faults.append("the pins are right, but the header or the order of the lines is not")
    return faults


def beyond(pyproject: str, extra: str, pins: dict[str, str], lookup: Lookup) -> dict[str, str]:
    """What an extra needs besides the pins of all. Raises PinError."""
    found = closure(wanted(pyproject, extra), lookup, f"make {extra}")
    return {name: pin for name, pin in found.items() if name not in pins}


def main(arguments: list[str], lookup: Lookup = installed) -> int:
    """Write the pins, or with --check compare them: 0 when all is well, else 1 and the reasons."""
    text = PYPROJECT.read_text(encoding="utf-8")
    try:
        pins = closure(wanted(text), lookup)
        extras = {name: beyond(text, name, pins, lookup) for name in ("scale", "site")}
    except PinError as error:
        print(error, file=sys.stderr)
        return 1
    every = {**extras["scale"], **extras["site"], **pins}
    faults = outside(wanted(text, *extras), every)
    headers = {"scale": (SCALE, SCALE_HEADER), "site": (SITE, SITE_HEADER)}
    files = [(REQUIREMENTS, pins, HEADER)]
    files += [(path, extras[n], header) for n, (path, header) in headers.items() if extras[n]]
    if "--check" in arguments:
        for path, wants, header in files:
            there = path.read_text(encoding="utf-8") if path.is_file() else ""
            faults += differences(there, wants, header)
    if faults:
        mend = "mend pyproject.toml or the environment, then run: python tools/pin.py"
        print(*faults, mend, sep="\n", file=sys.stderr)
        return 1
    if "--check" not in arguments:
        for path, wants, header in files:
            path.write_text(write(wants, header), encoding="utf-8")
    print(f"{len(every)} packages pinned")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
