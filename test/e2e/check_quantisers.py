#!/usr/bin/env python3
"""Small random models in every combination of quantisers: the logits of each
compiled program must be those of the reference interpreter, before and after
fusing, to the last bit.

usage: check_quantisers.py BITNETC REFERENCE TARGET[=EMULATOR]...

{sign, bit, ternary, int8, int16} x {binary, ternary} x {tensor, row, group} x
{with, without a scale for each token}: what a model says once makes a model each,
its seven linears take the activations in turn. Sizes are no multiples of 64
columns (nor of 8 or 16), so that words of bits have pads; tiles of tokens are not
always full.
"""
import concurrent.futures
import itertools
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

# (hidden, intermediate, query heads, KV heads): multiples of 4, and where bits
# meet groups of GROUP columns, of these.
SHAPES, GROUPED = ((36, 100, 3, 1), (84, 176, 5, 5)), (128, 192, 8, 2)
GROUP, HEAD_DIM, VOCAB, LAYERS = 64, 16, 96, 2
LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
           "down_proj")
ACTIVATIONS = ("sign", "bit", "ternary", "int8", "int16")
IDS = [1, 29, 17, 25, 33, 4, 4, 95, 50, 9, 0, 77, 3]


def cases():
    """(name, shape, quantization of model.json)

    Every kind of weight and of scale, with and without a scale for each token.
    The five activations are shared out among the seven linears, and begin with
    another one in each model: so each pair of activation and weight occurs in
    each form, q, k and v (and gate and up) mostly read inputs of their own. In
    the models of one activation for all linears they share it.
    """
    forms = itertools.product(("binary", "ternary"), ("tensor", "row", "group"),
                              (False, True))
    for first, (weight, scale, token_scale) in enumerate(forms):
        mix = itertools.islice(itertools.cycle(ACTIVATIONS), first,
                               first + len(LINEARS))
        shape = GROUPED if scale == "group" else SHAPES[first % 2]
        yield f"{weight}-{scale}-{token_scale}", shape, quantization(
            weight, scale, "int8", token_scale,
            activations=dict(zip(LINEARS, mix)))
    for weight, activation in itertools.product(
            ("binary", "ternary"), ("sign", "bit", "ternary")):
        yield f"{weight}-{activation}", SHAPES[0], quantization(
            weight, "row", activation, activation == "bit")


def quantization(weight, scale, activation, token_scale, **more):
    group = {"group_size": GROUP} if scale == "group" else {}
    return {"weight": weight, "activation": activation, "scale": scale,
            "token_scale": token_scale, "scale_op": "multiply",
            "packing": "master", **group, **more}


def linears(shape):
    hidden, intermediate, heads, kv_heads = shape
    q, kv = heads * HEAD_DIM, kv_heads * HEAD_DIM
    return (("self_attn.q_proj", q, hidden), ("self_attn.k_proj", kv, hidden),
            ("self_attn.v_proj", kv, hidden), ("self_attn.o_proj", hidden, q),
            ("mlp.gate_proj", intermediate, hidden),
            ("mlp.up_proj", intermediate, hidden),
            ("mlp.down_proj", hidden, intermediate))


def tensors(rng, shape):
    """Weights that are quantised when they are compiled (packing master)."""
    hidden, intermediate, heads, _ = shape

    def floats(count, scale, offset=0.0):
        return [offset + scale * rng.gauss(0, 1) for _ in range(count)]

    yield "model.embed_tokens.weight", [VOCAB, hidden], floats(
        VOCAB * hidden, 1)
    yield "model.norm.weight", [hidden], floats(hidden, 0.1, 1)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for norm, size in (("input_layernorm", hidden),
                           ("post_attention_layernorm", hidden),
                           ("self_attn.attn_sub_norm", heads * HEAD_DIM),
                           ("mlp.ffn_sub_norm", intermediate)):
            yield f"{prefix}{norm}.weight", [size], floats(size, 0.3, 1)
            yield f"{prefix}{norm}.bias", [size], floats(size, 0.2)
        for name, n, k in linears(shape):
            yield f"{prefix}{name}.weight", [n, k], floats(n * k, 0.05)


def write_model(directory, name, shape, quantizers):
    hidden, intermediate, heads, kv_heads = shape
    directory.mkdir()
    header, data, rng = {}, b"", random.Random(name)
    for tensor, sizes, values in tensors(rng, shape):
        packed = struct.pack(f"<{len(values)}f", *values)
        header[tensor] = {"dtype": "F32", "shape": sizes,
                          "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (directory / "model.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + data)
    (directory / "model.json").write_text(json.dumps({
        "format": "bitnetc-model", "version": 1, "name": name,
        "vocab_size": VOCAB, "hidden_size": hidden,
        "intermediate_size": intermediate, "num_hidden_layers": LAYERS,
        "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "head_dim": HEAD_DIM, "max_position_embeddings": 64,
        "norm": {"kind": "rms_norm", "eps": 1e-5, "bias": True},
        "sub_norms": {"attention": True, "ffn": True},
        "hidden_act": "silu", "gated_ffn": True,
        "rope": {"kind": "half", "theta": 10000.0},
        "tie_word_embeddings": True, "quantization": quantizers,
        "tensors": ["model.safetensors"]}))


def output(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True,
                          text=True, timeout=120)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit status "
                         f"{done.returncode}: {done.stderr.strip()}")
    return done.stdout


def hash_of(*command):
    return json.loads(output(*command))["logits_hash"]


def check(folder, bitnetc, reference, targets, case):
    """Raises if a hash differs; returns how many there are."""
    name, shape, quantizers = case
    model, ids = folder / name, folder / "ids.json"
    write_model(model, name, shape, quantizers)
    expected = hash_of(reference, model, "--ids", ids)
    hashes = {"fused": hash_of(reference, model, "--ids", ids, "--fused")}
    for target in targets:
        target, _, emulator = target.partition("=")
        program = folder / f"{name}-{target}"
        output(bitnetc, model, f"--target={target}", "-o", program)
        # All tokens together in one thread, one by one in two.
        for threads, chunk in ((1, 256), (2, 1)):
            hashes[f"{target}, {threads} threads, chunk {chunk}"] = hash_of(
                *filter(None, [emulator]), program, "eval", "--ids", ids, "--logits-hash", "--json",
                "--threads", threads, "--chunk", chunk)
    for run, found in hashes.items():
        if found != expected:
            raise SystemExit(f"{name}: {run}: logits {found}, the graph's are "
                             f"{expected}")
    return len(hashes)


def main():
    bitnetc, reference, *targets = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "ids.json").write_text(json.dumps(IDS))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            counts = list(pool.map(lambda case: check(
                folder, bitnetc, reference, targets, case), cases()))
    print(f"{len(counts)} models, {sum(counts)} times the same logits")


if __name__ == "__main__":
    main()
