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

    Each chunk's title is the document's title and the headings above the chunk, so that "Its
    mayor is ..." still says whose. Ids are `name#1`, `name#2`, ...
    """
    sections = _sections(text)
    title = _title(sections, name)
    above: list[tuple[int, str]] = []
    chunks: list[tuple[str, str]] = []
    for level, heading, body in sections:
        if heading:
            above = [(depth, kept) for depth, kept in above if depth < level] + [(level, heading)]
        shown = ": ".join([title, *(kept for _, kept in above if kept != title)])
        chunks += [(shown, piece) for piece in _pieces(body, words)]
    return [Passage(f"{name}#{i}", shown, piece) for i, (shown, piece) in enumerate(chunks, 1)]


def _title(sections: list[tuple[int, str, str]], name: str) -> str:
    """The one first-level heading, or a heading alone at the top; else the file's name in words."""
    top = [heading for level, heading, _ in sections if level == 1]
    if len(top) == 1:
        return top[0]
    if sections and sections[0][1] and not sections[0][2]:
        return sections[0][1]
    return Path(name).stem.replace("_", " ").replace("-", " ")


def _folder(folder: Path) -> list[Passage]:
    files = sorted(p for p in folder.rglob("*") if _is_document(p, folder))
    if not files:
        raise DataError(f"{folder}: holds no .txt or .md file: put your documents there")
    found = [p for file in files for p in chunk(_read(file), file.relative_to(folder).as_posix())]
    if not found:
        raise DataError(f"{folder}: its files hold no text: put your documents there")
    return found


def _is_document(path: Path, folder: Path) -> bool:
    """Text, and not in a hidden folder: Jupyter keeps old copies in .ipynb_checkpoints."""
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and path.suffix.lower() in SUFFIXES and not hidden


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path") from None


def _sections(text: str) -> list[tuple[int, str, str]]:
    """(level, heading, body) in order; a body before the first heading has level 0, heading ""."""
    found: list[tuple[int, str, list[str]]] = [(0, "", [])]
    code = False
    for line in text.splitlines():
        code ^= line.lstrip().startswith("```")
        match = None if code else HEADING.match(line)
        if match:
            found.append((len(match[1]), match[2], []))
        else:
            found[-1][2].append(line)
    sections = [(level, heading, "\n".join(lines).strip()) for level, heading, lines in found]
    return [section for section in sections if section[1] or section[2]]


def _pieces(body: str, words: int) -> list[str]:
    """Paragraphs joined up to `words` words; a longer paragraph is cut between sentences,
    and a longer sentence between words."""
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
    sentences = [sentence.split() for sentence in re.split(r"(?<=[.!?])\s+", paragraph)]
    return [" ".join(s[i : i + words]) for s in sentences for i in range(0, len(s), words)]
