"""Greedy decoding of a batch in one row of tokens, hardly padded: shared beginnings read once.

Every prompt has a region of its own in the memory of keys and values. A step hands the model
all new tokens of all prompts side by side, and attention looks, for each prompt, into its region
only. Tokens guessed by `draft` go along; those that the model would not have written are
forgotten. The text is that of greedy decoding one prompt at a time (tests compare).

It stands on transformers' attention interface. Only kinds of models that have been tried are
decoded so (`can_pack`); all others go through `decode`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F
from transformers import AttentionInterface, PreTrainedModel

from utils.branches import stretches
from utils.draft import Drafter

NAME = "packed"
KINDS = ("llama", "qwen2", "qwen3")  # with full attention in all layers
SLACK = 16  # tokens of room for guesses
# A step has a multiple of so many tokens: torch keeps a bf16 product's code for each new length,
# one or two megabytes of it (docs/log.md).
ROUND = 32


@dataclass(frozen=True)
class Span:
    """Tokens `start` to `stop` of a step, and the room `begin` to `end` that they look at."""

    start: int
    stop: int
    begin: int
    end: int


class Store:
    """Keys and values of all layers, each of shape (heads, places, size)."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.layers: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.spans: list[Span] = []
        self.to = self.of = torch.empty(0, dtype=torch.long)

    def expect(self, spans: list[Span], to: list[int], of: list[int], device) -> None:
        """Say what comes next: token `of[i]` of the step is kept at place `to[i]`."""
        self.spans = spans
        self.to, self.of = (torch.tensor(places, device=device) for places in (to, of))
        self.masks: dict[tuple[int, int], torch.Tensor] = {}

    def put(self, layer: int, keys: torch.Tensor, values: torch.Tensor):
        """Keep a step's keys and values of a layer, and give all that is kept there."""
        if layer == len(self.layers):
            heads, _, size = keys.shape
            room = (heads, self.places, size)
            self.layers.append((keys.new_zeros(room), values.new_zeros(room)))
        for kept, new in zip(self.layers[layer], (keys, values), strict=True):
            kept.index_copy_(1, self.to, new.index_select(1, self.of))
        return self.layers[layer]

    def mask(self, length: int, seen: int, groups: int) -> torch.Tensor | None:
        """Which of `seen` places each of the last `length` tokens may look at, once a group."""
        if length == 1:
            return None
        if (length, seen) not in self.masks:
            before = torch.ones(length, seen, dtype=torch.bool, device=self.to.device)
            self.masks[length, seen] = before.tril(seen - length).repeat(groups, 1)
        return self.masks[length, seen]


def attend(module, query, key, value, attention_mask, scaling=None, store=None, **_):
    """Attention of a step, span by span; shapes as transformers' attention interface has them.

    The query heads that share a key head are laid one after the other, so that none is copied.
    """
    keys, values = store.put(module.layer_idx, key[0], value[0])
    heads, size = keys.shape[0], query.shape[-1]
    groups = query.shape[1] // heads
    out = torch.zeros_like(query[0])
    for span in store.spans:
        length, seen = span.stop - span.start, span.end - span.begin
        found = F.scaled_dot_product_attention(
            query[0, :, span.start : span.stop].reshape(1, heads, groups * length, size),
            keys[None, :, span.begin : span.end],
            values[None, :, span.begin : span.end],
            attn_mask=store.mask(length, seen, groups),
            scale=scaling,
        )
        out[:, span.start : span.stop] = found.view(heads * groups, length, -1)
    return out.transpose(0, 1)[None].contiguous(), None


AttentionInterface.register(NAME, attend)


def can_pack(model) -> bool:
    """True for a model of a kind that has been tried, on the CPU.

    On a GPU a span at a time would leave it idle.
    """
    config = getattr(model, "config", None)
    full = set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
    plain = isinstance(model, PreTrainedModel) and not getattr(config, "use_sliding_window", None)
    return plain and full and config.model_type in KINDS and model.device.type == "cpu"


def decode_packed(
    model, prompts: Sequence[list[int]], drafters: Sequence[Drafter], new: int, ends: list[int]
) -> list[list[int]]:
    """Token ids written for each prompt, without the end token, as `decode.decode` gives them.

    Stops a prompt at a token of `ends` or after `new` tokens.
    """
    with _packed(model):
        batch = _Batch(model, prompts, drafters, new, ends)
        batch.read()
        while batch.live:
            batch.go_on()
    return [row.written for row in batch.rows]


@dataclass
class _Row:
    """One prompt: where its region begins, how many tokens it holds, what comes next."""

    begin: int
    held: int
    drafter: Drafter
    written: list[int]
    pending: list[int]  # chosen and not yet read, then guessed


class _Batch:
    def __init__(self, model, prompts, drafters, new: int, ends: list[int]) -> None:
        self.model, self.prompts, self.new, self.ends = model, prompts, new, set(ends)
        self.rows: list[_Row] = []
        place = 0
        for prompt, drafter in zip(prompts, drafters, strict=True):
            self.rows.append(_Row(place, 0, drafter, [], drafter.guess()[:SLACK]))
            place += len(prompt) + new + SLACK
        self.store = Store(place)
        self.live = list(self.rows)

    def read(self) -> None:
        """Read all prompts, what they share once, each with its first guess behind it."""
        ids, places, spans, to, of = [], [], [], [], []
        whole = [p + row.pending for p, row in zip(self.prompts, self.rows, strict=True)]
        last: dict[int, int] = {}
        for part in stretches(self.prompts):
            rows = [self.rows[i] for i in part.rows]
            own = len(rows) == 1 and part.stop == len(self.prompts[part.rows[0]])
            stop = len(whole[part.rows[0]]) if own else part.stop
            at = len(ids)
            ids += whole[part.rows[0]][part.start : stop]
            places += range(part.start, stop)
            spans.append(Span(at, len(ids), rows[0].begin, rows[0].begin + stop))
            for row in rows:
                to += range(row.begin + part.start, row.begin + stop)
                of += range(at, len(ids))
            if own:
                last[part.rows[0]] = at + part.stop - part.start - 1
        for row, prompt in zip(self.rows, self.prompts, strict=True):
            row.held = len(prompt)
        asked = [range(last[i], last[i] + 1 + len(row.pending)) for i, row in enumerate(self.rows)]
        self._step(ids, places, spans, to, of, asked, [row.pending for row in self.rows])

    def go_on(self) -> None:
        """Read what each prompt chose last, and its guess."""
        ids, places, spans, asked = [], [], [], []
        for row in self.live:
            at, end = len(ids), row.held + len(row.pending)
            ids += row.pending
            places += range(row.held, end)
            spans.append(Span(at, len(ids), row.begin, row.begin + end))
            asked.append(range(at, len(ids)))
        to = [row.begin + row.held + i for row in self.live for i in range(len(row.pending))]
        guesses = [row.pending[1:] for row in self.live]
        for row in self.live:
            row.held += 1
        self._step(ids, places, spans, to, list(range(len(ids))), asked, guesses)

    def _step(self, ids, places, spans, to, of, asked, guesses) -> None:
        """One pass through the model; then each row keeps what it would have written."""
        device = self.model.device
        self.store.expect(spans, to, of, device)
        filling = [0] * (-len(ids) % ROUND)  # tokens that nothing looks at
        out = self.model(
            input_ids=torch.tensor([ids + filling], device=device),
            position_ids=torch.tensor([places + filling], device=device),
            use_cache=False,
            store=self.store,
            logits_to_keep=torch.tensor([i for span in asked for i in span], device=device),
        )
        chosen = iter(out.logits[0].argmax(-1).tolist())
        for row, guess in zip(self.live, guesses, strict=True):
            self._keep(row, guess, [next(chosen) for _ in range(len(guess) + 1)])
        self.live = [row for row in self.live if row.pending]

    def _keep(self, row: _Row, guess: list[int], chosen: list[int]) -> None:
        """The guessed tokens up to the first that the model would not have chosen, and its own."""
        right = next((i for i, token in enumerate(guess) if token != chosen[i]), len(guess))
        row.held += right
        found = chosen[: right + 1][: self.new - len(row.written)]
        stop = next((i for i, token in enumerate(found) if token in self.ends), None)
        row.written += found[:stop]
        if stop is not None or len(row.written) == self.new:
            row.pending = []
            return
        row.drafter.add(found)
        left = self.new - len(row.written)
        row.pending = [found[-1], *row.drafter.guess()[: min(SLACK, left) - 1]]


@contextlib.contextmanager
def _packed(model) -> Iterator[None]:
    """The model with our attention, and its own again afterwards."""
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
