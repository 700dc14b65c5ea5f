"""Write a trained checkpoint as a model directory that bitnetc compiles.

    export.py CHECKPOINT.pt TOKENIZER_DIR OUT_DIR --name story-w1a1

The directory gets model.json, model.safetensors and copies of the tokenizer
files.  Ternary weights are stored in Hugging Face's 2-bit packing, binary ones
as plain bits (least significant bit first, 1 for +1); embeddings, whose rows are
multiples of 1/127 of their largest element, as float16.
"""
import argparse
import json
import os
import shutil

import numpy as np
import torch

from bitlinear import RoundRows
from model import Config, Model
from tokenizer import Tokenizer

DTYPES = {"float32": "F32", "float16": "F16", "uint8": "U8"}
# Of each kind: ternary weights?, activation, what shares a scale
FORMS = {"ternary": (True, "int8", "tensor"), "w1a8": (False, "int8", "row"),
         "w1a1": (False, "sign", "row"), "w1a1-plain": (False, "sign", "tensor")}
ATTENTION, FFN = ("q_proj", "k_proj", "v_proj", "o_proj"), ("gate_proj", "up_proj", "down_proj")


def write_safetensors(path, tensors):
    header, blobs, offset = {}, [], 0
    for name in sorted(tensors):
        data = np.ascontiguousarray(tensors[name])
        header[name] = {"dtype": DTYPES[data.dtype.name], "shape": list(data.shape),
                        "data_offsets": [offset, offset + data.nbytes]}
        blobs.append(data.tobytes())
        offset += data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def pack_ternary(w):
    """Byte [r][c]: bits 2i..2i+1 hold w+1 of row i*(N/4)+r, column c."""
    quarter = len(w) // 4
    codes = (w + 1).astype(np.uint8)
    out = np.zeros((quarter, w.shape[1]), np.uint8)
    for i in range(4):
        out |= codes[i * quarter:(i + 1) * quarter] << (2 * i)
    return out


def pack_binary(w):
    return np.packbits(w > 0, axis=1, bitorder="little")


def tensors_of(model):
    pack = pack_ternary if FORMS[model.c.kind][0] else pack_binary
    embed = RoundRows.apply(model.embed.detach()).numpy()
    out = {"model.embed_tokens.weight": embed.astype(np.float16),
           "model.norm.weight": model.norm.weight.detach().numpy()}
    for i, block in enumerate(model.blocks):
        prefix = "model.layers.%d." % i
        for name, part in (("input_layernorm", ""), ("post_attention_layernorm", ""),
                           ("attn_sub_norm", "self_attn."), ("ffn_sub_norm", "mlp.")):
            for key, value in getattr(block, name).named_parameters():
                out[prefix + part + name + "." + key] = value.detach().numpy()
        if model.c.binary_attention:
            out[prefix + "self_attn.score_scale"] = block.score_scale.detach().numpy()
        for part, names in (("self_attn.", ATTENTION), ("mlp.", FFN)):
            for name in names:
                weight, scale = getattr(block, name).export()
                out[prefix + part + name + ".weight"] = pack(weight.numpy())
                out[prefix + part + name + ".weight_scale"] = scale.numpy().astype(np.float32)
    return out


def description(c, name, tokenizer):
    ternary, activation, scale = FORMS[c.kind]
    quantization = {"weight": "ternary" if ternary else "binary", "activation": activation,
                    "scale": scale, "scale_op": "multiply",
                    "packing": "hf_2bit" if ternary else "bits"}
    attention = {"kv_cache": "b1", "score_scale": True} if c.binary_attention else {
        "kv_cache": "f16"}
    return {
        "format": "bitnetc-model", "version": 1, "name": name,
        "vocab_size": c.vocab_size, "hidden_size": c.hidden_size,
        "intermediate_size": c.intermediate_size, "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads, "num_key_value_heads": c.kv_heads,
        "head_dim": c.head_dim, "max_position_embeddings": c.context,
        "norm": {"kind": "rms_norm", "eps": c.eps, "bias": c.norm_bias},
        "sub_norms": {"attention": True, "ffn": True},
        "hidden_act": c.act, "gated_ffn": True,
        "rope": {"kind": "half", "theta": c.theta},
        "tie_word_embeddings": True, "quantization": quantization,
        "tensors": ["model.safetensors"], "tokenizer": "tokenizer.json",
        "generation": {"bos_token_id": tokenizer.bos, "eos_token_id": [tokenizer.eos]},
        **attention}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("checkpoint")
    p.add_argument("tokenizer")
    p.add_argument("output")
    p.add_argument("--name", required=True)
    a = p.parse_args()
    saved = torch.load(a.checkpoint, map_location="cpu")
    model = Model(Config(**saved["config"]))
    model.load_state_dict(saved["model"])
    os.makedirs(a.output, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model"):
        source = os.path.join(a.tokenizer, name)
        if os.path.exists(source) and os.path.abspath(a.tokenizer) != os.path.abspath(a.output):
            shutil.copyfile(source, os.path.join(a.output, name))
    tokenizer = Tokenizer(os.path.join(a.output, "tokenizer.json"))
    write_safetensors(os.path.join(a.output, "model.safetensors"), tensors_of(model))
    with open(os.path.join(a.output, "model.json"), "w", encoding="utf-8") as f:
        json.dump(description(model.c, a.name, tokenizer), f, indent=2)
        f.write("\n")
    size = sum(os.path.getsize(os.path.join(a.output, n)) for n in os.listdir(a.output))
    print("wrote %s, %d bytes, step %d" % (a.output, size, saved["step"]))


if __name__ == "__main__":
    main()
