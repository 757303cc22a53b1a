"""LoRA fine-tuning with TRL: prompt-completion pairs, loss on the completion only."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig, PeftModel, get_peft_model
from peft.helpers import disable_input_dtype_casting
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import SFTConfig

from utils import parallel
from utils.fetch import quiet
from utils.models import device_and_dtype, load_model
from utils.pairs import Group, collate, make_row
from utils.trainer import CompletionTrainer, share


@dataclass(frozen=True)
class Settings:
    """The named settings of one training run. `epochs` are passes over the groups.

    A step sees `batch_size` groups; a smaller batch needs less memory. With the schedule
    "warmup_stable_decay" the learning rate falls over the last `decay_share` of the steps alone.
    """

    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-3
    batch_size: int = 8
    epochs: float = 1.0
    schedule: str = "cosine"
    warmup_share: float = 0.05
    decay_share: float = 0.0
    seed: int = 0
    save_steps: int = 25


@dataclass(frozen=True)
class Step:
    """How far a training is: steps done of all, and the mean loss of the step."""

    done: int
    total: int
    loss: float


Look = Callable[[int, PeftModel], None]


class _Watch(TrainerCallback):
    """Tells `tick` each step's loss, `sample` a few times on the way, `at_pass` each pass."""

    def __init__(self, tick, sample, at_pass):
        self.tick, self.sample, self.at_pass = tick, sample, at_pass

    def on_log(self, args, state, control, logs=None, **_):
        if logs and "loss" in logs:
            self.tick(Step(state.global_step, state.max_steps, float(logs["loss"])))

    def on_step_end(self, args, state, control, model=None, **_):
        if state.global_step % max(10, state.max_steps // 5) == 0 and parallel.is_main():
            model.eval()
            with torch.autocast(model.device.type, torch.bfloat16, enabled=args.bf16):
                self.sample(state.global_step, model)
            model.train()

    def on_epoch_end(self, args, state, control, model=None, **_):
        self.at_pass(round(state.epoch), model)


def train(
    model,
    tokenizer,
    groups: Sequence[Group],
    settings: Settings,
    folder: Path,
    tick: Callable[[Step], None] = lambda step: None,
    sample: Look = lambda step, model: None,
    at_pass: Look = lambda passes, model: None,
    start: Path | None = None,
) -> PeftModel:
    """Train a LoRA adapter on the groups of pairs and save it in `folder`.

    With `start`, the folder of an adapter, that one is trained on, whatever rank is set.

    `tick` hears of every step; `sample(step, model)` is called every fifth of the way, or
    every ten steps where that is more, to look at an answer, and `at_pass(passes, model)` after
    each pass.
    The model's own weights stay frozen. Interrupted, it goes on from the last whole
    checkpoint when called again with the same groups and settings; with others it starts anew.
    Raises ValueError for no pairs.
    """
    if not groups:
        raise ValueError("there is nothing to train on: give at least one pair")
    checkpoints = folder / f"checkpoints-{_fingerprint(groups, settings, start)}"
    resume = parallel.from_main(lambda: _last_whole(checkpoints))
    set_seed(settings.seed)
    disable_progress_bars()
    with quiet():
        tuned = _adapted(model, settings, start)
        trainer = CompletionTrainer(
            tuned,
            _arguments(settings, len(groups), checkpoints, model.dtype == torch.bfloat16),
            train_dataset=Dataset.from_list([make_row(group, tokenizer) for group in groups]),
            data_collator=lambda rows: collate(share(rows), tokenizer.pad_token_id),
            processing_class=tokenizer,
            callbacks=[_Watch(tick, sample, at_pass)],
        )
        trainer.remove_callback(PrinterCallback)  # `tick` tells what it would print
        with disable_input_dtype_casting(tuned), parallel.explained():
            trainer.train(resume_from_checkpoint=resume)
    save_adapter(tuned, folder)
    parallel.wait()
    if parallel.is_main():
        shutil.rmtree(checkpoints, ignore_errors=True)
    return tuned.eval()


def _adapted(model, settings: Settings, start: Path | None) -> PeftModel:
    """The model with a fresh adapter, or with that of `start` to train on (fp32 either way)."""
    if start is None:
        return get_peft_model(model, lora(settings))
    return PeftModel.from_pretrained(model, str(start), is_trainable=True)


def save_adapter(tuned: PeftModel, folder: Path) -> None:
    """Save the adapter alone: fp16 safetensors and its settings, no path of this machine.

    Of several processes the main one saves.
    """
    from safetensors.torch import load_file, save_file

    if not parallel.is_main():
        return
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    tuned.save_pretrained(making)
    weights = load_file(making / "adapter_model.safetensors")
    settings = json.loads((making / "adapter_config.json").read_text("utf-8"))
    settings["base_model_name_or_path"] = None
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half() for k, v in weights.items()}, making / "adapter_model.safetensors")
    (making / "adapter_model.safetensors").replace(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(
        json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    shutil.rmtree(making)


def merge_adapter(model, folder: Path, dtype=None):
    """The fp32 `model` with the adapter's change added into its weights, then cast to `dtype`.

    Merged, it generates as fast as the base model. Only the weights are cast: in bf16 the
    frequencies of the rotary position embedding, a buffer, would be off by up to 0.4 %, and a
    passage 300 tokens back would seem to stand elsewhere. Raises FileNotFoundError for no adapter.
    """
    if not (folder / "adapter_config.json").is_file():
        raise FileNotFoundError(
            f"{folder} holds no adapter: train it, or take one of data/adapters"
        )
    with quiet():
        merged = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    for weight in merged.parameters():
        weight.data = weight.data.to(dtype or device_and_dtype()[1])
    # As from_pretrained leaves them. For a batch of vectors and a frozen matrix torch chooses
    # another product, which copies the matrix for each row: 5 GB for the vocabulary and 100 rows.
    return merged.requires_grad_(True).eval()


def load_tuned(folder: Path, source: str | None = None, dtype=None):
    """As `models.load_model`, with the adapter in `folder` merged into the model.

    Raises FileNotFoundError for no adapter, ModelError for no model.
    """
    model, tokenizer = load_model(source, dtype=torch.float32)
    return merge_adapter(model, folder, dtype), tokenizer


def lora(settings: Settings) -> LoraConfig:
    """PEFT's settings: adapters on every linear layer but the vocabulary's."""
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _arguments(settings: Settings, groups: int, checkpoints: Path, bf16: bool) -> SFTConfig:
    """TRL's settings. With bf16 the frozen weights are bf16, the adapter and Adam stay fp32."""
    steps = math.ceil(groups / settings.batch_size / parallel.size()) * settings.epochs
    decay = {"num_decay_steps": round(settings.decay_share * steps)}
    made = SFTConfig(
        output_dir=str(checkpoints),
        per_device_train_batch_size=settings.batch_size,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        lr_scheduler_kwargs=decay if settings.decay_share else None,
        warmup_steps=settings.warmup_share,
        seed=settings.seed,
        save_steps=settings.save_steps,
        train_sampling_strategy="group_by_length",
        save_total_limit=2,
        logging_steps=1,
        max_length=None,
        remove_unused_columns=False,
        bf16=bf16,
        use_cpu=device_and_dtype()[0].type == "cpu",
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
        report_to=[],
        disable_tqdm=True,
        log_level="error",
    )
    made._n_gpu = min(made.n_gpu, 1)  # a process has one GPU; transformers would split each step
    return made


def _fingerprint(groups: Sequence[Group], settings: Settings, start: Path | None) -> str:
    """Twelve hex digits that change with the groups, the settings or the adapter to start from."""
    made = hashlib.sha256()
    made.update(json.dumps([asdict(settings), [asdict(group) for group in groups]]).encode())
    if start is not None:
        made.update((start / "adapter_model.safetensors").read_bytes())
    return made.hexdigest()[:12]


def _last_whole(checkpoints: Path) -> str | None:
    """The newest checkpoint that was written to its end; the Trainer's state is written last.

    Removes the broken ones, and those of other pairs or settings.
    """
    for stale in set(checkpoints.parent.glob("checkpoints-*")) - {checkpoints}:
        shutil.rmtree(stale)
    found = sorted(checkpoints.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    whole = [path for path in found if _is_json(path / "trainer_state.json")]
    for broken in set(found) - set(whole):
        shutil.rmtree(broken)
    return str(whole[-1]) if whole else None


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return True
