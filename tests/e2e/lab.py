"""A JupyterLab of its own on the loopback address, and what a person does in it with a browser."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "e2e"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # Chromium refuses its sandbox to root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
# JupyterLab's own settings: ask nothing of the network, and draw every cell of a notebook.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 3600},
}
LONG = 240_000  # milliseconds that anything may take: a machine may be busy with other things


def browser_path() -> str | None:
    """The browser to drive: the one FORM_AND_FACTS_BROWSER names, else one of the usual names."""
    named = os.environ.get("FORM_AND_FACTS_BROWSER", "").strip()
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, its token, and the folder it serves."""

    port: int
    token: str
    folder: Path

    def address(self, name: str) -> str:
        """Where a notebook of the folder is opened, in a workspace of its own."""
        return (
            f"http://127.0.0.1:{self.port}/lab/workspaces/e2e/tree/{name}?reset&token={self.token}"
        )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Lab]:
    """JupyterLab serving `folder/course`, stopped at the end; settings and progress lie there too.

    Raises RuntimeError with the server's last words when it does not start.
    """
    course = folder / "course"
    course.mkdir()
    settings = folder / "app" / "settings"
    settings.mkdir(parents=True)
    (settings / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    lab = Lab(free_port(), secrets.token_hex(16), course)
    log = folder / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command(lab, folder), cwd=course, env=environment(folder), stdout=file, stderr=file
        )
        try:
            wait_for(lab, process, log)
            yield lab
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def command(lab: Lab, folder: Path) -> list[str]:
    """The server's command line."""
    return [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={lab.port}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={lab.token}"),
        f"--ServerApp.root_dir={lab.folder}",
        f"--LabApp.app_settings_dir={folder / 'app' / 'settings'}",
        f"--LabApp.user_settings_dir={folder / 'user'}",
        f"--LabApp.workspaces_dir={folder / 'workspaces'}",
    ]


def environment(folder: Path) -> dict[str, str]:
    """The variables of the server and its kernels: nothing of this account is read or changed."""
    own = {
        "FORM_AND_FACTS_PROGRESS": str(folder / "progress.json"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
    }
    left = {k: v for k, v in os.environ.items() if not k.startswith(("JPY_", "FORM_AND_FACTS_H"))}
    return {**left, **own}


def free_port() -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(lab: Lab, process: subprocess.Popen, log: Path, seconds: float = 240) -> None:
    """Return when the server answers. Raises RuntimeError when it stops or takes too long."""
    url = f"http://127.0.0.1:{lab.port}/api/status?token={lab.token}"
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


class Notebook:
    """A notebook open in the browser, and what a person does with it."""

    def __init__(self, page, lab: Lab, name: str) -> None:
        self.page, self.folder = page, lab.folder
        page.goto(lab.address(name))
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LONG)
        self.wait_idle()

    def menu(self, *names: str) -> None:
        """Choose an entry of the menu bar, by the words on it."""
        self.page.locator(".lm-MenuBar-item", has_text=names[0]).first.click()
        for name in names[1:]:
            self.page.locator(".lm-Menu-item:visible", has_text=name).first.click()

    def wait_idle(self, timeout: int = LONG) -> None:
        """Wait until no cell is running or waiting to run."""
        page = self.page
        page.wait_for_function(
            "() => document.querySelector('#jp-main-statusbar').textContent.includes('| Idle')"
            " && ![...document.querySelectorAll('.jp-InputPrompt')]"
            ".some(e => e.textContent.includes('[*]'))",
            timeout=timeout,
        )

    def run_all(self) -> None:
        """Run, Run All Cells, and wait for the end."""
        self.menu("Run", "Run All Cells")
        self.page.wait_for_timeout(500)
        self.wait_idle()
        assert self.page.get_by_text("[ ]:", exact=True).count() == 0, "some cells did not run"

    def restart(self) -> None:
        """Kernel, Restart Kernel, and yes."""
        self.menu("Kernel", "Restart Kernel")
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.page.wait_for_timeout(1000)
        self.wait_idle()

    def interrupt(self) -> None:
        """Kernel, Interrupt Kernel."""
        self.menu("Kernel", "Interrupt Kernel")

    def cell(self, text: str):
        """The code cell whose source holds a text."""
        return self.page.locator(
            ".jp-CodeCell", has=self.page.locator(".cm-content", has_text=text)
        ).first

    def write(self, cell, source: str) -> None:
        """Replace a cell's source by typing over it."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)

    def run(self, cell) -> str:
        """Run one cell with the keyboard; what stands below it then."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_timeout(400)
        self.wait_idle()
        return self.output(cell)

    def output(self, cell) -> str:
        """The text below a cell."""
        area = cell.locator(".jp-Cell-outputArea")
        return area.inner_text() if area.count() else ""

    def append(self, source: str):
        """A new cell at the end, with this source: the cell."""
        self.page.locator(".jp-Notebook .jp-Cell").last.click()
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        self.page.wait_for_timeout(300)
        cell = self.page.locator(".jp-CodeCell").last
        self.write(cell, source)
        return cell

    def remove(self, cell) -> None:
        """Delete a cell."""
        cell.locator(".jp-InputPrompt").click()
        self.page.keyboard.press("d")
        self.page.keyboard.press("d")

    def theme(self, name: str) -> None:
        """Settings, Theme, and the name."""
        self.menu("Settings", "Theme", name)
        self.page.wait_for_timeout(1500)

    def picture(self, name: str, target=None) -> None:
        """A screenshot in build/e2e, of the page or of one part."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        (target or self.page).screenshot(path=str(PICTURES / f"{name}.png"))
