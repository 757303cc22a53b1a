"""Set-up: its sentences, its exit codes, what it repeats and what it leaves alone. No network."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import bootstrap

ROOT = Path(bootstrap.ROOT)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A small course folder, with a log of the pip commands instead of pip itself."""
    requirements = "--extra-index-url mirror\ntorch==9.9 \\\n    --hash=sha256:00\nnumpy==1.0\n"
    (tmp_path / "requirements.txt").write_text(requirements)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    log: list[str] = []

    def follow(command, begun):
        log.append(" ".join(command))
        if "venv" in command:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", command[-1]], check=True)
        return 0, []

    has = {"pip": True, "torch": False}

    def answers(python, code):
        name = "torch" if "torch" in code else "pip"
        return os.path.exists(python) and has[name]

    monkeypatch.setattr(bootstrap, "ROOT", str(tmp_path))
    monkeypatch.setattr(bootstrap, "follow", follow)
    monkeypatch.setattr(bootstrap, "answers", answers)
    return tmp_path, log, has


def fails_with(monkeypatch, when: str, output: str) -> None:
    """Let the first command that contains `when` fail with this output."""
    real = bootstrap.follow

    def follow(command, begun):
        if when in " ".join(command):
            return 1, output.splitlines()
        return real(command, begun)

    monkeypatch.setattr(bootstrap, "follow", follow)


def test_an_old_python_can_read_it():
    ast.parse(Path(bootstrap.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))


def test_first_run_installs_torch_first_and_second_run_does_nothing(course):
    folder, log, _ = course
    assert bootstrap.main([]) == 0
    kinds = [line.split(" -m ")[1] for line in log]
    assert kinds[0].startswith("venv")
    assert "--no-deps -r" in kinds[1] and kinds[1].endswith("torch.txt")
    assert kinds[2].endswith(f"-r {folder / 'requirements.txt'}")
    assert kinds[3].endswith(f"--no-deps -e {folder}")
    torch = (folder / ".venv" / "torch.txt").read_text().splitlines()
    assert torch[0] == "--extra-index-url mirror"
    assert torch[1].split() == ["torch==9.9", "--hash=sha256:00"]
    log.clear()
    assert bootstrap.main([]) == 0
    assert log == []


def test_changed_requirements_are_installed_into_the_same_venv(course):
    folder, log, has = course
    bootstrap.main([])
    log.clear()
    has["torch"] = True
    (folder / "requirements.txt").write_text("torch==9.9\nnumpy==2.0\n")
    assert bootstrap.main([]) == 0
    assert len(log) == 2 and not any("venv --" in line or "torch.txt" in line for line in log)


def test_a_cut_off_installation_is_made_anew(course, monkeypatch, capsys):
    folder, log, _ = course

    def stopped(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "install", stopped)
        assert bootstrap.main([]) == 130
    log.clear()
    (folder / ".venv" / "left").write_text("")
    assert bootstrap.main([]) == 0
    assert "-m venv" in log[0] and not (folder / ".venv" / "left").exists()
    assert "half made" in capsys.readouterr().out


def test_a_venv_without_an_interpreter_is_made_anew(course):
    folder, log, _ = course
    bootstrap.main([])
    Path(bootstrap.venv_python(str(folder / ".venv"))).unlink()
    log.clear()
    assert bootstrap.main([]) == 0
    assert "-m venv" in log[0]


def test_a_failed_download_keeps_what_was_installed(course, monkeypatch):
    folder, log, has = course
    with monkeypatch.context() as patch:
        fails_with(patch, "requirements.txt", "ERROR: No matching distribution found for numpy")
        assert bootstrap.main([]) == 1
    has["torch"] = True
    log.clear()
    assert bootstrap.main([]) == 0
    assert not any("-m venv" in line for line in log)


RETRY = "WARNING: Retrying after connection broken by 'NewConnectionError'\n"
FAILURES = [
    ("-m venv", "No module named venv", "venv module is not whole"),
    (
        "-m venv",
        "The virtual environment ... ensurepip is not available",
        "sudo apt install python",
    ),
    (
        "-m venv",
        "Error: permission",
        "Python could not make .venv; its last line: Error: permission",
    ),
    (
        "torch.txt",
        RETRY + "ERROR: No matching distribution found for torch",
        "connect to a network",
    ),
    ("torch.txt", "ERROR: No matching distribution found for torch", "set PIP_INDEX_URL to a reg"),
    ("torch.txt", "ERROR: [Errno 28] No space left on device", "free at least 2 GB"),
    (
        "-e",
        "ERROR: odd\nhint: x",
        "pip could not finish (Installing the course); its last line: ERROR",
    ),
    ("-e", "", "it wrote nothing"),
]


@pytest.mark.parametrize(("when", "output", "wanted"), FAILURES)
def test_failures_are_one_sentence(course, monkeypatch, capsys, when, output, wanted):
    fails_with(monkeypatch, when, output)
    assert bootstrap.main([]) == 1
    said = capsys.readouterr().err
    assert wanted in said and said.count("\n") == 1
    assert "Traceback" not in said


def test_a_missing_file_of_the_course_is_named(course, capsys):
    (course[0] / "requirements.txt").unlink()
    assert bootstrap.main([]) == 1
    assert "requirements.txt is missing" in capsys.readouterr().err


def test_a_full_disk_is_named(course, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "ROOM", 10**30)
        assert bootstrap.main([]) == 1

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bootstrap, "write", full)
    assert bootstrap.main([]) == 1
    assert capsys.readouterr().err == f"{bootstrap.DISK_FULL}\n" * 2


def test_an_old_python_hands_over_to_a_newer_one(monkeypatch, tmp_path):
    for name, status in (("python3.13", 127), ("python3.12", 0), ("python3.11", 0)):
        script = f'#!/bin/sh\n[ "$1" = -c ] && exit {status}\necho {name} "$@" > {tmp_path}/ran\n'
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(sys, "version_info", (3, 8, 10, "final", 0))
    assert bootstrap.main(["more"]) == 0
    ran = (tmp_path / "ran").read_text().split()
    assert ran[0] == "python3.12" and ran[1].endswith("bootstrap.py") and ran[2] == "more"


def test_an_old_python_alone_is_told_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 8, 10, "final", 0))
    assert bootstrap.main([]) == 1
    said = capsys.readouterr().err
    assert "this is 3.8" in said and "make PYTHON=" in said


def test_output_is_followed_and_misleading_settings_are_dropped(monkeypatch, capsys):
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "mirror")
    code = "import os; print('Collecting', os.environ.get('PIP_TARGET')); print('noise')"
    code += "; print('Downloading', os.environ['PIP_INDEX_URL']); raise SystemExit(3)"
    status, lines = bootstrap.follow([sys.executable, "-c", code], 0)
    assert status == 3 and lines == ["Collecting None", "noise", "Downloading mirror"]
    assert capsys.readouterr().out == "    Collecting None\n    Downloading mirror\n"


def test_a_silent_command_is_reported_as_alive(monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "QUIET_SECONDS", 0.1)
    bootstrap.follow([sys.executable, "-c", "import time; time.sleep(0.6)"], 0)
    assert "still at it" in capsys.readouterr().out


def test_make_alone_lists_the_commands():
    make = ["make", "--no-print-directory"]  # `make test` runs this test inside make
    told = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [line.split()[1] for line in told.splitlines()]
    assert names[:5] == ["help", "models", "lab", "run", "sweep"]
    assert {"build", "bench", "grade", "test", "clean"} <= set(names)
