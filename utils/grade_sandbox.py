"""Where a learner's code runs while it is graded: a folder of its own, in bubblewrap if it works.

In the sandbox there is no network, a process table of its own, and a file system that holds the
system, this Python, the course without its exercises, data and models, all read-only, and a small
/tmp. Without it the code runs as this account in a temporary folder: it is stopped at the limits,
and nothing keeps it from this account's files, processes and network.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from utils.cache import cache_folder

ROOT = Path(__file__).resolve().parent.parent
KEPT_BACK = {"check.py", "judge.py", "progress.py", "feedback.py", "grade.py"}
OURS = ("grade_", "exercise_")  # how the names of the other files begin that are kept back
LEARNERS = {"grade_learner.py", "grade_slice.py"}  # but for these
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "localtime")
NOBODY = "65534"
MODULE = "utils.grade_learner"
MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one submission may use. timeout: seconds in all, None for what its lesson needs.

    memory: MB of all its processes; disk: MB it may write; processes: at a time; files: open ones
    a process; threads: that numerical libraries start.
    """

    timeout: float | None = None
    memory: int = 3000
    disk: int = 64
    processes: int = 64
    files: int = 256
    threads: int = 1


@dataclass(frozen=True)
class Box:
    """How to start the learner's process; `folder` is to be removed afterwards."""

    command: list[str]
    env: dict[str, str]
    folder: Path
    sandboxed: bool


@functools.cache
def no_sandbox() -> str:
    """Why bubblewrap cannot be used here, as a sentence; "" when it can. It is tried once."""
    if sys.platform != "linux":
        return "bubblewrap runs on Linux only"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed; on Debian and Ubuntu: apt-get install bubblewrap"
    command = [*isolated(Limits()), "--ro-bind", "/", "/", "--", "true"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap cannot be started: {error}"
    if tried.returncode == 0:
        return ""
    said = (tried.stderr.strip().splitlines() or ["it gives no reason"])[0]
    return f"bubblewrap does not work here (0.8 or newer is needed): {said}"


def isolated(limits: Limits) -> list[str]:
    """bubblewrap and its options, but for what is mounted and set."""
    command = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
    command += ["--uid", NOBODY, "--gid", NOBODY, "--hostname", "sandbox"]
    return [*command, "--die-with-parent", "--new-session", "--clearenv"]


def make_box(limits: Limits, sandboxed: bool, secrets: tuple[str, ...] = ()) -> Box:
    """A fresh folder with the learner's copy of the course, and the command to start in it.

    secrets: files and folders of the grader, to be covered where a mounted folder holds them.
    """
    folder = Path(tempfile.mkdtemp(prefix="form-and-facts-grade-"))
    try:
        stage(folder / "course" / "utils")
        (folder / "work").mkdir()
        argument = learners_limits(limits)
        if sandboxed:
            (folder / "course" / "data").mkdir()  # where the data will be mounted
            command = [*isolated(limits), *mounts(folder, limits, secrets)]
            for name, value in environment("/course", "/tmp", "/cache", limits).items():
                command += ["--setenv", name, value]
            command += ["--", sys.executable, "-m", MODULE, argument]
            return Box(command, dict(os.environ), folder, True)
        link(ROOT / "data", folder / "course" / "data")
        cache = str(cache_folder())
        env = environment(str(folder / "course"), str(folder / "work"), cache, limits)
        env |= {name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR") if name in os.environ}
        return Box([sys.executable, "-m", MODULE, argument], env, folder, False)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def learners_limits(limits: Limits) -> str:
    """The first argument of the learner's process; see utils.grade_learner.limit."""
    import json

    import psutil

    account = 0
    for process in psutil.process_iter():  # the limit counts the threads of the whole account
        try:
            account += process.num_threads() if process.username() == me() else 0
        except psutil.Error:
            continue
    return json.dumps(
        {
            "data": 2 * limits.memory * MB,  # much of it is never touched; utils.grade_kernel looks
            "cpu": int(limits.timeout or 600) * max(1, limits.threads),
            "disk": limits.disk * MB,
            "files": limits.files,
            "processes": account + 4 * limits.processes,
        }
    )


@functools.cache
def me() -> str:
    """The name of this account, as psutil gives it."""
    import psutil

    return psutil.Process().username()


def stage(target: Path) -> None:
    """Copy utils without the exercises and the grader; its `check` is one that does nothing."""
    target.mkdir(parents=True)
    for path in sorted((ROOT / "utils").glob("*.py")):
        ours = path.name.startswith(OURS) and path.name not in LEARNERS
        if not (ours or path.name in KEPT_BACK):
            shutil.copy2(path, target / path.name)
    shutil.copy2(ROOT / "utils" / "grade_inert.py", target / "check.py")


def link(source: Path, target: Path) -> None:
    """A link to a folder; a copy where the system gives no links."""
    try:
        target.symlink_to(source, target_is_directory=True)
    except OSError:
        shutil.copytree(source, target)


def environment(course: str, work: str, cache: str, limits: Limits) -> dict[str, str]:
    """The variables of the learner's process, and no others."""
    names = ("FORM_AND_FACTS_MODEL", "FORM_AND_FACTS_EMBEDDER")
    named = {name: os.environ[name] for name in names if os.environ.get(name, "").strip()}
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "0"}
    same = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "MPLBACKEND": "agg", "USER": "learner"}
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1", "PYTHONPATH": course}
    homes = {name: work for name in ("HOME", "MPLCONFIGDIR", "IPYTHONDIR", "HF_HOME", "TEMP")}
    own = {"FORM_AND_FACTS_CACHE": cache, "FORM_AND_FACTS_TRAIN": "0"}
    own["FORM_AND_FACTS_PROGRESS"] = f"{work}/progress.json"
    threads = {name: str(limits.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return {**named, **offline, **same, **quiet, **homes, **own, **threads, "PATH": path}


def mounts(folder: Path, limits: Limits, secrets: tuple[str, ...]) -> list[str]:
    """The options of bubblewrap that build the file system, in their order."""
    options = []
    for place in SYSTEM:
        if os.path.islink(place):
            options += ["--symlink", os.readlink(place), place]
    options += [part for name in ETC for part in ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")]
    room = str(limits.disk * MB)
    options += ["--proc", "/proc", "--dev", "/dev", "--size", room, "--tmpfs", "/dev/shm"]
    options += ["--remount-ro", "/dev", "--size", room, "--tmpfs", "/tmp"]
    options += layers(shown(), secrets)  # after /tmp: Python may lie there
    options += ["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    options += ["--ro-bind", str(folder / "course"), "/course"]
    options += ["--ro-bind", str(ROOT / "data"), "/course/data"]
    options += ["--ro-bind-try", str(cache_folder()), "/cache"]
    return [*options, "--remount-ro", "/", "--chdir", "/tmp"]


def shown() -> set[Path]:
    """The folders of this machine that the sandbox shows: the system, Python, named models."""
    found = {Path(place) for place in SYSTEM if Path(place).is_dir() and not os.path.islink(place)}
    prefixes = {Path(sys.prefix), Path(sys.base_prefix)}
    named = (os.environ.get(f"FORM_AND_FACTS_{kind}", "") for kind in ("MODEL", "EMBEDDER"))
    models = {Path(name).expanduser() for name in named if name and Path(name).is_dir()}
    return found | prefixes | {path.resolve() for path in prefixes} | models


def layers(shown: set[Path], secrets: tuple[str, ...]) -> list[str]:
    """Mounts from the outermost inward: a secret inside of a folder shown is covered."""
    options = {path: ["--ro-bind", str(path), str(path)] for path in shown}
    for name in (str(ROOT), *secrets):
        path = Path(name).resolve()
        if any(path.is_relative_to(folder) for folder in shown):
            cover = ["--tmpfs"] if path.is_dir() else ["--ro-bind", "/dev/null"]
            options[path] = [*cover, str(path)]
    ordered = sorted(options, key=lambda path: len(path.parts))
    return [part for path in ordered for part in options[path]]
