"""Training on from an adapter: it begins with its weights, and the maintainers' command for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from conftest import make_tiny
from tools import train_on
from tools.written import written_examples
from utils import finetune
from utils.finetune import Settings, train
from utils.pairs import Group, Pair, make_groups

SETTINGS = Settings(rank=4, alpha=8, learning_rate=1e-2, batch_size=2, epochs=2)
GROUPS = [Group((Pair(f"Question: {n}\nCard: ", f'{{"answer": "{n * n}"}}'),)) for n in range(4)]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = (torch.device("cpu"), torch.float32)
    monkeypatch.setattr(finetune, "device_and_dtype", lambda: cpu)
    monkeypatch.setattr(train_on, "load_to_train", make_tiny)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first") / "open-book"
    train(*make_tiny(), GROUPS, SETTINGS, folder)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_it_begins_with_the_weights_of_the_adapter(first: Path, tmp_path: Path) -> None:
    still = replace(SETTINGS, learning_rate=0.0)
    train(*make_tiny(), GROUPS, still, tmp_path / "on", start=first)
    train(*make_tiny(), GROUPS, still, tmp_path / "anew")
    begun, on, anew = weights(first), weights(tmp_path / "on"), weights(tmp_path / "anew")
    assert all(torch.equal(begun[key], on[key]) for key in begun)
    assert any(not torch.equal(begun[key], anew[key]) for key in begun)


def test_it_learns_and_leaves_the_adapter_it_began_with(first: Path, tmp_path: Path) -> None:
    before = weights(first)
    tuned = train(*make_tiny(), GROUPS, SETTINGS, tmp_path / "on", start=first)
    assert {w.dtype for w in tuned.parameters()} == {torch.float32}
    on = weights(tmp_path / "on")
    assert any(not torch.equal(before[key], on[key]) for key in before)
    assert all(torch.equal(before[key], weights(first)[key]) for key in before)


def test_another_adapter_to_start_from_does_not_go_on_from_a_checkpoint(first: Path) -> None:
    known = {finetune._fingerprint(GROUPS, SETTINGS, start) for start in (None, first)}
    weight = first / "adapter_model.safetensors"
    kept = weight.read_bytes()
    weight.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    known.add(finetune._fingerprint(GROUPS, SETTINGS, first))
    weight.write_bytes(kept)
    assert len(known) == 3


def test_the_command_trains_on_fresh_examples(first: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "on"
    train_on.main(f"--examples 8 --seed 5 --start {first} --out {out}".split())
    assert weights(out).keys() == weights(first).keys()
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("step 1 of 1, loss ") and told[-1] == f"The adapter lies in {out}."


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_the_mean_of_before_and_after(share: float, first: Path, tmp_path: Path) -> None:
    shown = f"--examples 8 --seed 5 --start {first} --out".split()
    train_on.main([*shown, str(tmp_path / "after")])
    train_on.main([*shown, str(tmp_path / "mean"), "--average", str(share)])
    before, after, mean = (weights(f) for f in (first, tmp_path / "after", tmp_path / "mean"))
    for key, weight in mean.items():
        wanted = (before[key].float() * (1 / share - 1) + after[key].float()) / (1 / share)
        assert weight.dtype == torch.float16 and torch.equal(weight, wanted.half())


def test_the_written_documents_are_asked_about_where_wanted(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(train_on, "train", lambda m, t, groups, *_, **__: asked.append(groups))
    for more in ([], ["--written"]):
        shown = f"--examples 8 --seed 5 --start {first} --out {tmp_path}".split()
        train_on.main([*shown, *more])
    made, both = asked
    written = make_groups(written_examples(5), make_tiny()[1])
    assert both == made + written


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("--start nowhere", "nowhere holds no adapter; name"),
        ("--examples 0", "must be 1 or more"),
        ("--average 0", "must be above 0 and at most 1"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(more: str, told: str, capsys) -> None:
    with pytest.raises(SystemExit):
        train_on.parse(f"--seed 5 --out x {more}".split())
    assert told in capsys.readouterr().err
