"""The notebooks of a class, out of a folder or a zip, each with the name of its owner.

Understood are a folder of notebooks, a folder with a folder a person, and what Moodle, Canvas and
nbgrader hand out. Nothing is opened that is not a plain file: links are named and left alone. Of a
zip, notebooks alone are unpacked, one by one under numbers of our own, up to a size.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from utils.grade_notebook import LARGEST
from utils.grade_records import EMPTY, INVALID, Submission

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)
MOODLE = re.compile(r"(.+?)_\d+_assignsubmission_(?:file|onlinetext)(?:_.*)?")
CANVAS = re.compile(r"(.+?)(?:_LATE)?_\d+_\d+(?:_.*)?")
WRAPPERS = {"submitted", "submissions"}  # folders that are nobody's name
SKIPPED = {"__MACOSX", "__pycache__"}
ENTRIES = 100_000  # files in a zip
TOTAL = 5_000_000_000  # bytes of all notebooks in a zip, unpacked
LINK = "it is a link, which is not followed; put the file itself there"
OUTSIDE = "its path in the zip leads outside; pack the zip again"


class SubmissionsError(Exception):
    """Submissions that cannot be read at all; the message says why and how to mend it."""


@dataclass(frozen=True)
class Entry:
    """A file among the submissions: its path there, where it is, or why it is not opened."""

    file: PurePosixPath
    path: str = ""
    fault: str = ""


def find(source: Path, scratch: Path, stems: tuple[str, ...] = ()) -> list[Submission]:
    """All submissions, sorted by file. Raises SubmissionsError.

    scratch: a folder for what a zip holds; stems: names of lessons, as in 01_measure_first, which
    are no part of a person's name.
    """
    if source.is_dir():
        entries = sorted(walk(source, source), key=lambda entry: entry.file)
        folders = sorted(p.name for p in source.iterdir() if p.is_dir() and not p.is_symlink())
        wrapper = ""
    elif zipfile.is_zipfile(source):
        entries = sorted(unpack(source, scratch), key=lambda entry: entry.file)
        folders, wrapper = [], source.stem
    else:
        raise SubmissionsError(f"{source} is neither a folder nor a zip; give one of the two")
    inner = next((w for w in (*WRAPPERS, wrapper) if w and all_below(entries, w)), "")
    owners: dict[str, list[Entry]] = {}
    for name in folders:
        if not hidden(name) and name != inner:
            owners.setdefault(name, [])
    for entry in entries:
        owners.setdefault(owner_key(entry.file, inner), []).append(entry)
    found = [s for key, own in owners.items() for s in submissions(key, own, stems)]
    return sorted(found, key=lambda submission: submission.file)


def all_below(entries: list[Entry], folder: str) -> bool:
    """True when every file lies in one folder of that name."""
    files = [entry.file.parts for entry in entries]
    return bool(files) and all(len(parts) > 1 and parts[0] == folder for parts in files)


def owner_key(file: PurePosixPath, wrapper: str) -> str:
    """The folder that a file lies in, below a wrapper; the file itself at the top."""
    parts = file.parts[1:] if wrapper and file.parts[0] == wrapper else file.parts
    return parts[0]


def submissions(key: str, entries: list[Entry], stems: tuple[str, ...]) -> Iterator[Submission]:
    """The notebooks of a folder or a file; one empty submission where there is none."""
    name = person(key, stems)
    books = [entry for entry in entries if NOTEBOOK.search(entry.file.name) or entry.fault]
    for entry in books:
        problem = (INVALID, entry.fault) if entry.fault else None
        yield Submission(name, entry.file.as_posix(), entry.path, problem=problem)
    if not books:
        others = ", ".join(entry.file.name for entry in entries[:3])
        told = f"there is no notebook, only {others}" if others else "the folder is empty"
        yield Submission(name, key, problem=(EMPTY, told))


def person(key: str, stems: tuple[str, ...]) -> str:
    """The name in a folder's or a file's name, as Moodle and Canvas and people write it."""
    name = NOTEBOOK.sub("", key)
    for pattern in (MOODLE, CANVAS):
        if found := pattern.fullmatch(name):
            return found[1]
    for stem in stems:
        if found := re.fullmatch(rf"(?:(.+?)[-_ ]+{stem}.*|{stem}[-_ ]+(.+))", name):
            return found[1] or found[2]
    return name


def hidden(name: str) -> bool:
    """True for what no person handed in: hidden files and folders that programs make."""
    return (name.startswith(".") and name != "..") or name in SKIPPED


def walk(folder: Path, top: Path) -> Iterator[Entry]:
    """The files below a folder. Links are not followed, nor devices and pipes opened."""
    for path in folder.iterdir():
        file = PurePosixPath(path.relative_to(top).as_posix())
        mode = path.lstat().st_mode
        if hidden(path.name):
            continue
        if stat.S_ISLNK(mode):
            yield Entry(file, fault=LINK)
        elif stat.S_ISDIR(mode):
            yield from walk(path, top)
        elif stat.S_ISREG(mode):
            yield Entry(file, str(path))
        else:
            yield Entry(file, fault="it is no plain file")


def unpack(source: Path, scratch: Path) -> Iterator[Entry]:
    """The files of a zip; its notebooks are written to scratch, up to TOTAL bytes."""
    left = TOTAL
    with zipfile.ZipFile(source) as archive:
        infos = archive.infolist()
        if len(infos) > ENTRIES:
            raise SubmissionsError(f"{source} holds {len(infos):,} files; {ENTRIES:,} are the most")
        for number, info in enumerate(infos):
            file = PurePosixPath(info.filename.replace("\\", "/"))
            if info.is_dir() or not file.parts or any(map(hidden, file.parts)):
                continue
            fault = unsafe(info, file)
            if fault or not NOTEBOOK.search(file.name):
                yield Entry(inside(file), fault=fault)
                continue
            path = scratch / f"{number:06d}.ipynb"
            size, fault = extract(archive, info, path, min(LARGEST, left))
            left -= size
            yield Entry(file, str(path), fault)


def unsafe(info: zipfile.ZipInfo, file: PurePosixPath) -> str:
    """Why an entry of a zip is not opened; "" when it may be."""
    drive = re.match(r"[A-Za-z]:", info.filename)
    if file.is_absolute() or ".." in file.parts or drive or "\0" in info.filename:
        return OUTSIDE
    if stat.S_ISLNK(info.external_attr >> 16):
        return LINK
    return "it is encrypted; unpack it yourself" if info.flag_bits & 1 else ""


def inside(file: PurePosixPath) -> PurePosixPath:
    """A path to show, without what leads outside."""
    parts = [part for part in file.parts if not re.fullmatch(r"\.\.|[/\\]+|[A-Za-z]:", part)]
    return PurePosixPath(*parts) if parts else PurePosixPath("unnamed")


def extract(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, most: int
) -> tuple[int, str]:
    """Unpack one file: the bytes written, and a fault when it is broken or too large."""
    size = 0
    try:
        with archive.open(info) as packed, path.open("wb") as target:
            while piece := packed.read(1 << 20):
                size += len(piece)
                if size > most:
                    path.unlink()
                    return size, "unpacked it is larger than is allowed"
                target.write(piece)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        return size, f"it cannot be unpacked: {error}"
    return size, ""
