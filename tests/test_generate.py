"""Batched generation against one prompt at a time, its counts, and the batches themselves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from conftest import END, make_tiny
from utils import decode
from utils import generate as module
from utils.generate import Completion, batches, generate, neighbours

PROMPTS = [
    "When was the bridge built?",
    "Who",
    "The mayor of the town is a person; the harbour is a place, the bell a thing.",
    "Question: How many people live in Vellmar? Answer from the passages.",
    "When was the bridge built?",
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The model is too small for two: beside other work they would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def lively():
    """The tiny model with stronger weights and a last layer of its own.

    With small weights and tied ends it repeats its last token, whatever stood before it.
    """
    model, tokenizer = make_tiny()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for name, weight in model.named_parameters():
            if name.endswith("proj.weight"):
                weight.mul_(20)
        own = torch.nn.Linear(model.config.hidden_size, len(tokenizer), bias=False)
        model.lm_head = own
    return model, tokenizer


def alone(lively, prompt: str, new: int) -> Completion:
    return generate(*lively, [prompt], new)[0]


def greedy(model, tokenizer, prompt: str, new: int) -> list[int]:
    """The oracle: the whole text through the model once a token, the likeliest taken."""
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    written: list[int] = []
    with torch.no_grad():
        while len(written) < new:
            logits = model(torch.tensor([ids + written])).logits[0, -1]
            token = int(logits.argmax())
            if token == tokenizer.eos_token_id:
                break
            written.append(token)
    return written


def test_a_batch_gives_what_each_prompt_gives_alone(lively) -> None:
    together = generate(*lively, PROMPTS, 12)
    assert len({completion.text for completion in together}) == 4  # the last repeats the first
    for prompt, got in zip(PROMPTS, together, strict=True):
        one = alone(lively, prompt, 12)
        assert (got.text, got.prompt_tokens, got.completion_tokens) == (
            one.text,
            one.prompt_tokens,
            one.completion_tokens,
        )


def test_it_agrees_with_greedy_decoding_by_hand(lively) -> None:
    model, tokenizer = lively
    for prompt, got in zip(PROMPTS, generate(model, tokenizer, PROMPTS, 4), strict=True):
        ids = greedy(model, tokenizer, prompt, 4)
        assert got.text == tokenizer.decode(ids, skip_special_tokens=True)
        assert got.completion_tokens == len(ids)


def test_tokens_and_seconds_are_counted(lively) -> None:
    _, tokenizer = lively
    heard: list[int] = []
    found = generate(*lively, PROMPTS, 5, heard.append)
    assert [c.prompt_tokens for c in found] == [len(tokenizer(p)["input_ids"]) for p in PROMPTS]
    assert all(0 <= c.completion_tokens <= 5 and c.seconds > 0 for c in found)
    assert sum(heard) == len(PROMPTS)


def test_small_batches_keep_the_order(lively, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [c.text for c in generate(*lively, PROMPTS, 6)]
    monkeypatch.setattr(module.neighbours, "__defaults__", (40,))
    heard: list[int] = []
    assert [c.text for c in generate(*lively, PROMPTS, 6, heard.append)] == whole
    assert len(heard) > 2


def test_nothing_asked_nothing_answered(lively) -> None:
    assert generate(*lively, []) == [] and batches([], 10) == [] == neighbours([], 10)


def test_padded_and_packed_write_the_same(lively, monkeypatch: pytest.MonkeyPatch) -> None:
    openings = ["{", "", "The mayor", "When was", "W"]
    packed = [
        (c.text, c.completion_tokens) for c in generate(*lively, PROMPTS, 9, openings=openings)
    ]
    monkeypatch.setattr("utils.packed.can_pack", lambda model: False)
    padded = [
        (c.text, c.completion_tokens) for c in generate(*lively, PROMPTS, 9, openings=openings)
    ]
    assert packed == padded


def test_it_stops_at_the_end_token() -> None:
    """A model whose last layer always prefers the end token writes nothing at all."""
    model, tokenizer = make_tiny(1)
    end = tokenizer.convert_tokens_to_ids(END)
    rows = model.get_output_embeddings().weight.detach().clone()
    model.lm_head = torch.nn.Linear(rows.shape[1], rows.shape[0], bias=True)
    model.lm_head.weight.data = rows
    model.lm_head.bias.data = 1e4 * torch.eye(rows.shape[0])[end]
    for found in generate(model, tokenizer, PROMPTS, 9):
        assert (found.text, found.completion_tokens) == ("", 0)


def library(lively, new: int, ends: list[int]) -> list[list[int]]:
    """The oracle: transformers' own greedy generation of the batch, cut at the end tokens."""
    model, tokenizer = lively
    inputs = tokenizer(PROMPTS, return_tensors="pt", padding=True, padding_side="left")
    settings = {"do_sample": False, "pad_token_id": tokenizer.pad_token_id, "eos_token_id": ends}
    out = model.generate(**inputs, max_new_tokens=new, **settings)
    rows = out[:, inputs["input_ids"].shape[1] :].tolist()
    stops = [[i for i, token in enumerate(row) if token in ends] for row in rows]
    return [row[: stop[0]] if stop else row for row, stop in zip(rows, stops, strict=True)]


@pytest.mark.parametrize("drop_at", [0.75, 1.0, 0.0])
def test_a_batch_is_decoded_as_transformers_does(lively, drop_at, monkeypatch) -> None:
    """Rows end at different steps, and are dropped early, at once, or never."""
    model, tokenizer = lively
    monkeypatch.setattr(decode, "DROP_AT", drop_at)
    free = library(lively, 12, [tokenizer.eos_token_id])
    ends = sorted({free[0][3], free[1][6], tokenizer.eos_token_id})
    wanted = library(lively, 12, ends)
    assert len({len(row) for row in wanted}) >= 3
    inputs = tokenizer(PROMPTS, return_tensors="pt", padding=True, padding_side="left")
    with torch.inference_mode():
        assert decode.decode(model, inputs, 12, ends) == wanted


def test_a_model_with_sliding_layers_keeps_its_own_cache() -> None:
    plain = SimpleNamespace(layer_types=["full_attention"] * 3, num_hidden_layers=3)
    assert [layer.length for layer in decode._cache(plain, 9).layers] == [9] * 3
    sliding = make_tiny()[0].config
    sliding.layer_types = ["full_attention", "sliding_attention"]
    sliding.sliding_window = 8
    assert isinstance(decode._cache(sliding, 9), DynamicCache)


@pytest.mark.parametrize(
    ("named", "wanted"), [(None, [2]), (2, [2]), (7, [2, 7]), ([7, 2], [2, 7]), ([], [2])]
)
def test_end_tokens_are_the_tokenizers_and_the_models(named, wanted: list[int]) -> None:
    model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=named))
    assert module._end_tokens(model, SimpleNamespace(eos_token_id=2)) == wanted


@given(
    ids=st.lists(st.lists(st.integers(0, 3), max_size=60), max_size=40),
    new=st.integers(1, 64),
    budget=st.integers(1, 1000),
)
def test_batches_lose_nothing_and_keep_the_budget(ids, new: int, budget: int) -> None:
    for split in (batches, neighbours):
        found = split(ids, new, budget)
        assert sorted(i for batch in found for i in batch) == list(range(len(ids)))
        for batch in found:
            lengths = [len(ids[i]) + new for i in batch]
            cost = len(batch) * max(lengths) if split is batches else sum(lengths)
            assert cost <= budget or len(batch) == 1
    lengths = [len(ids[i]) for batch in batches(ids, new, budget) for i in batch]
    assert lengths == sorted(lengths, reverse=True)
    alike = [ids[i] for batch in neighbours(ids, new, budget) for i in batch]
    assert alike == sorted(alike)
