"""Gets what the browser tests need, or says what is missing: `make e2e` runs this first.

Playwright is installed into the Python that runs this; Chromium comes from the system's packages,
which only root may install. Playwright's own browser download is not used.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from e2e.lab import browser_path  # noqa: E402

PACKAGES = ("chromium", "fonts-dejavu-core")  # the fonts draw the signs of the widgets
MISSING = (
    "The browser tests need Chromium, which this account cannot install. Install it (on Debian and "
    "Ubuntu, as root: apt-get install chromium), or name one in FORM_AND_FACTS_BROWSER; then run "
    "make e2e again."
)


def main() -> int:
    """0 when Playwright and a browser are there, else 1 and a sentence."""
    if importlib.util.find_spec("playwright") is None and not install_playwright():
        print("Playwright could not be installed; see pip's lines above.", file=sys.stderr)
        return 1
    if browser_path() is None and not install_chromium():
        print(MISSING, file=sys.stderr)
        return 1
    print(f"Browser: {browser_path()}")
    return 0


def install_playwright() -> bool:
    """pip, with the versions of everything else held at the course's pins."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = tomllib.loads(text)["project"]["optional-dependencies"]["e2e"]
    pins = ("-c", str(ROOT / "requirements.txt"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", *pins, *wanted]
    return subprocess.run(command).returncode == 0


def install_chromium() -> bool:
    """apt-get, where it is there and may be used; True when a browser is there afterwards."""
    if not shutil.which("apt-get") or getattr(os, "geteuid", lambda: 1)() != 0:
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        if subprocess.run(["apt-get", "-q", *command], env=quiet).returncode != 0:
            return False
    return browser_path() is not None


if __name__ == "__main__":
    sys.exit(main())
