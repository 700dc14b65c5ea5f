#!/usr/bin/env python3
"""Writes a model directory of a given shape with random weights.

For measurements: speed does not depend on what weights say. The directory holds
model.json and model.safetensors in the project's own form (HF 2-bit packing for
ternary, bit packing for binary weights) and no tokenizer; or, of a ternary
shape with norms inside the blocks, a Hugging Face directory in several files
(--form hf) or a GGUF file (--form gguf: I2_S).

    make_model.py --shape 2b-ternary out/     the shape of bitnet-b1.58-2B-4T
    make_model.py --shape 8b-ternary out/     the shape of Llama3-8B-1.58
    make_model.py --shape 1.5b-w1a1 out/      the shape W1A1 papers quote
    make_model.py --shape 1.7b-bonsai out/    the shape of Bonsai 1.7B (Qwen3)
    make_model.py --shape medium-ternary out/ seconds, for tests of memory
    make_model.py --shape tiny-ternary out/   less, for tests of this script
    make_model.py --shape tiny-w1a1 out/      likewise

--kv b1 makes a model of binary attention, --score-scale gives it a factor of
scores for each head, --head-dim changes that of the shape.
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
    "8b-ternary": dict(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336,
        num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
        head_dim=128, max_position_embeddings=8192, hidden_act="silu",
        theta=500000.0, weight="ternary", sub_norms=False, tied=False),
    "1.5b-w1a1": dict(
        vocab_size=32000, hidden_size=2048, intermediate_size=5632,
        num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=16,
        head_dim=128, max_position_embeddings=2048, hidden_act="silu",
        theta=10000.0, weight="binary"),
    "1.7b-bonsai": dict(
        vocab_size=151936, hidden_size=2048, intermediate_size=6144,
        num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8,
        head_dim=128, max_position_embeddings=8192, hidden_act="silu",
        theta=1000000.0, weight="binary", sub_norms=False, group=128),
    "medium-ternary": dict(
        vocab_size=32000, hidden_size=1024, intermediate_size=4096,
        num_hidden_layers=12, num_attention_heads=16, num_key_value_heads=4,
        head_dim=64, max_position_embeddings=512, hidden_act="relu2",
        theta=10000.0, weight="ternary"),
    "tiny-ternary": dict(
        vocab_size=300, hidden_size=192, intermediate_size=320,
        num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
        head_dim=32, max_position_embeddings=128, hidden_act="silu",
        theta=10000.0, weight="ternary"),
    "tiny-w1a1": dict(
        vocab_size=300, hidden_size=192, intermediate_size=320,
        num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
        head_dim=32, max_position_embeddings=512, hidden_act="silu",
        theta=10000.0, weight="binary"),
}


def tensors(shape):
    """Yields (name, dtype, dims) of every tensor."""
    hidden, inter = shape["hidden_size"], shape["intermediate_size"]
    heads = shape["num_attention_heads"] * shape["head_dim"]
    kv = shape["num_key_value_heads"] * shape["head_dim"]
    binary, group = shape["weight"] == "binary", shape.get("group")

    def matrix(name, n, k):
        yield name + ".weight", "U8", [n, k // 8] if binary else [n // 4, k]
        if group:
            yield name + ".weight_scale", "F16", [n, k // group]
        else:
            yield name + ".weight_scale", "F32", [n if binary else 1]

    if group:
        yield from matrix("model.embed_tokens", shape["vocab_size"], hidden)
    else:
        yield "model.embed_tokens.weight", "F16", [shape["vocab_size"], hidden]
    yield "model.norm.weight", "F32", [hidden]
    if not shape.get("tied", True):
        yield "lm_head.weight", "F16", [shape["vocab_size"], hidden]
    for layer in range(shape["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        for norm, size in (("input_layernorm", hidden),
                           ("post_attention_layernorm", hidden),
                           ("self_attn.attn_sub_norm", heads),
                           ("mlp.ffn_sub_norm", inter)):
            if "sub_norm" in norm and not shape.get("sub_norms", True):
                continue
            yield prefix + norm + ".weight", "F32", [size]
        for norm in ("q_norm", "k_norm") if group else ():
            yield f"{prefix}self_attn.{norm}.weight", "F32", [shape["head_dim"]]
        if shape.get("score_scale"):
            yield (prefix + "self_attn.score_scale", "F32",
                   [shape["num_attention_heads"]])
        for name, n, k in (("self_attn.q_proj", heads, hidden),
                           ("self_attn.k_proj", kv, hidden),
                           ("self_attn.v_proj", kv, hidden),
                           ("self_attn.o_proj", hidden, heads),
                           ("mlp.gate_proj", inter, hidden),
                           ("mlp.up_proj", inter, hidden),
                           ("mlp.down_proj", hidden, inter)):
            yield from matrix(prefix + name, n, k)


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
        return np.full(count, 0.02, np.float16 if dtype == "F16" else np.float32)
    if name.endswith("score_scale"):
        return rng.uniform(0.5, 2, count).astype(np.float32)
    if dtype == "F32":
        return np.ones(count, np.float32)
    return (rng.standard_normal(count, dtype=np.float32) * 0.02).astype(
        np.float16)


SIZE = {"U8": 1, "F16": 2, "F32": 4}


def write_safetensors(path, items, rng, ternary):
    header, end = {}, 0
    for name, dtype, dims in items:
        bytes_ = int(np.prod(dims)) * SIZE[dtype]
        header[name] = dict(dtype=dtype, shape=dims,
                            data_offsets=[end, end + bytes_])
        end += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, dtype, dims in items:
            values(rng, name, dtype, dims, ternary).tofile(file)


SIZES = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
         "num_attention_heads", "num_key_value_heads", "head_dim",
         "max_position_embeddings", "hidden_act")


def write_json(directory, name, shape, rng):
    ternary = shape["weight"] == "ternary"
    write_safetensors(directory / "model.safetensors", list(tensors(shape)),
                      rng, ternary)
    sub_norms, group = shape.get("sub_norms", True), shape.get("group")
    quantization = {
        "weight": shape["weight"],
        "activation": "int8" if ternary else "int16" if group else "sign",
        "scale": "tensor" if ternary else "group" if group else "row",
        "scale_op": "multiply",
        "packing": "hf_2bit" if ternary else "bits"}
    if group:
        quantization["group_size"] = group
    model = {
        "format": "bitnetc-model", "version": 1, "name": name,
        **{key: shape[key] for key in SIZES},
        "norm": {"kind": "rms_norm", "eps": 1e-5, "bias": False},
        "sub_norms": {"attention": sub_norms, "ffn": sub_norms,
                      "heads": bool(group)},
        "gated_ffn": True,
        "rope": {"kind": "half", "theta": shape["theta"]},
        "tie_word_embeddings": shape.get("tied", True),
        "quantization": quantization,
        **({"embedding_quantization": quantization} if group else {}),
        "tensors": ["model.safetensors"],
        "kv_cache": shape["kv_cache"],
        "score_scale": shape["score_scale"],
    }
    (directory / "model.json").write_text(json.dumps(model, indent=1))


def write_hf(directory, name, shape, rng):
    """bitnet-b1.58-2B-4T's config, a third of the tensors in each file."""
    items, files = list(tensors(shape)), {}
    for i in range(3):
        file = f"model-{i + 1:05}-of-00003.safetensors"
        part = items[len(items) * i // 3:len(items) * (i + 1) // 3]
        write_safetensors(directory / file, part, rng, ternary=True)
        files.update((item[0], file) for item in part)
    (directory / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": files}))
    config = {**{key: shape[key] for key in SIZES},
              "architectures": ["BitNetForCausalLM"], "model_type": "bitnet",
              "rms_norm_eps": 1e-5, "rope_theta": shape["theta"],
              "tie_word_embeddings": True,
              "quantization_config": {"quant_method": "bitnet",
                                      "linear_class": "autobitlinear",
                                      "quantization_mode": "offline"}}
    (directory / "config.json").write_text(json.dumps(config, indent=1))


GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.attn_sub_norm": "attn_sub_norm",
    "mlp.ffn_sub_norm": "ffn_sub_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(name):
    stem = name.removesuffix(".weight")
    if not stem.startswith("model.layers."):
        return GGUF_NAMES[stem] + ".weight"
    layer, part = stem.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{GGUF_NAMES[part]}.weight"


def write_gguf(directory, name, shape, rng):
    def string(text):
        return struct.pack("<Q", len(text)) + text.encode()

    arch = "bitnet-b1.58"
    keys = [string("general.architecture") + struct.pack("<I", 8)
            + string(arch)]
    for key, value in (("block_count", shape["num_hidden_layers"]),
                       ("context_length", shape["max_position_embeddings"]),
                       ("embedding_length", shape["hidden_size"]),
                       ("feed_forward_length", shape["intermediate_size"]),
                       ("attention.head_count", shape["num_attention_heads"]),
                       ("attention.head_count_kv",
                        shape["num_key_value_heads"])):
        keys.append(string(f"{arch}.{key}") + struct.pack("<II", 4, value))
    for key, value in (("attention.layer_norm_rms_epsilon", 1e-5),
                       ("rope.freq_base", shape["theta"])):
        keys.append(string(f"{arch}.{key}") + struct.pack("<If", 6, value))
    types = {"F32": 0, "F16": 1, "U8": 36}
    items = [item for item in tensors(shape) if "weight_scale" not in item[0]]
    infos, end = [], 0
    for name, dtype, dims in items:
        end += -end % 32
        real = [dims[0] * 4, dims[1]] if dtype == "U8" else dims
        infos.append(string(gguf_name(name)) + struct.pack("<I", len(real))
                     + b"".join(struct.pack("<Q", n) for n in reversed(real))
                     + struct.pack("<IQ", types[dtype], end))
        end += int(np.prod(dims)) * SIZE[dtype] + (32 if dtype == "U8" else 0)
    header = (b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys))
              + b"".join(keys) + b"".join(infos))
    with open(directory / "model.gguf", "wb") as file:
        file.write(header + bytes(-len(header) % 32))
        start = file.tell()
        for name, dtype, dims in items:
            file.write(bytes(-(file.tell() - start) % 32))
            values(rng, name, dtype, dims, True).tofile(file)
            if dtype == "U8":
                file.write(struct.pack("<f28x", 0.02))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--form", choices=("json", "hf", "gguf"),
                        default="json")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kv", choices=("f16", "i8", "b1"), default="f16")
    parser.add_argument("--score-scale", action="store_true")
    parser.add_argument("--head-dim", type=int)
    parser.add_argument("directory", type=pathlib.Path)
    args = parser.parse_args()
    shape = {**SHAPES[args.shape], "kv_cache": args.kv,
             "score_scale": args.score_scale}
    if args.head_dim:
        shape["head_dim"] = args.head_dim
    if args.form != "json" and (shape["weight"] != "ternary"
                                or not shape.get("sub_norms", True)
                                or args.kv != "f16" or args.score_scale):
        parser.error("this shape is for --form json only")
    args.directory.mkdir(parents=True, exist_ok=True)
    write = {"json": write_json, "hf": write_hf, "gguf": write_gguf}
    write[args.form](args.directory, args.shape, shape,
                     np.random.default_rng(args.seed))


if __name__ == "__main__":
    main()
