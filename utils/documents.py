"""Documents of one's own: a JSON Lines file of passages, or a folder of text cut into chunks."""

from __future__ import annotations

import re
from pathlib import Path

from utils.data import DataError, Passage, load_passages

SUFFIXES = (".txt", ".md")
CHUNK_WORDS = 90
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")


def load_documents(path: Path) -> list[Passage]:
    """Passages from a JSON Lines file, or from the .txt and .md files below a folder.

    Raises DataError: nothing there, no text in it, or a broken line.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder: check the path")
    if path.suffix.lower() in SUFFIXES:
        found = chunk(_read(path), path.name)
    else:
        found = load_passages(path)
    if not found:
        raise DataError(f"{path}: holds no passage: give at least one")
    return found


def chunk(text: str, name: str, words: int = CHUNK_WORDS) -> list[Passage]:
    """Cut a document at its headings, then between paragraphs, into chunks of about `words` words.

    Each chunk's title is the document's title and its heading, so that "Its mayor is ..."
    still says whose. Ids are `name#1`, `name#2`, ...
    """
    title = Path(name).stem.replace("_", " ").replace("-", " ")
    chunks: list[tuple[str, str]] = []
    for heading, body in _sections(text):
        if heading and not chunks and not body:
            title = heading
            continue
        shown = title if heading in ("", title) else f"{title}: {heading}"
        chunks += [(shown, piece) for piece in _pieces(body, words)]
    return [Passage(f"{name}#{i}", shown, piece) for i, (shown, piece) in enumerate(chunks, 1)]


def _folder(folder: Path) -> list[Passage]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"{folder}: holds no .txt or .md file: put your documents there")
    found = [p for file in files for p in chunk(_read(file), file.relative_to(folder).as_posix())]
    if not found:
        raise DataError(f"{folder}: its files hold no text: put your documents there")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}): save it as UTF-8") from None


def _sections(text: str) -> list[tuple[str, str]]:
    """(heading, body) in order; a body before the first heading has the heading ""."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        match = HEADING.match(line)
        if match:
            found.append((match[2], []))
        else:
            found[-1][1].append(line)
    sections = [(heading, "\n".join(lines).strip()) for heading, lines in found]
    return [(heading, body) for heading, body in sections if heading or body]


def _pieces(body: str, words: int) -> list[str]:
    """Paragraphs joined up to `words` words; a longer paragraph is cut between sentences."""
    units = [u for p in re.split(r"\n\s*\n", body) for u in _units(" ".join(p.split()), words)]
    pieces: list[str] = []
    for unit in units:
        if pieces and len(pieces[-1].split()) + len(unit.split()) <= words:
            pieces[-1] += " " + unit
        else:
            pieces.append(unit)
    return pieces


def _units(paragraph: str, words: int) -> list[str]:
    if not paragraph:
        return []
    if len(paragraph.split()) <= words:
        return [paragraph]
    return re.split(r"(?<=[.!?])\s+", paragraph)
