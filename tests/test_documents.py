"""Documents of one's own: what becomes of files, folders, headings and long paragraphs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.data import DataError, Passage, write_lines
from utils.documents import CHUNK_WORDS, chunk, load_documents
from utils.prompts import titled

VELLMAR = """# Vellmar

A town on the Orle.

## People

Its mayor is Ada Holm.

### Trades

Its baker is Jon Brack.

## Bridges

Its bridge is old.
"""
LINES = st.lists(
    st.sampled_from(["", "# Top", "## Part", "#### Deep", "One two three. Four five.", "six"])
    | st.text(st.characters(codec="utf-8"), max_size=30)
)


def shown(text: str, name: str = "town_book.md") -> list[tuple[str, str]]:
    """(title, text) of each chunk."""
    return [(passage.title, passage.text) for passage in chunk(text, name)]


def test_a_chunk_carries_the_headings_above_it() -> None:
    assert shown(VELLMAR) == [
        ("Vellmar", "A town on the Orle."),
        ("Vellmar: People", "Its mayor is Ada Holm."),
        ("Vellmar: People: Trades", "Its baker is Jon Brack."),
        ("Vellmar: Bridges", "Its bridge is old."),
    ]
    mayor = chunk(VELLMAR, "town_book.md")[1]
    assert titled(mayor) == "Vellmar: People: Its mayor is Ada Holm."


TITLES = [
    ("plain text", "a", [("town book", "a")]),
    ("title, then parts", "# T\n\n# A\na\n\n# B\nb", [("T: A", "a"), ("T: B", "b")]),
    ("two of the first level", "# A\na\n# B\nb", [("town book: A", "a"), ("town book: B", "b")]),
    ("no first level", "## A\na\n## B\nb", [("town book: A", "a"), ("town book: B", "b")]),
    ("text above the title", "x\n# T\na\n## P\np", [("T", "x"), ("T", "a"), ("T: P", "p")]),
    ("the title again", "# T\n## P\np\n## T\na", [("T: P", "p"), ("T", "a")]),
    ("marks on both sides", "## A ##\na", [("town book: A", "a")]),
    ("a hash that is none", "#1 of 3", [("town book", "#1 of 3")]),
    ("a comment in code", "# T\n```\n# pip\n```", [("T", "``` # pip ```")]),
    ("headings only", "# T\n\n## P\n", []),
    ("paragraphs", "a\nb\n\n  c  d\n", [("town book", "a b c d")]),
    ("windows lines", "# T\r\n\r\na\r\nb\r\n", [("T", "a b")]),
]


@pytest.mark.parametrize(("text", "wanted"), [c[1:] for c in TITLES], ids=[c[0] for c in TITLES])
def test_titles(text: str, wanted: list[tuple[str, str]]) -> None:
    assert shown(text) == wanted


def test_paragraphs_are_joined_up_to_the_limit_and_not_beyond() -> None:
    text = "\n\n".join(["one two three", "four five", "six", "seven eight nine ten eleven"])
    found = [passage.text for passage in chunk(text, "a.txt", words=5)]
    assert found == ["one two three four five", "six", "seven eight nine ten eleven"]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = "One two three. Four five? Six seven eight nine! Ten."
    found = [passage.text for passage in chunk(text, "a.txt", words=5)]
    assert found == ["One two three. Four five?", "Six seven eight nine! Ten."]


def test_a_long_sentence_is_cut_between_words() -> None:
    words = [f"w{i}" for i in range(2 * CHUNK_WORDS + 7)]
    found = [passage.text.split() for passage in chunk(" ".join(words), "a.txt")]
    assert [len(piece) for piece in found] == [CHUNK_WORDS, CHUNK_WORDS, 7]
    assert sum(found, []) == words


@settings(deadline=None)
@given(LINES, st.integers(1, 8))
def test_no_word_is_lost_and_no_chunk_is_too_long(lines: list[str], words: int) -> None:
    body = [line for line in "\n".join(lines).splitlines() if not line.startswith("#")]
    text = "\n".join(body)
    found = chunk(text, "a.txt", words)
    assert " ".join(passage.text for passage in found).split() == text.split()
    assert all(0 < len(passage.text.split()) <= words for passage in found)
    assert all(passage.title == "a" for passage in found)


@settings(deadline=None)
@given(LINES, st.integers(1, 8))
def test_ids_count_up_and_texts_are_never_empty(lines: list[str], words: int) -> None:
    found = chunk("\n".join(lines), "a.md", words)
    assert [passage.id for passage in found] == [f"a.md#{i + 1}" for i in range(len(found))]
    assert all(passage.text.strip() and passage.title.strip() for passage in found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two texts of the same name, one in a folder below, and files that are no documents."""
    texts = {
        "town.md": VELLMAR,
        "below/town.md": "# Brack\nIts mayor is Bo Lind.",
        "below/NOTES.TXT": "A note.",
        "picture.png": "not text",
        "empty.txt": " \n",
        ".ipynb_checkpoints/town-checkpoint.md": "An old copy.",
        "below/.hidden.md": "Hidden.",
    }
    for name, text in texts.items():
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "own"


def test_a_folder_gives_its_texts_in_order_with_ids_of_their_own(folder: Path) -> None:
    found = load_documents(folder)
    ids = ["below/NOTES.TXT#1", "below/town.md#1", *(f"town.md#{i}" for i in range(1, 5))]
    assert [passage.id for passage in found] == ids
    assert found[1] == Passage("below/town.md#1", "Brack", "Its mayor is Bo Lind.")


def test_one_file_is_cut_as_in_a_folder(folder: Path) -> None:
    whole = load_documents(folder)
    assert load_documents(folder / "town.md") == whole[2:]
    assert load_documents(str(folder / "below" / "NOTES.TXT"))[0].text == "A note."


def test_a_byte_order_mark_is_not_part_of_the_title(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbf# Town\nx")
    assert load_documents(tmp_path)[0].title == "Town"


def test_json_lines_are_taken_as_they_are(tmp_path: Path) -> None:
    wanted = [Passage("a", "A", "word " * 500), Passage("b", "", "y")]
    write_lines(tmp_path / "own.jsonl", wanted)
    assert load_documents(tmp_path / "own.jsonl") == wanted


BROKEN = [
    ("gone.md", None, ": there is no such file or folder: check the path"),
    ("empty.md", b"", ": holds no passage: give at least one"),
    ("empty.jsonl", b"\n", ": holds no passage: give at least one"),
    ("bad.txt", b"ab\xff", ": not UTF-8 text (byte 2): save it as UTF-8"),
    ("own.jsonl", b'{"id": "a"}\n', ", line 1: the key 'title' is missing"),
]


@pytest.mark.parametrize(("name", "content", "reason"), BROKEN, ids=[case[2] for case in BROKEN])
def test_a_file_that_is_no_use(name: str, content: bytes | None, reason: str, tmp_path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_documents(path)
    assert str(caught.value) == f"{path}{reason}"


FOLDERS = [
    ({}, "{}: holds no .txt or .md file: put your documents there"),
    ({"a.pdf": b"%PDF"}, "{}: holds no .txt or .md file: put your documents there"),
    ({"a.md": b" \n", "b.txt": b""}, "{}: its files hold no text: put your documents there"),
    ({"a.md": b"x", "b.txt": b"\xfe"}, "{}/b.txt: not UTF-8 text (byte 0): save it as UTF-8"),
]


@pytest.mark.parametrize(("files", "reason"), FOLDERS, ids=[case[1] for case in FOLDERS])
def test_a_folder_that_is_no_use(files: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_documents(tmp_path)
    assert str(caught.value).replace("\\", "/") == reason.format(tmp_path.as_posix())
