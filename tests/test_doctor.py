"""Each check of the check-up, broken on purpose, gives its [mend] sentence."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from utils import cache, doctor, models
from utils.doctor import Finding, contained

Usage = namedtuple("Usage", "total used free")
PINS = {"alpha": "1.0", "beta": "2.0+cpu"}


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A requirements file, beside the made-up packages alpha 1.0 and beta 2.0+cpu."""

    def version(name: str) -> str:
        if name not in PINS:
            raise doctor.metadata.PackageNotFoundError(name)
        return PINS[name]

    path = tmp_path / "requirements.txt"
    monkeypatch.setattr(doctor, "REQUIREMENTS", path)
    monkeypatch.setattr(doctor.metadata, "version", version)
    return path


def line(name: str) -> str:
    return str(contained(name))


def test_lines_say_ok_or_mend() -> None:
    assert str(Finding("disk", True, "12 GB free")) == "[ok] disk: 12 GB free"
    wanted = "[mend] disk: 1 GB free. run: make room"
    assert str(Finding("disk", False, "1 GB free.", "run: make room")) == wanted


def test_python_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    assert line("python").startswith("[ok] python: 3.")
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert line("python") == (
        "[mend] python: this is Python 3.9.2, and 3.11 is the oldest that works. "
        "install Python 3.11 or newer and run: python3.11 -m venv .venv"
    )


def test_environment_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(doctor, "CONTAINER", ())
    monkeypatch.setattr(doctor, "HOSTED", ())
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert line("environment") == (
        "[mend] environment: this is the system's Python, with no environment. "
        "run: python -m venv .venv"
    )
    monkeypatch.setattr(doctor, "CONTAINER", (str(tmp_path),))
    assert line("environment").startswith("[ok] environment: ")


def test_environment_of_another_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert "not from the project's .venv. run: . .venv/bin/activate" in line("environment")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert line("environment").startswith("[ok] environment: ")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("alpha==1.0\nbeta==2.0\n", "[ok] packages: 2 as pinned"),
        ("beta==2.0+cu1\n", "[ok] packages: 1 as pinned"),
        ("# a comment\n--index-url somewhere\nalpha[x]==1.0 # why\n", "[ok] packages: 1 as pinned"),
        (
            'alpha==1.0 \\\n    --hash=sha256:00\nnone==1; sys_platform == "moon"\n',
            "[ok] packages: 1",
        ),
        ("alpha==1.1\n", f"[mend] packages: alpha is 1.0, not 1.1. {doctor.INSTALL}"),
        ("none==3.0\n", f"[mend] packages: none is missing (3.0 is needed). {doctor.INSTALL}"),
        (
            "alpha==9\nnone==3\n",
            "[mend] packages: alpha is 1.0, not 9; none is missing (3 is needed)",
        ),
        ("what is this\n", "[mend] packages: the check failed (InvalidRequirement: "),
    ],
)
def test_packages_against_the_pins(requirements: Path, text: str, wanted: str) -> None:
    requirements.write_text(text)
    assert line("packages").startswith(wanted)


def test_requirements_missing(requirements: Path) -> None:
    assert line("packages") == (
        "[mend] packages: requirements.txt is missing. run: git checkout requirements.txt"
    )


def test_torch_missing_and_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "torch").mkdir(parents=True)
        (tmp_path / name / "torch" / "__init__.py").touch()
    monkeypatch.setattr(doctor.metadata, "version", lambda name: "2.0")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert line("torch") == f"[mend] torch: torch is missing. {doctor.INSTALL}"
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "one")])
    assert line("torch").endswith("one copy")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "two")])
    assert line("torch").startswith("[mend] torch: torch is there twice, in ")
    assert "run: python -m pip uninstall -y torch; then " in line("torch")


@pytest.mark.parametrize(
    ("free", "faults", "wanted"),
    [
        (2.1, ["x is missing"], "[ok] disk: 2.1 GB free in "),
        (1.9, ["x is missing"], "[mend] disk: 1.9 GB free in "),
        (0.6, [], "[ok] disk: 0.6 GB free in "),
        (0.4, [], "[mend] disk: 0.4 GB free in "),
    ],
)
def test_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: float, faults: list, wanted: str
) -> None:
    monkeypatch.setenv("FORM_AND_FACTS_CACHE", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(doctor, "model_faults", lambda: faults)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(0, 0, int(free * 10**9)))
    assert line("disk").startswith(wanted)
    assert str(tmp_path) in line("disk")


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    def available(gib: float) -> None:
        memory = SimpleNamespace(available=gib * doctor.GIB)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    monkeypatch.setattr(doctor, "container_memory", lambda: float("inf"))
    available(4.5)
    assert line("memory") == "[ok] memory: 4.5 GiB available"
    available(3.0)
    assert line("memory") == (
        "[mend] memory: 3.0 GiB available, and 4 GiB are needed. "
        "close other programs and running notebooks, then run: python -m utils.doctor"
    )


def test_memory_of_a_container(tmp_path: Path) -> None:
    assert doctor.container_memory(tmp_path) == float("inf")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 100\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert doctor.container_memory(tmp_path) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert doctor.container_memory(tmp_path) == float("inf")


def test_models_missing_and_damaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORM_AND_FACTS_CACHE", str(tmp_path))
    for variable in models.WHEELS:
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / cache.GENERATOR.folder).mkdir()
    found = line("models")
    assert f"{cache.EMBEDDER.name} is missing" in found
    assert f"{cache.GENERATOR.name} is damaged" in found
    assert found.startswith("[mend] models: ") and found.endswith(doctor.FETCH)


def test_models_named_by_the_learner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORM_AND_FACTS_CACHE", str(tmp_path))
    monkeypatch.setenv("FORM_AND_FACTS_MODEL", "owner/model")
    monkeypatch.setenv("FORM_AND_FACTS_EMBEDDER", "owner/embedder")
    assert line("models") == "[ok] models: owner/model and owner/embedder"
    monkeypatch.setenv("FORM_AND_FACTS_MODEL", str(tmp_path / "absent"))
    assert line("models").startswith("[mend] models: ")
    assert "FORM_AND_FACTS_MODEL names" in line("models")


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "device_and_dtype", lambda: ("cpu", "torch.float32"))
    assert line("device").startswith("[ok] device: cpu, float32, ")

    def broken() -> None:
        raise OSError("a library of torch cannot be loaded")

    monkeypatch.setattr(models, "device_and_dtype", broken)
    assert line("device") == (
        "[mend] device: the check failed (OSError: a library of torch cannot be loaded). "
        f"{doctor.INSTALL}"
    )


def test_data_missing_and_unreadable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "DATA", tmp_path / "data")
    wanted = "[mend] data: the folder data is missing or empty. run: git checkout data"
    assert line("data") == wanted
    (tmp_path / "data").mkdir()
    assert line("data") == wanted
    (tmp_path / "data" / "one.jsonl").write_text("{}")
    assert line("data") == "[ok] data: 1 files in data"

    def locked(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", self.name)

    monkeypatch.setattr(Path, "open", locked)
    assert line("data").startswith("[mend] data: the check failed (PermissionError: ")


def test_results_not_writeable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "RESULTS", tmp_path / "results")
    assert line("results") == "[ok] results: results can be written"

    def locked(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", locked)
    assert line("results") == (
        f"[mend] results: {tmp_path} cannot be written (Permission denied). "
        f"run: chmod u+w {tmp_path}"
    )


def test_every_check_is_contained(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[str, str]:
        raise RuntimeError("first line\nsecond line")

    for name, (_, mend) in list(doctor.CHECKS.items()):
        monkeypatch.setitem(doctor.CHECKS, name, (broken, mend))
    findings = doctor.check_up()
    assert len(findings) == 10
    for finding in findings:
        assert not finding.ok and "run: " in finding.mend
        assert finding.message == "the check failed (RuntimeError: first line)"


def test_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(doctor, "check_up", lambda: [Finding("a", True, "b")])
    assert doctor.main() == 0
    monkeypatch.setattr(doctor, "check_up", lambda: [Finding("a", False, "b", "run: c")])
    assert doctor.main() == 1
    assert capsys.readouterr().out == "[ok] a: b\n[mend] a: b. run: c\n"
