#!/usr/bin/env python3
"""Writes a small model directory with random weights, the same for the same
arguments, in one of the forms that checkpoints have: names, dtypes, packing and
config keys are those of that form. It says nothing sensible.

usage: make_hf.py FORM DIRECTORY [SEED]
"""
import json
import os
import random
import struct
import sys

HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, HEAD = 128, 256, 2, 4, 2, 32
VOCAB, GROUP = 300, 64
rng = random.Random(42)

LINEARS = (("self_attn.q_proj", HEADS * HEAD, HIDDEN),
           ("self_attn.k_proj", KV_HEADS * HEAD, HIDDEN),
           ("self_attn.v_proj", KV_HEADS * HEAD, HIDDEN),
           ("self_attn.o_proj", HIDDEN, HEADS * HEAD),
           ("mlp.gate_proj", INNER, HIDDEN),
           ("mlp.up_proj", INNER, HIDDEN),
           ("mlp.down_proj", HIDDEN, INNER))


def floats(dtype, values):
    """Bytes of a float type; BF16 is the upper half of F32."""
    if dtype == "BF16":
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    return struct.pack("<%d%s" % (len(values), {"F32": "f", "F16": "e"}[dtype]),
                       *values)


def random_floats(dtype, *shape, low=-1.0, high=1.0):
    count = 1
    for extent in shape:
        count *= extent
    return dtype, shape, floats(dtype, [rng.uniform(low, high)
                                        for _ in range(count)])


def gain(dtype, width):
    return random_floats(dtype, width, low=0.5, high=1.5)


# Packings: each yields (suffix, tensor) of one linear.

def master(dtype, centre=0.0):
    def linear(n, k):
        yield "weight", random_floats(dtype, n, k, low=centre - 0.1,
                                      high=centre + 0.1)
    return linear


def scales(dtype, divide, shape, k):
    size = 1.0 / k ** 0.5
    count = 1
    for extent in shape:
        count *= extent
    values = [rng.uniform(0.5, 1.5) * size for _ in range(count)]
    return dtype, shape, floats(dtype, [1 / v for v in values] if divide
                                else values)


def packed(dtype, divide=False, group=0):
    """Row i * N/4 + r in bits 2i of byte [r][c], code w + 1."""
    def linear(n, k):
        codes = [rng.choices((0, 1, 2), k=k) for _ in range(n)]
        quarter = n // 4
        data = bytes(sum(codes[i * quarter + r][c] << 2 * i for i in range(4))
                     for r in range(quarter) for c in range(k))
        yield "weight", ("U8", (quarter, k), data)
        yield "weight_scale", scales(
            dtype, divide, (n, k // group) if group else (1,), k)
    return linear


def bits(dtype, divide=False):
    def linear(n, k):
        yield "weight", ("U8", (n, k // 8), rng.randbytes(n * k // 8))
        yield "weight_scale", scales(dtype, divide, (n, k // GROUP), k)
    return linear


def grouped_values(n, k, zeros, dtype, group):
    """Rows of codes, and of scales that the dtype holds exactly."""
    codes = [rng.choices((-1, 0, 1) if zeros else (-1, 1), k=k)
             for _ in range(n)]
    raw = floats(dtype, [rng.uniform(0.5, 1.5) / k ** 0.5
                         for _ in range(n * k // group)])
    if dtype == "BF16":
        flat = [struct.unpack("<f", b"\0\0" + raw[i:i + 2])[0]
                for i in range(0, len(raw), 2)]
    else:
        flat = [v for v, in struct.iter_unpack("<e", raw)]
    per_row = k // group
    return codes, [flat[r * per_row:(r + 1) * per_row] for r in range(n)]


def exact(dtype, zeros, group=GROUP):
    """Floats that are -s, 0 and s already, with an s for each group."""
    def linear(n, k):
        codes, scale = grouped_values(n, k, zeros, dtype, group)
        yield "weight", (dtype, (n, k), floats(dtype, [
            codes[r][c] * scale[r][c // group]
            for r in range(n) for c in range(k)]))
    return linear


def mlx(bits, group=GROUP):
    """mlx_lm's packing: code * scale + bias, lowest bits first in u32."""
    def linear(n, k):
        codes, scale = grouped_values(n, k, bits == 2, "F16", group)
        data = b""
        for row in codes:
            stored = [c + 1 if bits == 2 else c > 0 for c in row]
            data += bytes(sum(stored[c + i] << bits * i
                              for i in range(8 // bits))
                          for c in range(0, k, 8 // bits))
        step = 1 if bits == 2 else 2
        shape = (n, k // group)
        yield "weight", ("U32", (n, k * bits // 32), data)
        yield "scales", ("F16", shape, floats("F16", [
            step * s for row in scale for s in row]))
        yield "biases", ("F16", shape, floats("F16", [
            -s for row in scale for s in row]))
    return linear


# What a form is, apart from the shape. `norms` are the norms inside the blocks,
# by the name they have in the file; `own` the one of each linear; `tokens` the
# packing of embedding and head, where it is not floats; `head` an untied head.

ONLINE = {"quant_method": "bitnet", "linear_class": "autobitlinear",
          "quantization_mode": "online"}
OFFLINE = {"quant_method": "bitnet", "linear_class": "autobitlinear",
           "quantization_mode": "offline"}
HEAD_NORMS = (("self_attn.q_norm", HEAD), ("self_attn.k_norm", HEAD))
SUB_NORMS = (("self_attn.attn_sub_norm", HEADS * HEAD),
             ("mlp.ffn_sub_norm", INNER))


def portable(weight, packing, scale, own=False, heads=False, sub=False,
             norm=None, **more):
    """A model.json."""
    return {
        "format": "bitnetc-model", "version": 1, "name": "random",
        "head_dim": HEAD, "norm": norm or {"kind": "rms_norm", "eps": 1e-5},
        "sub_norms": {"attention": sub, "ffn": sub, "heads": heads,
                      "linears": own, "linears_eps": 1e-5},
        "gated_ffn": True, "rope": {"kind": "half", "theta": 10000.0},
        "quantization": dict(weight=weight, packing=packing, scale=scale,
                             activation="int8",
                             **{"scale_op": "multiply", **more}),
        "tensors": ["model.safetensors"]}


BONSAI = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
          "head_dim": HEAD, "attention_bias": False, "use_cache": True,
          "layer_types": ["full_attention"] * LAYERS, "max_window_layers": 2,
          "sliding_window": None, "use_sliding_window": False,
          "rope_theta": 1000000, "rms_norm_eps": 1e-6}
YARN = {"rope_type": "yarn", "factor": 4.0,
        "original_max_position_embeddings": 32}
BIT_LLAMA = {"architectures": ["BitLlamaForCausalLM"],
             "model_type": "bit_llama", "bits": 8, "attention_bias": False,
             "attention_dropout": 0.0, "n_ctx": 128, "pretraining_tp": 1,
             "rope_scaling": None, "rms_norm_eps": 1e-6,
             "tie_word_embeddings": False,
             "auto_map": {"AutoConfig": "modeling_bit_llama.BitLlamaConfig"}}
SIMPLE = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}

FORMS = {
    # prism-ml/Bonsai-*-unpacked and Ternary-Bonsai-*-unpacked
    "bonsai-unpacked": dict(
        dtype="F16", linear=exact("F16", False), norms=HEAD_NORMS,
        tokens=exact("F16", False), head=True,
        config=dict(BONSAI, rope_scaling=YARN, tie_word_embeddings=False,
                    torch_dtype="float16")),
    "bonsai-ternary-unpacked": dict(
        dtype="BF16", linear=exact("BF16", True, 128), norms=HEAD_NORMS,
        tokens=exact("BF16", True, 128), config=dict(BONSAI)),
    # prism-ml/Bonsai-*-mlx-1bit and Ternary-Bonsai-*-mlx-2bit
    "bonsai-mlx-1bit": dict(
        dtype="F16", linear=mlx(1, 128), norms=HEAD_NORMS, tokens=mlx(1, 128),
        config=dict(BONSAI, quantization={"group_size": 128, "bits": 1},
                    quantization_config={"group_size": 128, "bits": 1})),
    "bonsai-mlx-2bit": dict(
        dtype="F16", linear=mlx(2), norms=HEAD_NORMS, tokens=mlx(2), head=True,
        config=dict(BONSAI, tie_word_embeddings=False, quantization={
            "group_size": GROUP, "bits": 2, "mode": "affine"})),
    # HachiML/myBit-Llama2-jp-*: the first BitNet, with a 1-bit head
    "bit-llama-1b": dict(
        dtype="F32", linear=master("F32", centre=0.03), blocks=False,
        own=".layernorm.weight", tokens=None, head=master("F32", centre=0.02),
        head_norm="lm_head.layernorm",
        config=dict(BIT_LLAMA, bitnet_type="1b")),
    # The paper's LayerNorm, with the learned bias of nn.LayerNorm
    "bit-llama-layernorm": dict(
        dtype="F32", linear=master("F32", centre=0.03), blocks=False,
        own=".layernorm.weight", own_bias=".layernorm.bias", head=True,
        config=dict(BIT_LLAMA, bitnet_type="1b")),
    "bit-llama-1.58b": dict(
        dtype="F32", linear=master("F32"), blocks=False,
        own=".layer_norm.weight", head=master("F32", centre=0.02),
        head_norm="lm_head.layer_norm",
        config=dict(BIT_LLAMA, bitnet_type="1.58b")),
    # kyegomez/BitNet's BitLinear in transformers' Llama
    "kyegomez": dict(
        dtype="F32", linear=master("F32", centre=0.03),
        config=dict(SIMPLE, quantization_config={
            "quant_method": "bitnet", "linear_class": "kyegomez"})),
    "bitllama2c": dict(
        dtype="F32", linear=master("F32"), blocks=False,
        config=dict(SIMPLE, quantization_config={
            "quant_method": "bitnet", "linear_class": "bitllama2.c"})),
    # 1bitLLM/bitnet_b1_58-*
    "bitnet-1bitllm": dict(
        dtype="F16", linear=master("F16"),
        norms=(("self_attn.inner_attn_ln", HEADS * HEAD),
               ("mlp.ffn_layernorm", INNER)),
        config={"architectures": ["BitnetForCausalLM"], "model_type": "llama",
                "weight_bits": 1, "input_bits": 8, "attention_bias": False,
                "pretraining_tp": 1, "rope_scaling": None,
                "rms_norm_eps": 1e-5}),
    # transformers with use_rms_norm
    "bitnet-rms-norm": dict(
        dtype="BF16", linear=packed("BF16"), norms=SUB_NORMS,
        own=".rms_norm.weight",
        config={"architectures": ["BitNetForCausalLM"], "model_type": "bitnet",
                "hidden_act": "relu2", "quantization_config":
                    dict(OFFLINE, use_rms_norm=True, rms_norm_eps=1e-4)}),
    # Norms of linears that the config does not tell of
    "qwen3-norm": dict(
        dtype="BF16", linear=master("BF16"), norms=HEAD_NORMS,
        own=".norm.weight",
        config={"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
                "head_dim": HEAD, "quantization_config": ONLINE}),
    "qwen3-packed": dict(
        dtype="BF16", linear=packed("BF16", divide=True), norms=HEAD_NORMS,
        config={"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
                "head_dim": HEAD, "attention_bias": False,
                "use_sliding_window": False, "rope_theta": 1000000,
                "quantization_config": {"quant_method": "bitnet"}}),
    # model.json
    "json-group-half": dict(
        dtype="F32", linear=packed("F16", group=GROUP), norms=HEAD_NORMS,
        json=portable("ternary", "hf_2bit", "group", group_size=GROUP,
                      heads=True)),
    "json-group-divide": dict(
        dtype="F32", linear=bits("F32", divide=True),
        json=portable("binary", "bits", "group", group_size=GROUP,
                      scale_op="divide")),
    "json-group-master": dict(
        dtype="F32", linear=master("F32"),
        json=portable("ternary", "master", "group", group_size=GROUP)),
    "json-layer-norm": dict(
        dtype="F32", linear=packed("F32"), norms=SUB_NORMS, bias=True,
        json=portable("ternary", "hf_2bit", "tensor", sub=True,
                      norm={"kind": "layer_norm", "eps": 1e-5, "bias": True},
                      activation_range="signed128", shifted_gate=True)),
    "json-w1a8": dict(
        dtype="F32", linear=master("F32", centre=0.03), own=".norm.weight",
        json=portable("binary", "master", "tensor", own=True, centred=True)),
}


def tensors(form):
    dtype = form["dtype"]
    def matrix(name, packing):
        if not packing:
            yield name + ".weight", random_floats(dtype, VOCAB, HIDDEN)
        else:
            for suffix, tensor in packing(VOCAB, HIDDEN):
                yield name + "." + suffix, tensor

    yield from matrix("model.embed_tokens", form.get("tokens"))
    yield "model.norm.weight", gain(dtype, HIDDEN)
    if form.get("bias"):
        yield "model.norm.bias", random_floats(dtype, HIDDEN)
    if form.get("head"):
        head = form["head"]
        yield from matrix("lm_head",
                          form.get("tokens") if head is True else head)
    if "head_norm" in form:
        yield form["head_norm"] + ".weight", gain(dtype, HIDDEN)
    for i in range(LAYERS):
        layer = "model.layers.%d." % i
        blocks = (("input_layernorm", HIDDEN),
                  ("post_attention_layernorm", HIDDEN))
        for name, width in (*(blocks if form.get("blocks", True) else ()),
                            *form.get("norms", ())):
            yield layer + name + ".weight", gain(dtype, width)
            if form.get("bias"):
                yield layer + name + ".bias", random_floats(dtype, width)
        for name, n, k in LINEARS:
            for suffix, tensor in form["linear"](n, k):
                yield layer + name + "." + suffix, tensor
            if "own" in form:
                yield layer + name + form["own"], gain(dtype, k)
            if "own_bias" in form:
                yield layer + name + form["own_bias"], random_floats(dtype, k)


def main():
    form, directory = FORMS[sys.argv[1]], sys.argv[2]
    if len(sys.argv) > 3:
        rng.seed(int(sys.argv[3]))
    os.makedirs(directory, exist_ok=True)
    header, data = {}, b""
    for name, (dtype, shape, part) in tensors(form):
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    with open(os.path.join(directory, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    config = {"vocab_size": VOCAB, "hidden_size": HIDDEN,
              "intermediate_size": INNER, "num_hidden_layers": LAYERS,
              "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
              "max_position_embeddings": 128, "hidden_act": "silu",
              "tie_word_embeddings": True}
    name = "model.json" if "json" in form else "config.json"
    config.update(form.get("json") or form["config"])
    with open(os.path.join(directory, name), "w") as file:
        json.dump(config, file, indent=1)


main()
