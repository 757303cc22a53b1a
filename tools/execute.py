"""A lesson executed: outputs kept, the machine and the date noted, no path of the machine left."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tools.lesson import LessonError

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 900  # seconds a cell may take
NOTE = "made-on"  # the id of the last cell of an executed lesson
KERNEL = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
HOME = re.compile(r"(?<![\w.~}])/(?:home|root|work|Users)/[\w.$-]|\b[A-Za-z]:[\\/]+Users[\\/]+\w")
FAILED = "{}: a cell failed, so the executed lesson was not written:\n{}"


def executed(notebook: dict[str, Any], name: str, root: Path) -> dict[str, Any]:
    """The notebook run in a kernel of its own, in the folder of the lessons.

    Raises LessonError when a cell fails or takes longer than LIMIT.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    value = nbformat.reads(json.dumps(notebook), as_version=4)
    folder = root / "notebooks"
    client = NotebookClient(
        value,
        timeout=LIMIT,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as own:
        try:
            client.execute(env=environment(Path(own)))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise LessonError(FAILED.format(name, str(error).strip())) from error
    return noted(json.loads(nbformat.writes(value)), root, time.monotonic() - begun)


def environment(folder: Path) -> dict[str, str]:
    """The variables of the kernel: this copy of utils, and a progress file of its own."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    own = {"PYTHONPATH": paths, "FORM_AND_FACTS_PROGRESS": str(folder / "progress.json")}
    return {**os.environ, **own}


def noted(value: dict[str, Any], root: Path, seconds: float) -> dict[str, Any]:
    """The notebook without paths of this machine, and with the note as its last cell."""
    for cell in value["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = scrubbed(cell["outputs"], root)
    day = datetime.date.today().isoformat()
    machine = f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores"
    python = f"Python {platform.python_version()}"
    told = f"Executed on {day}, on {machine}, {python}, in {seconds:.0f} seconds."
    note = {"cell_type": "markdown", "id": NOTE, "metadata": {}, "source": [told]}
    return value | {"metadata": KERNEL, "cells": [*value["cells"], note]}


def scrubbed(output: Any, root: Path) -> Any:
    """An output with each path of this machine made relative; LessonError if one is left."""
    if isinstance(output, dict):
        return {k: v if k.startswith("image/") else scrubbed(v, root) for k, v in output.items()}
    if isinstance(output, list):
        return [scrubbed(item, root) for item in output]
    if not isinstance(output, str):
        return output
    output = re.sub(r"[^\s\"']*ipykernel_\d+[/\\]\d+\.py", "cell", output)
    folders = {str(root): ".", sys.prefix: "python", str(Path.home()): "~"}
    for folder in sorted(folders, key=len, reverse=True):
        output = re.sub(rf"(?<![\w.]){re.escape(folder)}(?![\w.-])", folders[folder], output)
    left = HOME.search(output)
    if left:
        raise LessonError(f"an output holds a path of this machine: {output[left.start() :][:60]}")
    return output
