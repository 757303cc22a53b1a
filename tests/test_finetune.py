"""Training on the tiny model: TRL's loss, frozen weights, interruptions, the saved adapter."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from peft.helpers import disable_input_dtype_casting
from safetensors.torch import load_file
from transformers import get_scheduler
from trl import SFTTrainer

from conftest import END, make_tiny
from utils import finetune
from utils.finetune import Settings, Step, merge_adapter, save_adapter, train
from utils.models import weights_hash
from utils.pairs import Group, Pair, collate, make_row
from utils.recipes import RECIPES

PAIRS = [
    Pair(f"Question: {name}\nCard: ", f'{{"answer": "{n}"}}{END}')
    for name, n in [("Vellmar", 48), ("Orsk", 7), ("the bell", 1871), ("Ada of Quend", 305)]
]
GROUPS = [Group((pair,)) for pair in PAIRS]
SETTINGS = Settings(rank=4, alpha=8, learning_rate=1e-2, batch_size=2, epochs=4, save_steps=2)
STEPS = 8  # 4 pairs, 2 a step, 4 passes


@pytest.fixture(autouse=True, scope="module")
def on_the_cpu():
    """fp32 on one thread of the CPU, whatever this machine has: the model is too small for two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetune, "device_and_dtype", lambda: (torch.device("cpu"), torch.float32))
        yield
    torch.set_num_threads(threads)


def make_toy():
    """The tiny model with longer word vectors: the last layer is tied to them and needs them."""
    model, tokenizer = make_tiny()
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(15)
    return model, tokenizer


def run(folder: Path, groups=GROUPS, settings=SETTINGS, stop: int | None = None, **heard):
    """Train a fresh toy model; returns it and the steps heard. Ctrl-C at step `stop`."""
    steps: list[Step] = []

    def tick(step: Step) -> None:
        steps.append(step)
        if step.done == stop:
            raise KeyboardInterrupt

    model, tokenizer = make_toy()
    if stop is None:
        return train(model, tokenizer, groups, settings, folder, tick, **heard), steps
    with pytest.raises(KeyboardInterrupt):
        train(model, tokenizer, groups, settings, folder, tick, **heard)
    return None, steps


def adapter(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def shaken(model: PeftModel) -> PeftModel:
    """The model with random B matrices: fresh ones are zero, and then an adapter does nothing."""
    torch.manual_seed(3)
    for weight in (w for name, w in model.named_parameters() if "lora_B" in name):
        torch.nn.init.normal_(weight, std=0.1)
    return model


@torch.no_grad()
def logits(model, tokenizer) -> torch.Tensor:
    return model(**tokenizer(PAIRS[1].prompt, return_tensors="pt")).logits


@pytest.fixture(scope="module")
def trained(on_the_cpu, tmp_path_factory: pytest.TempPathFactory):
    """(folder, model, steps) of one whole training, with what `sample` and `at_pass` heard."""
    folder = tmp_path_factory.mktemp("whole") / "form"
    heard: dict[str, list[int]] = {"sample": [], "at_pass": []}
    looks = {name: lambda n, _, to=to: to.append(n) for name, to in heard.items()}
    model, steps = run(folder, settings=replace(SETTINGS, epochs=12), **looks)
    return folder, model, steps, heard


def trainer_for(kind, tuned, tokenizer, folder: Path, rows: list[dict], **more):
    """A trainer of all rows in one batch; returns it and the batch."""
    settings = finetune._arguments(replace(SETTINGS, batch_size=len(rows)), 1, folder, False)
    settings.remove_unused_columns = kind is SFTTrainer
    dataset = finetune.Dataset.from_list(rows)
    trainer = kind(tuned, settings, train_dataset=dataset, processing_class=tokenizer, **more)
    return trainer, next(iter(trainer.get_train_dataloader()))


@pytest.mark.parametrize("counted", [None, 37])
@pytest.mark.parametrize("groups", [GROUPS, [Group(tuple(PAIRS))]], ids=["apart", "one group"])
def test_the_loss_is_trls(tmp_path: Path, groups: list[Group], counted: int | None) -> None:
    """Also where the pairs share the beginning of their prompts."""
    model, tokenizer = make_toy()
    tuned = shaken(finetune.get_peft_model(model, finetune.lora(SETTINGS)))
    written = [{"prompt": pair.prompt, "completion": pair.completion} for pair in PAIRS]
    theirs, batch = trainer_for(SFTTrainer, tuned, tokenizer, tmp_path, written)
    assert 0 < int((batch["labels"] != -100).sum()) < batch["labels"].numel()
    rows = [make_row(group, tokenizer) for group in groups]
    collator = partial(collate, padding=tokenizer.pad_token_id)
    ours, packed = trainer_for(
        finetune.CompletionTrainer, tuned, tokenizer, tmp_path, rows, data_collator=collator
    )
    tuned.train()
    number = None if counted is None else torch.tensor(counted)
    with disable_input_dtype_casting(tuned):
        loss = ours.compute_loss(tuned, packed, num_items_in_batch=number)
        loss.backward()
        grads = {n: p.grad.clone() for n, p in tuned.named_parameters() if p.requires_grad}
        tuned.zero_grad()
        wanted = theirs.compute_loss(tuned, batch, num_items_in_batch=number)
        wanted.backward()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-4)
    gold = {n: p.grad for n, p in tuned.named_parameters() if p.requires_grad}
    torch.testing.assert_close(grads, gold, rtol=1e-3, atol=1e-6)


def test_the_loss_is_taken_on_the_completion_alone(tmp_path: Path) -> None:
    """By hand: the mean over the completions' tokens, each predicted from what stands before."""
    model, tokenizer = make_toy()
    total, count = 0.0, 0
    for pair in PAIRS:
        prompt = tokenizer(pair.prompt)["input_ids"]
        whole = prompt + tokenizer(pair.completion)["input_ids"]
        chances = model(torch.tensor([whole])).logits[0].log_softmax(-1)
        for at in range(len(prompt), len(whole)):
            total, count = total - chances[at - 1, whole[at]].item(), count + 1
    _, steps = run(tmp_path / "a", settings=replace(SETTINGS, batch_size=4, epochs=1))
    assert steps[0].loss == pytest.approx(total / count, rel=1e-3)


def test_a_few_steps_lower_the_loss_and_each_is_heard(trained) -> None:
    _, model, steps, heard = trained
    assert [(step.done, step.total) for step in steps] == [(n, 24) for n in range(1, 25)]
    assert sum(s.loss for s in steps[-4:]) < 0.7 * sum(s.loss for s in steps[:4])
    assert heard == {"sample": [10, 20], "at_pass": list(range(1, 13))}
    assert not model.training


def test_it_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn) -> None:
    """What there is to say goes to `tick`: the screen draws a table meanwhile."""
    run(tmp_path, settings=replace(SETTINGS, epochs=1))
    assert capfd.readouterr() == ("", "") and not recwarn.list


def test_the_base_weights_do_not_change(trained) -> None:
    before = weights_hash(make_toy()[0])
    _, tuned, _, _ = trained
    assert any(w.abs().max() > 0 for n, w in tuned.named_parameters() if "lora_B" in n)
    assert weights_hash(deepcopy(tuned).unload()) == before


def test_the_adapter_is_fp16_safetensors_and_settings_without_paths(trained, tmp_path) -> None:
    folder, model, _, _ = trained
    assert {p.stem for p in folder.iterdir()} == {"adapter_config", "adapter_model"}
    weights = adapter(folder)
    assert weights and {w.dtype for w in weights.values()} == {torch.float16}
    text = (folder / "adapter_config.json").read_text("utf-8")
    assert json.loads(text)["base_model_name_or_path"] is None
    model.peft_config["default"].base_model_name_or_path = str(tmp_path / "secret")
    save_adapter(model, tmp_path / "other")
    for path in (*folder.iterdir(), *(tmp_path / "other").iterdir()):
        assert not [p for p in (tmp_path, Path.cwd()) if str(p).encode() in path.read_bytes()]
    assert (tmp_path / "other" / "adapter_config.json").read_text("utf-8") == text


def test_merged_it_answers_as_the_adapter_does(trained) -> None:
    folder, model, _, _ = trained
    base, tokenizer = make_toy()
    merged = merge_adapter(base, folder, torch.float32)
    loaded = PeftModel.from_pretrained(make_toy()[0], str(folder)).eval()
    got = logits(merged, tokenizer)
    torch.testing.assert_close(got, logits(loaded, tokenizer), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got, logits(model, tokenizer), rtol=1e-2, atol=1e-2)
    assert (got - logits(make_toy()[0], tokenizer)).abs().max() > 0.1
    assert not any("lora" in name for name in merged.state_dict())
    assert merged.dtype == torch.float32 and not merged.training


def test_merged_in_bf16_the_places_of_tokens_stay_exact(trained) -> None:
    folder, _, _, _ = trained
    merged = merge_adapter(make_toy()[0], folder, torch.bfloat16)
    assert {weight.dtype for weight in merged.parameters()} == {torch.bfloat16}
    exact = make_toy()[0].model.rotary_emb.inv_freq
    torch.testing.assert_close(merged.model.rotary_emb.inv_freq, exact, rtol=0, atol=0)


def test_merged_it_answers_a_batch_without_copying_the_vocabulary_for_each_row(trained) -> None:
    folder, _, _, _ = trained
    merged = merge_adapter(make_toy()[0], folder, torch.float32)
    ids = torch.ones((64, 8), dtype=torch.long)
    with torch.inference_mode(), torch.profiler.profile(profile_memory=True) as seen:
        merged(input_ids=ids, logits_to_keep=1)
    matrix = merged.lm_head.weight.nbytes
    assert max(event.cpu_memory_usage for event in seen.events()) < 32 * matrix


def test_nothing_to_merge_and_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no adapter: train it, or take one of data"):
        merge_adapter(None, tmp_path)
    with pytest.raises(ValueError, match="nothing to train on: give at least one pair"):
        train(None, None, [], SETTINGS, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_interrupted_it_goes_on_and_ends_where_it_would_have(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    _, first = run(tmp_path / "cut", stop=5)
    assert [step.done for step in first] == [1, 2, 3, 4, 5]
    assert not (tmp_path / "cut" / "adapter_config.json").exists()
    _, second = run(tmp_path / "cut")
    assert [step.done for step in second] == [5, 6, 7, STEPS]
    assert [p.name for p in (tmp_path / "cut").iterdir() if p.is_dir()] == []
    cut = adapter(tmp_path / "cut")
    torch.testing.assert_close(cut, adapter(tmp_path / "whole"), rtol=1e-2, atol=1e-3)


def checkpoint(folder: Path, step: int) -> Path:
    return next(folder.glob(f"checkpoints-*/checkpoint-{step}"))


@pytest.mark.parametrize(("broken", "first"), [((4,), 3), ((4, 2), 1)], ids=["last", "all"])
@pytest.mark.parametrize("kept", [0, 100], ids=["empty", "cut off"])
def test_a_broken_checkpoint_is_passed_over(tmp_path: Path, broken, first, kept: int) -> None:
    run(tmp_path, stop=5)
    for step in broken:
        state = next(tmp_path.glob(f"checkpoints-*/checkpoint-{step}")) / "trainer_state.json"
        state.write_bytes(state.read_bytes()[:kept])
    _, steps = run(tmp_path)
    assert [step.done for step in steps] == list(range(first, STEPS + 1))


@pytest.mark.parametrize(
    ("groups", "settings"),
    [(GROUPS[:-1] + GROUPS[:1], SETTINGS), (GROUPS, replace(SETTINGS, seed=1))],
    ids=["other pairs", "other settings"],
)
def test_other_pairs_or_settings_start_anew(tmp_path: Path, groups, settings) -> None:
    run(tmp_path, stop=5)
    old = next(tmp_path.glob("checkpoints-*"))
    _, steps = run(tmp_path, groups, settings)
    assert steps[0].done == 1 and steps[-1].done == STEPS and not old.exists()


def test_the_learning_rate_falls_over_the_last_steps_alone(tmp_path: Path) -> None:
    settings = replace(RECIPES["facts"].settings, epochs=20)
    made = finetune._arguments(settings, 100, tmp_path, False)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=settings.learning_rate)
    kind, more = made.lr_scheduler_type, made.lr_scheduler_kwargs
    schedule = get_scheduler(kind, optimizer, 8, 400, scheduler_specific_kwargs=more)
    rates = []
    for _ in range(400):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert {*rates[8:361]} == {1e-3} and rates[361:] == sorted(rates[361:], reverse=True)
    assert 0 < rates[-1] < 1e-5


def test_in_bf16_the_adapter_stays_fp32(tmp_path: Path) -> None:
    model, tokenizer = make_toy()
    heard: list[Step] = []
    tuned = train(model.bfloat16(), tokenizer, GROUPS, SETTINGS, tmp_path, heard.append)
    kinds = {("lora_" in name, weight.dtype) for name, weight in tuned.named_parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}
    assert heard[-1].loss < heard[0].loss
