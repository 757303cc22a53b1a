"""Packed decoding: shared beginnings, guesses, and the same text as greedy decoding by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen2Config, Qwen2ForCausalLM

from conftest import make_tiny
from test_generate import greedy, lively, one_thread  # noqa: F401
from utils.branches import Stretch, stretches
from utils.card import Card, write_card
from utils.draft import Drafter, Frame, Lookup
from utils.packed import NAME, ROUND, can_pack, decode_packed

SHARED = "The mayor of the town is a person; the harbour is a place."
PROMPTS = [
    "When was the bridge built?",
    "Who",
    f"{SHARED} Who is the mayor?",
    f"{SHARED} Which thing is the bell? On 3 May 1871.",
    f"{SHARED} Which thing is the bell? On 3 May 1871. Or later?",
    "When was the bridge built?",
    f"{SHARED} Which thing",
]
prompts_of_ids = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), max_size=12)


@given(prompts=prompts_of_ids, least=st.integers(1, 5))
def test_the_stretches_of_a_prompt_make_it_whole(prompts, least: int) -> None:
    made = stretches(prompts, least)
    for row, prompt in enumerate(prompts):
        own = [part for part in made if row in part.rows]
        assert [part.start for part in own] == [0, *[part.stop for part in own[:-1]]]
        assert own[-1].rows == (row,) and own[-1].stop == len(prompt) > own[-1].start
    for part in made:
        assert len({tuple(prompts[row][: part.stop]) for row in part.rows}) == 1
        assert len(part.rows) == 1 or part.stop - part.start >= least


def test_what_is_shared_is_read_once() -> None:
    made = stretches([[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 9]], 2)
    assert made == [
        Stretch((0, 1, 2), 0, 2),
        Stretch((0,), 2, 4),
        Stretch((1,), 2, 4),
        Stretch((2,), 2, 3),
    ]


@given(text=st.lists(st.integers(0, 3), max_size=40), first=st.booleans())
def test_a_lookup_finds_what_followed(text: list[int], first: bool) -> None:
    looked = Lookup(text, first)
    for size in (1, 2, 3):
        for start in range(len(text)):
            past = text[start : start + size]
            starts = [i for i in range(len(text) - size) if text[i : i + size] == past]
            if len(past) == size and starts:
                place = starts[0 if first else -1] + size
                assert looked.after(past, 4) == text[place : place + 4]
    assert looked.after([7], 4) == []


def test_the_frame_of_a_card_is_guessed_and_its_values_are_not(tiny) -> None:  # noqa: F811
    _, tokenizer = tiny
    text = write_card(Card(source=None, kind="number", answer="12"))
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    drafter = Drafter([1, 2, 3], Frame(tokenizer), ids[:2])
    assert drafter.guess() == ids[:2]
    right = 0
    for done in range(1, len(ids)):
        drafter.add(ids[done - 1 : done])
        guess = drafter.guess()
        right += bool(guess) and guess[0] == ids[done]
    assert drafter.is_card and right > len(ids) // 2
    prose = Drafter([1, 2, 3, 1], Frame(tokenizer))
    prose.add([ids[0] + 1])
    assert not prose.is_card


def drafters(tokenizer, ids: list[list[int]], openings) -> list[Drafter]:
    frame = Frame(tokenizer)
    return [Drafter(prompt, frame, o) for prompt, o in zip(ids, openings, strict=True)]


@pytest.mark.parametrize("new", [1, 2, 12])
def test_the_text_is_that_of_greedy_decoding(lively, new: int) -> None:  # noqa: F811
    model, tokenizer = lively
    ids = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    wanted = [greedy(model, tokenizer, prompt, new) for prompt in PROMPTS]
    wrong, right = [[5, 6, 7]] * len(ids), [row[:5] for row in wanted]
    for openings in (wrong, right, [[]] * len(ids)):
        with torch.inference_mode():
            made = drafters(tokenizer, ids, openings)
            got = decode_packed(model, ids, made, new, [tokenizer.eos_token_id])
        assert got == wanted


def test_steps_have_few_lengths(lively) -> None:  # noqa: F811
    model, tokenizer = lively
    ids = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    lengths: list[int] = []
    watch = model.register_forward_pre_hook(
        lambda _, given, named: lengths.append(named["input_ids"].shape[1]), with_kwargs=True
    )
    with torch.inference_mode():
        decode_packed(model, ids, drafters(tokenizer, ids, [[]] * len(ids)), 12, [])
    watch.remove()
    assert len(lengths) > 1 and all(length % ROUND == 0 for length in lengths)


def test_every_row_stops_at_its_own_end(lively) -> None:  # noqa: F811
    model, tokenizer = lively
    ids = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    free = [greedy(model, tokenizer, prompt, 12) for prompt in PROMPTS]
    ends = sorted({free[0][3], free[1][6], tokenizer.eos_token_id})
    stops = [[i for i, token in enumerate(row) if token in ends] for row in free]
    wanted = [row[: stop[0]] if stop else row for row, stop in zip(free, stops, strict=True)]
    assert len({len(row) for row in wanted}) >= 3
    with torch.inference_mode():
        made = drafters(tokenizer, ids, free)
        assert decode_packed(model, ids, made, 12, ends) == wanted


def test_right_guesses_need_fewer_passes(lively) -> None:  # noqa: F811
    model, tokenizer = lively
    ids = [tokenizer(PROMPTS[0])["input_ids"]]
    free = greedy(model, tokenizer, PROMPTS[0], 12)

    def passes(opening: list[int]) -> int:
        count = []
        hook = model.register_forward_hook(lambda *_: count.append(1))
        with torch.inference_mode():
            decode_packed(model, ids, drafters(tokenizer, ids, [opening]), 12, [])
        hook.remove()
        return len(count)

    assert passes(free[:10]) < passes([])


def test_another_kind_of_model_is_packed_too() -> None:
    _, tokenizer = make_tiny()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), **sizes, **heads)).eval()
    assert can_pack(model)
    ids = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    with torch.inference_mode():
        made = drafters(tokenizer, ids, [[]] * len(ids))
        got = decode_packed(model, ids, made, 8, [tokenizer.eos_token_id])
    assert got == [greedy(model, tokenizer, prompt, 8) for prompt in PROMPTS]


def test_the_model_keeps_its_own_attention(lively) -> None:  # noqa: F811
    model, tokenizer = lively
    before = model.config._attn_implementation
    with torch.inference_mode():
        decode_packed(model, [[3, 4]], drafters(tokenizer, [[3, 4]], [[]]), 2, [])
    assert model.config._attn_implementation == before != NAME


def test_models_that_look_at_a_window_only_are_not_packed() -> None:
    model, _ = make_tiny()
    assert can_pack(model)
    model.config.layer_types = ["full_attention", "sliding_attention"]
    assert not can_pack(model)
    assert not can_pack(torch.nn.Linear(2, 2))
