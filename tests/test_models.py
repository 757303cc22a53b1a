"""Loading, conversion, device and weights hash, on tiny random models made here. No network."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertModel

from utils import fetch, models
from utils.models import ModelError

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"
CHAT = [{"role": "user", "content": "ab, naïve?\n 12"}, {"role": "assistant", "content": "{}"}]
WIDTH, HEADS, LAYERS, INNER = 32, 4, 2, 64


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No variable of the caller, an empty cache, no network, a fresh choice of device."""
    for name in ("MODEL", "EMBEDDER", "DEVICE"):
        monkeypatch.delenv(f"FORM_AND_FACTS_{name}", raising=False)
    monkeypatch.setenv("FORM_AND_FACTS_CACHE", str(tmp_path / "cache"))

    def refuse(*args, **more):
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    models.device_and_dtype.cache_clear()
    yield
    models.device_and_dtype.cache_clear()


@pytest.fixture(scope="module")
def tiny_gguf(tmp_path_factory) -> Path:
    """A Llama of two layers with a tokenizer of single bytes, as a GGUF file."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters, "ab"]
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(128)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_token_list(tokens)
    out.add_token_types([3, 3, 3] + [1] * (len(letters) + 1))
    out.add_token_merges(["a b"])
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)
    out.add_pad_token_id(2)
    out.add_chat_template(TEMPLATE)
    random = np.random.default_rng(0)
    for name, shape in shapes(len(tokens)).items():
        out.add_tensor(name, random.normal(0, 0.1, shape).astype(np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a small Llama's tensors; the output layer is the embedding."""
    found = {"token_embd.weight": (vocabulary, WIDTH), "output_norm.weight": (WIDTH,)}
    for layer in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            found[f"blk.{layer}.{part}.weight"] = (WIDTH, WIDTH)
        for part in ("attn_norm", "ffn_norm"):
            found[f"blk.{layer}.{part}.weight"] = (WIDTH,)
        found[f"blk.{layer}.ffn_gate.weight"] = (INNER, WIDTH)
        found[f"blk.{layer}.ffn_up.weight"] = (INNER, WIDTH)
        found[f"blk.{layer}.ffn_down.weight"] = (WIDTH, INNER)
    return found


@pytest.fixture(scope="module")
def tiny(tiny_gguf, tmp_path_factory) -> Path:
    """The same model after our conversion."""
    out = tmp_path_factory.mktemp("converted") / "tiny"
    fetch.convert(tiny_gguf, out)
    return out


def test_conversion_keeps_the_weights_the_template_and_the_ids(tiny_gguf, tiny):
    source = {"pretrained_model_name_or_path": tiny_gguf.parent, "gguf_file": tiny_gguf.name}
    before = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    ids = AutoTokenizer.from_pretrained(**source).apply_chat_template(CHAT)["input_ids"]
    model, tokenizer = models.load_model(str(tiny), torch.float32)
    assert models.weights_hash(model) == models.weights_hash(before)
    assert tokenizer.apply_chat_template(CHAT)["input_ids"] == ids
    assert tokenizer.chat_template == TEMPLATE
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 0)
    assert (model.config.eos_token_id, model.config.pad_token_id) == (2, 0)
    assert model.generation_config.pad_token_id == 0 and tokenizer.model_max_length == 128


def test_a_model_loads_in_eval_mode_with_padding_on_the_left(tiny, monkeypatch, capfd):
    monkeypatch.setenv("FORM_AND_FACTS_DEVICE", "cpu")
    monkeypatch.setenv("FORM_AND_FACTS_MODEL", str(tiny))
    model, tokenizer = models.load_model(attention="eager")
    device, dtype = models.device_and_dtype()
    assert not model.training and model.device == device and model.dtype == dtype
    assert model.config._attn_implementation == "eager"
    assert tokenizer(["a", "bab"], padding=True)["attention_mask"][0][0] == 0
    assert capfd.readouterr() == ("", "")


def test_the_embedder_loads_from_a_folder_in_fp32(tmp_path, monkeypatch):
    folder = tmp_path / "bert"
    make_embedder(folder)
    monkeypatch.setenv("FORM_AND_FACTS_EMBEDDER", str(folder))
    embedder = models.load_embedder()
    assert embedder.device.type == "cpu"
    assert embedder.encode(["a b", "b"]).shape == (2, WIDTH)
    assert next(embedder.parameters()).dtype == torch.float32


def make_embedder(folder: Path) -> None:
    config = BertConfig(
        vocab_size=7,
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
    )
    BertModel(config).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
    (folder / "vocab.txt").write_text("\n".join(words))
    settings = {"tokenizer_class": "BertTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


NAMED = [
    ("no/such/folder", r"FORM_AND_FACTS_MODEL names 'no/such/folder', and there is no such folder"),
    ("/nowhere", "there is no such folder; name a folder that exists or a hub id"),
    ("EMPTY", "which holds no config.json; name a folder that save_pretrained wrote"),
    ("FILE", "there is no such folder"),
]


@pytest.mark.parametrize(("value", "wanted"), NAMED)
def test_a_variable_that_names_nothing_is_named(tmp_path, monkeypatch, value, wanted):
    (tmp_path / "FILE").write_text("")
    (tmp_path / "EMPTY").mkdir()
    value = str(tmp_path / value) if value.isupper() else value
    monkeypatch.setenv("FORM_AND_FACTS_MODEL", value)
    with pytest.raises(ModelError, match=wanted):
        models.model_source()


def test_a_hub_that_cannot_be_reached_is_one_sentence(monkeypatch):
    def refuse(*args, **more):
        raise OSError("We could not connect\nto the hub")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", refuse)
    monkeypatch.setenv("FORM_AND_FACTS_MODEL", "owner/name")
    assert models.model_source() == "owner/name"
    with pytest.raises(ModelError, match="FORM_AND_FACTS_MODEL names owner/name, which could not"):
        models.load_model()
    with pytest.raises(ModelError, match=r"from owner/other \(OSError: We could not connect\);"):
        models.load_model("owner/other")


def test_a_pickled_or_broken_model_is_refused(tiny, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    for path in tiny.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(ModelError, match="No model could be loaded from"):
        models.load_model(str(folder))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="No model could be loaded from"):
        models.load_model(str(folder))


DEVICES = [  # cuda there, its bf16, mps there, the CPU's report, the variable, device, bf16
    (True, True, False, {}, "", "cuda", True),
    (True, False, False, {"avx512_bf16": True}, "", "cuda", False),
    (False, False, True, {"avx512_bf16": True}, "", "mps", False),
    (False, False, False, {"avx512_bf16": True}, "", "cpu", True),
    (False, False, False, {"amx_bf16": True}, "", "cpu", True),
    (False, False, False, {"avx512_f": True}, "", "cpu", False),
    (True, True, False, {}, "CPU", "cpu", False),
]


@pytest.mark.parametrize(("cuda", "fast", "mps", "report", "named", "device", "bf16"), DEVICES)
def test_device_and_dtype(monkeypatch, cuda, fast, mps, report, named, device, bf16):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: fast)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: report, raising=False)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    monkeypatch.setenv("FORM_AND_FACTS_DEVICE", named)
    wanted = torch.device(device), torch.bfloat16 if bf16 else torch.float32
    assert models.device_and_dtype() == wanted


def test_a_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("FORM_AND_FACTS_DEVICE", "abacus")
    with pytest.raises(ModelError, match="DEVICE names 'abacus'.*unset it: .*cpu"):
        models.device_and_dtype()


class Tied(torch.nn.Module):
    def __init__(self, dtype: torch.dtype):
        super().__init__()
        values = torch.arange(12, dtype=torch.float32).reshape(3, 4).to(dtype)
        self.b = torch.nn.Parameter(values)
        self.a = self.b


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_hash_is_that_of_names_shapes_dtypes_and_bytes_once(dtype, monkeypatch):
    monkeypatch.setattr(models, "PIECE", 5)
    model = Tied(dtype)
    raw = model.b.detach().contiguous().view(torch.uint8).numpy().tobytes()
    naive = hashlib.sha256(f"a (3, 4) {dtype}\n".encode() + raw).hexdigest()
    assert models.weights_hash(model) == naive
    with torch.no_grad():
        model.b[2, 3] += 1
    assert models.weights_hash(model) != naive


def test_importing_is_instant():
    code = "import sys, utils.models; print({'torch', 'transformers'} & set(sys.modules))"
    found = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=os.environ)
    assert found.strip() == b"set()"
