"""JupyterLab at the first lesson, with this Python as the kernel and the course's settings.

`python -m utils.lab [OPTIONS]`, which `make lab` calls, takes the options of `jupyter lab`. What it
writes lies in the environment that runs it; nothing goes to the home folder.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = "notebooks/00_start_here.ipynb"
NAME, TITLE = "form-and-facts", "Form & Facts"
SETTINGS = {  # no question about news and no look for updates: nothing is asked of a network
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}
OTHER = """\
Another JupyterLab is on this machine, {other}. This one has the right kernel. To open the course in
the other one, choose the kernel "{title}" there, after you have run once:
    {python} -m ipykernel install --user --name {name} --display-name "{title}"
"""


def main(arguments: list[str]) -> int:
    """Write kernel and settings, say which kernel to choose elsewhere, then run JupyterLab."""
    from jupyterlab.labapp import LabApp

    jupyter = Path(sys.prefix) / "share" / "jupyter"
    os.environ.setdefault("JUPYTERLAB_WORKSPACES_DIR", str(jupyter / "lab" / "workspaces"))
    try:
        write_settings(jupyter / "lab" / "settings" / "overrides.json")
        write_kernel(jupyter / "kernels" / NAME / "kernel.json")
    except OSError as error:
        print(f"The course's settings cannot be written ({error}); going on without them.")
    if other := other_lab(os.environ.get("PATH", ""), Path(sys.prefix)):
        facts = {"title": TITLE, "name": NAME, "python": sys.executable}
        print(OTHER.format(other=other, **facts), flush=True)
    os.chdir(ROOT)
    page = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{FIRST}"]
    named = any(not argument.startswith("-") for argument in arguments)
    LabApp.launch_instance(argv=[*([] if named else page), *arguments])
    return 0


def write_settings(path: Path) -> None:
    """Add the course's settings to the environment's; what else stands there is kept."""
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        there = {}
    write(path, {**SETTINGS, **(there if isinstance(there, dict) else {})})


def write_kernel(path: Path) -> None:
    """Offer this Python under the course's name, beside the kernel that the notebooks ask for."""
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    facts = {"argv": command, "display_name": TITLE, "language": "python"}
    write(path, facts | {"metadata": {"debugger": True}})


def write(path: Path, value: dict) -> None:
    """Write JSON, whole or not at all, unless it is there already."""
    text = json.dumps(value, indent=1) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".tmp")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def other_lab(path: str, prefix: Path) -> str | None:
    """The JupyterLab that the command `jupyter lab` would start, where it is not this one's."""
    found = shutil.which("jupyter-lab", path=path)
    return found if found and not Path(found).is_relative_to(prefix) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
