"""The course as pages: complete, nothing from elsewhere, every link leads somewhere, searchable."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tools import make_site

pytest.importorskip("sphinx", reason="make site installs it")
ROOT = make_site.ROOT
LESSONS = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))
FETCHED = {"img", "script", "iframe", "source", "object", "embed", "video", "audio", "link"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Page(HTMLParser):
    """The addresses and the ids of a page; `fetched` are those that a browser gets by itself."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found[key] for key in ("id", "name") if found.get(key)}
        for key in ("href", "src", "data"):
            if found.get(key):
                (self.fetched if tag in FETCHED else self.links).append(found[key])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built once; a warning would be an error."""
    out = tmp_path_factory.mktemp("made") / "site"
    make_site.build(ROOT, out)
    return out


def test_every_lesson_is_there_with_its_outputs(site):
    for path in LESSONS:
        made = site / "notebooks" / path.with_suffix(".html").name
        text = html.unescape(re.sub(r"<[^>]+>", "", made.read_text("utf-8")))
        cells = json.loads(path.read_text("utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        lines = ["".join(o["text"]).splitlines()[0] for o in outputs if o.get("name") == "stdout"]
        assert lines and all(line in text for line in lines), path.stem
        pictures = sum("image/png" in output.get("data", {}) for output in outputs)
        assert sum(src.endswith(".png") for src in Page(made).fetched) == pictures, path.stem
        assert "google.colab" not in text


def test_nothing_comes_from_elsewhere(site):
    for path in site.rglob("*.html"):
        remote = [url for url in Page(path).fetched if urlsplit(url).netloc]
        assert remote == [], path.name
    for path in site.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", path.read_text("utf-8"))


def test_every_link_inside_leads_somewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            right = target.is_file() and (not anchor or anchor in pages[target].ids)
            broken += [] if right else [(path.name, link)]
    assert broken == [] and len(pages) > len(LESSONS)


def index_of(site: Path) -> dict:
    """The index that the search page reads."""
    text = (site / "searchindex.js").read_text("utf-8")
    return json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_search_index_holds_the_words_of_each_lesson(site, path):
    import snowballstemmer
    from sphinx.search.en import SearchEnglish

    index = index_of(site)
    number = index["docnames"].index(f"notebooks/{path.stem}")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    prose = " ".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    prose = re.sub(r"`[^`]*`|<!--.*?-->|\(.*?\)", "", prose)
    words = set(re.findall(r"(?<!\w)[a-z]{7,}(?!\w)", prose)) - set(SearchEnglish({}).stopwords)
    stem = snowballstemmer.stemmer("english").stemWord
    missing = {word for word in words if number not in pages_with(index, stem(word))}
    assert len(words) > 20 and missing == set()


def pages_with(index: dict, term: str) -> set[int]:
    """The numbers of the pages that hold a term; the index writes a single one without a list."""
    found = [index[part].get(term, []) for part in ("terms", "titleterms")]
    return {n for value in found for n in (value if isinstance(value, list) else [value])}


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium here")
def test_a_browser_finds_a_lesson_from_the_disk(site, tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    address = f"{(site / 'search.html').as_uri()}?q=unanswerable"
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    options += ["--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run([browser, *options, address], capture_output=True, text=True, timeout=120)
    found = re.findall(r'href="([^"]+)\?highlight', done.stdout) or re.findall(
        r'<li[^>]*>\s*<a href="(notebooks/[^"]+)"', done.stdout
    )
    assert any(link.startswith("notebooks/") for link in found), done.stdout[-2000:]


def cell(kind="code", **metadata) -> dict:
    return {"cell_type": kind, "id": "x", "metadata": metadata, "source": ["1"]}


def test_a_reader_sees_no_plumbing_and_unfolds_solutions():
    cells = [cell("markdown"), cell(tags=["setup"]), cell(exercise="1.1", tags=["slow"]), cell()]
    made = make_site.reading({"cells": cells, "nbformat": 4})["cells"]
    assert [c["metadata"].get("tags") for c in made] == [None, ["slow", "hide-input"], None]


def test_the_contents_name_every_page_once():
    pages = ["CONTRIBUTING", "docs/faq", "docs/grading", "docs/teaching", "docs/teaching/plan"]
    text = make_site.contents(["notebooks/00_a"], pages)
    names = [line for line in text.splitlines() if line and line[0] not in ":`"]
    assert names == ["notebooks/00_a", *pages[3:], "docs/grading", "CONTRIBUTING", "docs/faq"]


@pytest.fixture
def small(tmp_path):
    """A course of one page with our settings."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "solutions").mkdir()
    shutil.copyfile(ROOT / "docs" / "conf.py", tmp_path / "docs" / "conf.py")
    (tmp_path / "README.md").write_text("# A course\n\nSee [the page](docs/page.md).\n")
    (tmp_path / "docs" / "page.md").write_text("# A page\n")
    return tmp_path


def test_a_broken_link_stops_the_build_and_the_old_site_stays(small, capsys):
    out = small / "build" / "site"
    assert make_site.main(["--out", str(out)], small) == 0
    before = (out / "index.html").read_text("utf-8")
    assert f"{out / 'index.html'}: " in capsys.readouterr().out
    (small / "README.md").write_text("# A course\n\nSee [the page](docs/gone.md).\n")
    assert make_site.main(["--out", str(out)], small) == 1
    told = capsys.readouterr().err
    assert "mend this first" in told and "docs/gone.md" in told
    assert (out / "index.html").read_text("utf-8") == before


def test_a_folder_with_other_things_is_left_alone(small, capsys):
    (small / "thesis.txt").write_text("mine")
    assert make_site.main(["--out", str(small)], small) == 1
    assert "holds other things" in capsys.readouterr().err
    assert (small / "thesis.txt").read_text() == "mine"
