"""The check-up: is everything here that the course needs, and if not, which command mends it?

`python -m utils.doctor` prints a line a check and ends with 0 when all is well, else 1.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA, RESULTS = ROOT / "data", ROOT / "results"
REQUIREMENTS = ROOT / "requirements.txt"
OLDEST = (3, 11)
GB, GIB = 10**9, 2**30
DISK_BEFORE, DISK_AFTER, MEMORY = 2.0, 0.5, 4.0  # GB before and after the models are there; GiB
HOSTED = ("CONDA_PREFIX", "COLAB_RELEASE_TAG", "KAGGLE_URL_BASE")  # an environment of their own
CONTAINER = ("/.dockerenv", "/run/.containerenv")  # so is a container
INSTALL = "run: python -m pip install -r requirements.txt"
FETCH = "run: python -m utils.models"
AGAIN = "run: python -m utils.doctor"


@dataclass(frozen=True)
class Finding:
    """The result of one check; `mend` ends in a command and is empty when `ok`."""

    name: str
    ok: bool
    message: str
    mend: str = ""

    def __str__(self) -> str:
        if self.ok:
            return f"[ok] {self.name}: {self.message}"
        return f"[mend] {self.name}: {self.message.rstrip('.')}. {self.mend}"


Found = tuple[str, str]  # message and mend; the mend is "" when all is well


def check_python() -> Found:
    """Python is new enough."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= OLDEST:
        return version, ""
    mend = "install Python 3.11 or newer and run: python3.11 -m venv .venv"
    return f"this is Python {version}, and 3.11 is the oldest that works", mend


def check_environment() -> Found:
    """Packages go to an environment of the project, not to the system's Python."""
    own, here = ROOT / ".venv", Path(sys.prefix).resolve()
    if own.is_dir() and here != own.resolve():
        script = r".venv\Scripts\activate" if os.name == "nt" else ". .venv/bin/activate"
        return f"Python runs from {here}, not from the project's .venv", f"run: {script}"
    whole = any(mark in os.environ for mark in HOSTED) or any(Path(m).exists() for m in CONTAINER)
    if sys.prefix != sys.base_prefix or whole:
        return str(here), ""
    return "this is the system's Python, with no environment", "run: python -m venv .venv"


def check_packages() -> Found:
    """Each pin of requirements.txt is met; a local version such as 2.13.0+cpu equals 2.13.0."""
    if "google.colab" in sys.modules:
        return importlib.import_module("utils.colab").packages_found()
    if not REQUIREMENTS.is_file():
        return "requirements.txt is missing", "run: git checkout requirements.txt"
    pins = read_pins(REQUIREMENTS.read_text(encoding="utf-8"))
    faults = [fault for name, wanted in pins.items() if (fault := package_fault(name, wanted))]
    return "; ".join(faults) or f"{len(pins)} as pinned", INSTALL if faults else ""


def read_pins(text: str) -> dict[str, str]:
    """Name -> version of the lines name==version that apply to this machine."""
    from packaging.requirements import Requirement

    pins = {}
    for line in text.splitlines():
        line = line.split("#")[0].split("--hash")[0].rstrip("\\").strip()
        if not line or line.startswith("-"):
            continue
        wanted = Requirement(line)
        applies = wanted.marker is None or wanted.marker.evaluate()
        for pin in wanted.specifier if applies else ():
            if pin.operator == "==":
                pins[wanted.name] = pin.version
    return pins


def package_fault(name: str, wanted: str) -> str | None:
    """What is wrong with a package, None if it is the one pinned."""
    from packaging.version import Version

    try:
        there = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing ({wanted} is needed)"
    if Version(there).public == Version(wanted).public:
        return None
    return f"{name} is {there}, not {wanted}"


def check_torch() -> Found:
    """torch is there, once: a second copy on the path hides the first."""
    spots = [Path(entry or ".").resolve() / "torch" for entry in sys.path]
    copies = list(dict.fromkeys(spot for spot in spots if (spot / "__init__.py").is_file()))
    if not copies:
        return "torch is missing", INSTALL
    if len(copies) > 1:
        mend = f"run: python -m pip uninstall -y torch; then {INSTALL}"
        return f"torch is there twice, in {' and '.join(map(str, copies))}", mend
    return f"{metadata.version('torch')}, one copy", ""


def check_disk() -> Found:
    """There is room in the cache folder: more before the models are there than afterwards."""
    from utils.models import cache_folder

    folder = existing(cache_folder())
    free = shutil.disk_usage(folder).free / GB
    needed = DISK_BEFORE if model_faults() else DISK_AFTER
    if free >= needed:
        return f"{free:.1f} GB free in {folder}", ""
    mend = f"free some, or set FORM_AND_FACTS_CACHE to a folder on another disk, then {AGAIN}"
    return f"{free:.1f} GB free in {folder}, and {needed} GB are needed", mend


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(spot for spot in (path, *path.parents) if spot.exists())


def model_faults() -> list[str]:
    """What is wrong with the models in the cache; one that a variable names is not looked for."""
    from utils.cache import fault
    from utils.models import WHEELS, cache_folder

    kept = {wheel for variable, wheel in WHEELS.items() if not os.environ.get(variable, "").strip()}
    reasons = {wheel.name: fault(cache_folder() / wheel.folder) for wheel in kept}
    return sorted(f"{name} {reason}" for name, reason in reasons.items() if reason)


def check_models() -> Found:
    """Both models are in the cache, complete, or named by the learner."""
    faults = model_faults()
    if faults:
        return "; ".join(faults), FETCH
    from utils.models import embedder_source, model_source

    return f"{model_source()} and {embedder_source()}", ""


def check_memory() -> Found:
    """Enough memory is free for a training run."""
    import psutil

    free = min(psutil.virtual_memory().available, container_memory()) / GIB
    if free >= MEMORY:
        return f"{free:.1f} GiB available", ""
    mend = f"close other programs and running notebooks, then {AGAIN}"
    return f"{free:.1f} GiB available, and {MEMORY:.0f} GiB are needed", mend


def container_memory(folder: Path = Path("/sys/fs/cgroup")) -> float:
    """Bytes left under the limit of a container, infinite where there is none."""
    try:
        limit = float((folder / "memory.max").read_text().replace("max", "inf"))
        used = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return limit - used + int(stat["inactive_file"])
    except (OSError, ValueError, KeyError):
        return float("inf")


def check_device() -> Found:
    """The device and dtype that the lessons will compute with."""
    from utils.models import device_and_dtype

    device, dtype = device_and_dtype()
    return f"{device}, {str(dtype).removeprefix('torch.')}, {os.cpu_count()} CPU cores", ""


def check_data() -> Found:
    """The data files are there and can be read."""
    files = [path for path in sorted(DATA.rglob("*")) if path.is_file()]
    for path in files:
        with path.open("rb") as file:
            file.read(1)
    if not files:
        return f"the folder {DATA.name} is missing or empty", "run: git checkout data"
    return f"{len(files)} files in {DATA.name}", ""


def check_results() -> Found:
    """What the lessons measure can be written down."""
    folder = existing(RESULTS)
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror})", f"run: chmod u+w {folder}"
    return f"{RESULTS.name} can be written", ""


CHECKS: dict[str, tuple[Callable[[], Found], str]] = {  # the mend is for a check that fails itself
    "python": (check_python, AGAIN),
    "environment": (check_environment, AGAIN),
    "packages": (check_packages, INSTALL),
    "torch": (check_torch, INSTALL),
    "disk": (check_disk, INSTALL),
    "memory": (check_memory, INSTALL),
    "models": (check_models, FETCH),
    "device": (check_device, INSTALL),
    "data": (check_data, "run: git checkout data"),
    "results": (check_results, AGAIN),
}


def contained(name: str) -> Finding:
    """The finding of one check; whatever goes wrong inside becomes one with a mend."""
    check, mend = CHECKS[name]
    try:
        message, wrong = check()
        return Finding(name, not wrong, message, wrong)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return Finding(name, False, f"the check failed ({reason})", mend)


def check_up() -> list[Finding]:
    """All findings, in the order in which they are best mended."""
    return [contained(name) for name in CHECKS]


def main() -> int:
    """Print a line a check; 0 when all are ok, else 1."""
    findings = check_up()
    print(*findings, sep="\n")
    return int(not all(finding.ok for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
