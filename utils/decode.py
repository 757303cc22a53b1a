"""Greedy decoding of a batch: keys and values written in place, finished rows dropped."""

from __future__ import annotations

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

DROP_AT = 0.75  # a batch is packed anew when at most this share of its rows is still writing


class Room(DynamicLayer):
    """A cache layer with room for `length` tokens, so that no step copies what is there already.

    transformers' own layer concatenates, which copies the whole batch's keys at every token.
    """

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def update(self, key_states, value_states, *args, **kwargs):
        """Keys and values so far, each of shape (rows, heads, tokens, size), new ones last."""
        start = self.get_seq_length()
        stop = start + key_states.shape[-2]
        if not self.is_initialized:
            self.dtype, self.device = key_states.dtype, key_states.device
            self.all = [_room(states, self.length) for states in (key_states, value_states)]
            self.is_initialized = True
        for whole, new in zip(self.all, (key_states, value_states), strict=True):
            whole[..., start:stop, :] = new
        self.keys, self.values = (whole[..., :stop, :] for whole in self.all)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Tokens held."""
        return self.keys.shape[-2] if self.is_initialized else 0

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows of the batch."""
        stop = self.get_seq_length()
        self.all = [whole[indices] for whole in self.all]
        self.keys, self.values = (whole[..., :stop, :] for whole in self.all)


def decode(model, inputs, new: int, ends: list[int]) -> list[list[int]]:
    """Token ids written for each row of left-padded `inputs`, without the end token.

    The same tokens as `model.generate(do_sample=False)`. Stops a row at a token of `ends`
    or after `new` tokens.
    """
    mask = inputs["attention_mask"]
    rows = torch.arange(len(mask), device=mask.device)
    written: list[list[int]] = [[] for _ in rows]
    cache = _cache(model.config, mask.shape[1] + new)
    ids, places = inputs["input_ids"], (mask.cumsum(-1) - 1).clamp(min=0)
    stops = torch.tensor(ends, device=mask.device)
    for _ in range(new):
        chosen = _next(model, ids, mask, places, cache)
        writing = ~torch.isin(chosen, stops)
        for row, token, goes_on in zip(
            rows.tolist(), chosen.tolist(), writing.tolist(), strict=True
        ):
            if goes_on and row >= 0:
                written[row].append(token)
        rows = torch.where(writing, rows, -1)
        live = rows >= 0
        if not live.any():
            break
        if live.float().mean() <= DROP_AT:
            kept = live.nonzero()[:, 0]
            cache.batch_select_indices(kept)
            rows, chosen, mask, places = (part[kept] for part in (rows, chosen, mask, places))
        ids, places = chosen[:, None], places[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
    return written


def _next(model, ids, mask, places, cache) -> torch.Tensor:
    """The likeliest next token of each row."""
    out = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=places,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return out.logits[:, -1].argmax(-1)


def _cache(config, length: int) -> Cache:
    """A cache with room for `length` tokens; the model's own kind where layers slide or differ."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"} or getattr(config, "sliding_window", None):
        return DynamicCache(config=config)
    return Cache(layers=[Room(length) for _ in range(config.num_hidden_layers)])


def _room(states: torch.Tensor, length: int) -> torch.Tensor:
    rows, heads, _, size = states.shape
    return states.new_empty(rows, heads, length, size)
