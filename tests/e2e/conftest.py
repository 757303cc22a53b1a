"""The server and the browser of the tests in JupyterLab; `make e2e` runs them."""

from __future__ import annotations

import contextlib
import shutil

import pytest

from . import lab as labs

# JupyterLab's own, when a kernel is restarted while JupyterLab waits for an answer of it.
NOT_OURS = ("Could not restore the debugger state", "Canceled future for ")


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A JupyterLab that serves copies of the learners' notebooks."""
    with labs.running(tmp_path_factory.mktemp("lab")) as found:
        shutil.copytree(labs.ROOT / "notebooks", found.folder / "notebooks")
        yield found


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Headless Chromium with an empty profile."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="run: make e2e")
    path = labs.browser_path()
    if path is None:
        pytest.fail("no Chromium was found: run make e2e, which says how to get one")
    with sync_api.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")),
            executable_path=path,
            headless=True,
            args=list(labs.FLAGS),
            viewport={"width": 1280, "height": 900},
        )
        context.set_default_timeout(labs.LONG)
        yield context
        context.close()


@pytest.fixture
def page(browser):
    """A page, whose complaints are in `page.complaints`."""
    with watched(browser) as found:
        yield found


@pytest.fixture(scope="module")
def long_page(browser):
    """A page for all tests of a file."""
    with watched(browser) as found:
        yield found


@contextlib.contextmanager
def watched(browser):
    """A new page that keeps what its console and its pages complain of."""
    page = browser.new_page()
    page.complaints = []

    def note(kind: str, text: str) -> None:
        if kind == "error" and not any(known in text for known in NOT_OURS):
            page.complaints.append(text)

    page.on("console", lambda said: note(said.type, said.text))
    page.on("pageerror", lambda error: note("error", str(error)))
    page.on("dialog", lambda dialog: (note("error", dialog.message), dialog.accept()))
    yield page
    page.close()
