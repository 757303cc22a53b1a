"""Attention that reads the cache of keys and values once, for writing many answers on a CPU."""

from __future__ import annotations

import torch

NAME = "grouped"


def use_grouped_attention(model) -> None:
    """Let the model generate with grouped attention; results are those of "sdpa".

    SmolLM2 has nine query heads on three key heads. The usual way copies every key and value
    three times for each token written; on a CPU that copying takes longer than the products.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, grouped_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def grouped_attention(module, query, key, value, attention_mask, scaling=None, **kwargs):
    """One query token a sequence: products per key head. More than one: torch's own attention.

    Shapes: query (batch, heads, tokens, size), key and value (batch, key heads, length, size);
    returns (batch, tokens, heads, size) and None for the weights.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    batch, heads, tokens, size = query.shape
    if tokens > 1:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
    groups = query.reshape(batch, key.shape[1], heads // key.shape[1], size)
    scores = torch.matmul(groups, key.transpose(-1, -2)).float() * (scaling or size**-0.5)
    if attention_mask is not None:
        mask = attention_mask[..., -1:, : key.shape[2]]
        hidden = ~mask if mask.dtype == torch.bool else mask < 0
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1).to(value.dtype)
    read = torch.matmul(weights, value)
    return read.reshape(batch, 1, heads, size), None
