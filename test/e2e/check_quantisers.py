#!/usr/bin/env python3
"""Small random models in every combination of quantisers: the logits of each
compiled program must be those of the reference interpreter, before and after
fusing, to the last bit.

usage: check_quantisers.py BITNETC REFERENCE TARGET...

Every activation meets every kind of weight and of scale. Sizes are no multiples
of 64 columns, so that words of bits have pads, and a tile of tokens is not
always full.
"""
import itertools
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

HIDDEN, INTERMEDIATE, HEADS, HEAD_DIM, VOCAB, LAYERS = 80, 176, 3, 16, 96, 2
LINEARS = (("self_attn.q_proj", HEADS * HEAD_DIM, HIDDEN),
           ("self_attn.k_proj", HEADS * HEAD_DIM, HIDDEN),
           ("self_attn.v_proj", HEADS * HEAD_DIM, HIDDEN),
           ("self_attn.o_proj", HIDDEN, HEADS * HEAD_DIM),
           ("mlp.gate_proj", INTERMEDIATE, HIDDEN),
           ("mlp.up_proj", INTERMEDIATE, HIDDEN),
           ("mlp.down_proj", HIDDEN, INTERMEDIATE))
ACTIVATIONS = ("sign", "bit", "ternary", "int8", "int16")
IDS = [1, 29, 17, 25, 33, 4, 4, 95, 50, 9, 0, 77, 3]


def cases():
    """(name, quantization of model.json)"""
    for activation, scale in itertools.product(
            ("sign", "bit", "ternary"), ("tensor", "row")):
        yield f"binary-{scale}-{activation}", {
            "weight": "binary", "activation": activation, "scale": scale,
            "token_scale": scale == "row", "scale_op": "multiply",
            "packing": "master"}
    # Each linear in its own way: q, k and v share no input, gate and up neither.
    for first, token_scale in itertools.product(range(5), (False, True)):
        mix = [ACTIVATIONS[(first + i) % 5] for i in range(len(LINEARS))]
        yield f"binary-row-mix{first}-{token_scale}", {
            "weight": "binary", "activation": "int8", "scale": "row",
            "activations": {name.split(".")[1]: activation for (name, _, _),
                            activation in zip(LINEARS, mix)},
            "token_scale": token_scale, "scale_op": "multiply",
            "packing": "master"}


def tensors(rng):
    """Weights that are quantised when they are compiled (packing master)."""
    def floats(count, scale, offset=0.0):
        return [offset + scale * rng.gauss(0, 1) for _ in range(count)]

    yield "model.embed_tokens.weight", [VOCAB, HIDDEN], floats(
        VOCAB * HIDDEN, 1)
    yield "model.norm.weight", [HIDDEN], floats(HIDDEN, 0.1, 1)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for norm, size in (("input_layernorm", HIDDEN),
                           ("post_attention_layernorm", HIDDEN),
                           ("self_attn.attn_sub_norm", HEADS * HEAD_DIM),
                           ("mlp.ffn_sub_norm", INTERMEDIATE)):
            yield f"{prefix}{norm}.weight", [size], floats(size, 0.3, 1)
            yield f"{prefix}{norm}.bias", [size], floats(size, 0.2)
        for name, n, k in LINEARS:
            yield f"{prefix}{name}.weight", [n, k], floats(n * k, 0.05)


def write_model(directory, name, quantization):
    directory.mkdir()
    header, data, rng = {}, b"", random.Random(name)
    for tensor, shape, values in tensors(rng):
        packed = struct.pack(f"<{len(values)}f", *values)
        header[tensor] = {"dtype": "F32", "shape": shape,
                          "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (directory / "model.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + data)
    (directory / "model.json").write_text(json.dumps({
        "format": "bitnetc-model", "version": 1, "name": name,
        "vocab_size": VOCAB, "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": HEADS,
        "head_dim": HEAD_DIM, "max_position_embeddings": 64,
        "norm": {"kind": "rms_norm", "eps": 1e-5, "bias": True},
        "sub_norms": {"attention": True, "ffn": True},
        "hidden_act": "silu", "gated_ffn": True,
        "rope": {"kind": "half", "theta": 10000.0},
        "tie_word_embeddings": True, "quantization": quantization,
        "tensors": ["model.safetensors"]}))


def output(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True,
                          text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status "
                 f"{done.returncode}: {done.stderr.strip()}")
    return done.stdout


def hash_of(*command):
    return json.loads(output(*command))["logits_hash"]


def main():
    bitnetc, reference, *targets = sys.argv[1:]
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        ids = folder / "ids.json"
        ids.write_text(json.dumps(IDS))
        for name, quantization in cases():
            model = folder / name
            write_model(model, name, quantization)
            expected = hash_of(reference, model, "--ids", ids)
            hashes = {"fused": hash_of(reference, model, "--ids", ids,
                                       "--fused")}
            for target in targets:
                program = folder / f"{name}-{target}"
                output(bitnetc, model, f"--target={target}", "-o", program)
                # All tokens together in one thread, one by one in two.
                for threads, chunk in ((1, 256), (2, 1)):
                    hashes[f"{target}, {threads} threads"] = hash_of(
                        program, "eval", "--ids", ids, "--logits-hash",
                        "--json", "--threads", threads, "--chunk", chunk)
            for run, found in hashes.items():
                if found != expected:
                    sys.exit(f"{name}: {run}: logits {found}, the graph's are "
                             f"{expected}")
            count += 1
    print(f"{count} models, each the same {len(hashes) + 1} times")


if __name__ == "__main__":
    main()
