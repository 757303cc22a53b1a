"""Set where the course is published: `python tools/address.py URL`.

It writes the address into pyproject.toml, then what depends on it: the first cell of all
notebooks and the badges of README.md. An empty URL ("") takes it out again; without one the
present address is shown.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import build, published, readme  # noqa: E402
from tools.lesson import LessonError  # noqa: E402

LINE = re.compile(r'^(\[tool\.form-and-facts\]\naddress = )"[^"\n]*"', re.MULTILINE)


class AddressError(Exception):
    """An address that cannot be set; the message says why, with the mend."""


def cleaned(text: str) -> str:
    """The address without the end that a browser or git adds. AddressError if it is none."""
    text = text.strip().rstrip("/").removesuffix(".git")
    if text and not published.is_address(text):
        raise AddressError(
            f"{text!r} is not the address of a repository; give one such as "
            'https://github.com/OWNER/NAME, or "" for none'
        )
    return text


def with_address(pyproject: str, address: str) -> str:
    """The text of pyproject.toml with this address. AddressError where its line is missing."""
    changed, count = LINE.subn(lambda found: f'{found[1]}"{address}"', pyproject)
    if count != 1:
        raise AddressError(
            "pyproject.toml holds no address; add these two lines: [tool.form-and-facts] and "
            'address = ""'
        )
    return changed


def with_badges(page: str, badges: str) -> str:
    """The text of README.md with these badges; all else stays. AddressError without a place."""
    if "<!-- begin: badges -->" not in page:
        raise AddressError("README.md has no badges; add <!-- begin: badges --> and its end")

    def fill(found: re.Match) -> str:
        return f"{found[1]}\n{badges}\n{found[4]}" if found[2] == "badges" else found[0]

    return readme.MARKED.sub(fill, page)


def set_address(root: Path, text: str) -> str:
    """Write the address and all that depends on it; returns it as written."""
    address = cleaned(text)
    project, page = root / "pyproject.toml", root / "README.md"
    facts = with_address(project.read_text(encoding="utf-8"), address)
    shown = with_badges(page.read_text(encoding="utf-8"), published.badges(root, address))
    build.write(project, facts)
    build.write(page, shown)
    build.build(root, None)
    return address


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Set or show the address: 0 when all is well, else 1 and a sentence."""
    parser = argparse.ArgumentParser(prog="python tools/address.py", description=__doc__)
    parser.add_argument("url", nargs="?", help='of the repository; "" for none')
    url = parser.parse_args(arguments).url
    try:
        place = published.address(root) if url is None else set_address(root, url)
    except (AddressError, LessonError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"address: {place or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
