#!/usr/bin/env python3
"""Writes a model directory of a given shape with random weights.

For measurements: speed does not depend on what weights say. The directory holds
model.json and model.safetensors in the project's own form (HF 2-bit packing for
ternary, bit packing for binary weights) and no tokenizer.

    make_model.py --shape 2b-ternary out/     the shape of bitnet-b1.58-2B-4T
    make_model.py --shape 1.5b-w1a1 out/      the shape W1A1 papers quote
    make_model.py --shape tiny-ternary out/   seconds, for tests of this script
"""

import argparse
import json
import pathlib
import struct

import numpy as np

SHAPES = {
    "2b-ternary": dict(
        vocab_size=128256, hidden_size=2560, intermediate_size=6912,
        num_hidden_layers=30, num_attention_heads=20, num_key_value_heads=5,
        head_dim=128, max_position_embeddings=4096, hidden_act="relu2",
        theta=500000.0, weight="ternary"),
    "1.5b-w1a1": dict(
        vocab_size=32000, hidden_size=2048, intermediate_size=5632,
        num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=16,
        head_dim=128, max_position_embeddings=2048, hidden_act="silu",
        theta=10000.0, weight="binary"),
    "tiny-ternary": dict(
        vocab_size=300, hidden_size=192, intermediate_size=320,
        num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
        head_dim=32, max_position_embeddings=128, hidden_act="silu",
        theta=10000.0, weight="ternary"),
}


def tensors(shape):
    """Yields (name, dtype, dims) of every tensor."""
    hidden, inter = shape["hidden_size"], shape["intermediate_size"]
    heads = shape["num_attention_heads"] * shape["head_dim"]
    kv = shape["num_key_value_heads"] * shape["head_dim"]
    binary = shape["weight"] == "binary"
    yield "model.embed_tokens.weight", "F16", [shape["vocab_size"], hidden]
    yield "model.norm.weight", "F32", [hidden]
    for layer in range(shape["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        for norm, size in (("input_layernorm", hidden),
                           ("post_attention_layernorm", hidden),
                           ("self_attn.attn_sub_norm", heads),
                           ("mlp.ffn_sub_norm", inter)):
            yield prefix + norm + ".weight", "F32", [size]
        for name, n, k in (("self_attn.q_proj", heads, hidden),
                           ("self_attn.k_proj", kv, hidden),
                           ("self_attn.v_proj", kv, hidden),
                           ("self_attn.o_proj", hidden, heads),
                           ("mlp.gate_proj", inter, hidden),
                           ("mlp.up_proj", inter, hidden),
                           ("mlp.down_proj", hidden, inter)):
            packed = [n, k // 8] if binary else [n // 4, k]
            yield prefix + name + ".weight", "U8", packed
            yield prefix + name + ".weight_scale", "F32", [n if binary else 1]


def values(rng, name, dtype, dims, ternary):
    count = int(np.prod(dims))
    if dtype == "U8":
        if not ternary:
            return rng.integers(0, 256, count, dtype=np.uint8)
        # Every byte holds four codes of {0, 1, 2}.
        codes = np.array([a | b << 2 | c << 4 | d << 6 for a in range(3)
                          for b in range(3) for c in range(3)
                          for d in range(3)], dtype=np.uint8)
        return codes[rng.integers(0, 81, count, dtype=np.uint8)]
    if name.endswith("weight_scale"):
        return np.full(count, 0.02, np.float32)
    if dtype == "F32":
        return np.ones(count, np.float32)
    return (rng.standard_normal(count, dtype=np.float32) * 0.02).astype(
        np.float16)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("directory", type=pathlib.Path)
    args = parser.parse_args()
    shape = SHAPES[args.shape]
    ternary = shape["weight"] == "ternary"
    args.directory.mkdir(parents=True, exist_ok=True)

    size = {"U8": 1, "F16": 2, "F32": 4}
    header, end = {}, 0
    for name, dtype, dims in tensors(shape):
        bytes_ = int(np.prod(dims)) * size[dtype]
        header[name] = dict(dtype=dtype, shape=dims,
                            data_offsets=[end, end + bytes_])
        end += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = np.random.default_rng(args.seed)
    with open(args.directory / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, dtype, dims in tensors(shape):
            values(rng, name, dtype, dims, ternary).tofile(file)

    model = {
        "format": "bitnetc-model", "version": 1, "name": args.shape,
        **{key: shape[key] for key in (
            "vocab_size", "hidden_size", "intermediate_size",
            "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "head_dim", "max_position_embeddings", "hidden_act")},
        "norm": {"kind": "rms_norm", "eps": 1e-5, "bias": False},
        "sub_norms": {"attention": True, "ffn": True},
        "gated_ffn": True,
        "rope": {"kind": "half", "theta": shape["theta"]},
        "tie_word_embeddings": True,
        "quantization": {
            "weight": shape["weight"],
            "activation": "int8" if ternary else "sign",
            "scale": "tensor" if ternary else "row",
            "scale_op": "multiply",
            "packing": "hf_2bit" if ternary else "bits"},
        "tensors": ["model.safetensors"],
        "kv_cache": "f16",
    }
    (args.directory / "model.json").write_text(json.dumps(model, indent=1))


if __name__ == "__main__":
    main()
