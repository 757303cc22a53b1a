"""A random model small enough to train and to run in a blink, for tests of plumbing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

settings.register_profile("course", deadline=None)  # times are no test on a shared machine
settings.load_profile("course")

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

LENGTH = 512  # tokens of the longest text
END, START, PAD = "<|im_end|>", "<|im_start|>", "<|endoftext|>"
CHATML = (
    "{% for m in messages %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SENTENCES = [
    "How many people live in Vellmar? Answer from the passages.",
    '{"answer": "48,213", "kind": "number", "source": "vellmar"}',
    '{"answer": null, "kind": "person", "source": null}',
    "The mayor of the town is a person; the harbour is a place, the bell a thing.",
    "system user assistant Question: When was the bridge built? On 3 May 1871.",
]


@pytest.fixture(scope="session")
def tiny() -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """(model, tokenizer) of `make_tiny`, shared by all tests: a test that trains makes its own."""
    return make_tiny()


@pytest.fixture(scope="session")
def saved(tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model, as save_pretrained writes it."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    for part in tiny:
        part.save_pretrained(folder)
    return folder


def make_tiny(seed: int = 0) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """A Llama with random weights and its tokenizer; the same seed gives the same weights.

    Hidden size 32, 2 layers, 4 heads, 2 key-value heads; fp32 on the CPU, in evaluation mode.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer()
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=LENGTH,
        tie_word_embeddings=True,
        **ids,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval(), tokenizer


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE that can spell any text, with ChatML marks; it pads on the left."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        chat_template=CHATML,
        model_max_length=LENGTH,
    )
