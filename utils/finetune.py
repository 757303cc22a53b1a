"""LoRA fine-tuning with TRL: prompt-completion pairs, loss on the completion only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Sequence

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from torch.nn import functional as F
from transformers import set_seed
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer


@dataclass(frozen=True)
class Settings:
    """The named settings of one training run."""

    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-3
    batch_size: int = 8
    epochs: float = 1.0
    warmup: float = 0.05
    schedule: str = "cosine"
    seed: int = 0
    save_steps: int = 50


@dataclass(frozen=True)
class Pair:
    """A training pair: the rendered prompt and the completion the loss is taken on."""

    prompt: str
    completion: str


class CompletionTrainer(SFTTrainer):
    """TRL's SFTTrainer with the same loss, computed only where a completion token is predicted.

    TRL projects every position, the prompt's too, onto the 49,152 words of the vocabulary
    and adds entropies for its log; here the hidden states are gathered first. The loss is
    TRL's: summed negative log-likelihood over the number of completion tokens.
    """

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if return_outputs:
            return super().compute_loss(model, inputs, True, num_items_in_batch)
        causal = self.accelerator.unwrap_model(model).get_base_model()
        hidden = causal.model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        ).last_hidden_state
        wanted = inputs["labels"][:, 1:]
        kept = wanted != -100
        logits = causal.lm_head(hidden[:, :-1][kept])
        count = kept.sum() if num_items_in_batch is None else num_items_in_batch
        return F.cross_entropy(logits.float(), wanted[kept], reduction="sum") / count


def train(model, tokenizer, pairs: Sequence[Pair], settings: Settings, folder: Path, callbacks=()):
    """Train a LoRA adapter on the pairs and save it to `folder`; returns the PeftModel."""
    set_seed(settings.seed)
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    tuned = get_peft_model(model, lora, autocast_adapter_dtype=False)
    arguments = SFTConfig(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=settings.batch_size,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup,
        seed=settings.seed,
        bf16=False,
        gradient_checkpointing=False,
        train_sampling_strategy="group_by_length",
        max_length=None,
        save_steps=settings.save_steps,
        save_total_limit=1,
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
    )
    trainer = CompletionTrainer(
        tuned,
        arguments,
        train_dataset=Dataset.from_list([asdict(pair) for pair in pairs]),
        processing_class=tokenizer,
        callbacks=list(callbacks),
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(arguments.output_dir) if (folder / "checkpoints").is_dir() else None)
    tuned.save_pretrained(folder)
    return tuned
