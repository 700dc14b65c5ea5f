#!/usr/bin/env python3
"""Small random models at widths that leave pads everywhere: each has the same
logits, to the last bit, in the interpreter (before and after fusing) and in the
programs of all targets given, for every number of threads and tokens per step.

usage: check_widths.py DIRECTORY TARGET...

Every combination of QUANTIZERS and SCALES runs on all targets. Shapes, norms and
the gate's activation are not crossed with them: combination i takes row i of each
of those lists, modulo their lengths, which have no common divisor. So models are
the same in every run.

No width is a multiple of 64, and some are none of 16 or 8: words of bits, packed
bytes and rows of memory have pads then. The input of o_proj is whole heads, of
multiples of 16.
"""
import concurrent.futures
import itertools
import json
import os
import random
import struct
import subprocess
import sys

SCALES = ("tensor", "row", "group")
# (activation, weight, scales)
QUANTIZERS = (("sign", "binary", ("tensor", "row")),
              ("int8", "binary", SCALES), ("int8", "ternary", SCALES),
              ("int16", "binary", SCALES), ("int16", "ternary", SCALES),
              ("int8_groups", "binary", ("group",)),
              ("int8_groups", "ternary", ("group",)))
# Other layouts that have a kernel: the codes as planes of bits.
LAYOUTS = {("int8", "binary", "tensor"): ("bit1_r16",),
           ("int8", "binary", "row"): ("bit1_r16",)}
# (hidden, intermediate, query heads, KV heads, head_dim)
SHAPES = ((36, 100, 1, 1, 16), (80, 208, 3, 1, 16), (148, 20, 2, 2, 32),
          (40, 72, 4, 2, 16), (4, 332, 1, 1, 48))
# The same with the columns of a group, which divides those of every linear.
GROUPED = ((48, 112, 2, 2, 32, 16), (40, 104, 3, 3, 16, 8),
           (160, 96, 2, 1, 16, 32), (80, 16, 4, 2, 16, 16),
           (8, 168, 1, 1, 48, 8), (144, 48, 3, 1, 16, 48),
           (96, 208, 6, 2, 16, 16))
# (kind, eps, norms inside the blocks, a learned bias). The last token's embedding
# is zero, whose norm without eps is NaN: in all columns, and in no pad.
NORMS = (("rms_norm", 1e-5, True, True), ("rms_norm", 0, False, False),
         ("layer_norm", 1e-5, True, True))
ACTS = ("silu", "relu2")
VOCAB, LAYERS = 37, 2
IDS = [1, 35, 17, 25, 33, 4, 4, 10, 0, 29, 36]
THREADS, CHUNKS = (1, 2), (1, 3, 256)


def floats(rng, low, high, *shape, dtype="F32"):
    count = 1
    for extent in shape:
        count *= extent
    code = {"F32": "f", "F16": "e"}[dtype]
    return dtype, shape, struct.pack("<%d%s" % (count, code), *(
        rng.uniform(low, high) for _ in range(count)))


def linear(rng, name, rows, cols, weight, scale, group):
    if weight == "binary":  # The bits that fill up a byte may be anything.
        row_bytes = (cols + 7) // 8
        yield name + ".weight", ("U8", (rows, row_bytes),
                                 rng.randbytes(rows * row_bytes))
    else:
        trits = bytes(a | b << 2 | c << 4 | d << 6 for a, b, c, d
                      in itertools.product(range(3), repeat=4))
        yield name + ".weight", ("U8", (rows // 4, cols), bytes(
            rng.choice(trits) for _ in range(rows // 4 * cols)))
    shape = {"tensor": (1,), "row": (rows,), "group": (rows, cols // group)}
    mean = cols ** -0.5
    yield name + ".weight_scale", floats(
        rng, 0.5 * mean, 1.5 * mean, *shape[scale],
        dtype="F16" if scale == "group" else "F32")


def tensors(rng, shape, group, norms, weight, scale):
    hidden, inner, heads, kv_heads, d = shape
    kind, _, sub_norms, bias = norms
    # The head reads int8 rows whatever the layers do.
    dtype, dims, data = floats(rng, -1, 1, VOCAB, hidden)
    yield "model.embed_tokens.weight", (
        dtype, dims, data[:-4 * hidden] + bytes(4 * hidden))
    yield "model.norm.weight", floats(rng, 0.5, 1.5, hidden)
    if kind == "layer_norm":
        yield "model.norm.bias", floats(rng, -0.5, 0.5, hidden)
    for i in range(LAYERS):
        layer = "model.layers.%d." % i
        widths = [("input_layernorm", hidden),
                  ("post_attention_layernorm", hidden)]
        if sub_norms:
            widths += [("self_attn.attn_sub_norm", heads * d),
                       ("mlp.ffn_sub_norm", inner)]
        for name, width in widths:
            # A negative gain turns a sign round.
            yield layer + name + ".weight", floats(rng, -1, 1.5, width)
            if bias:
                yield layer + name + ".bias", floats(rng, -0.5, 0.5, width)
        for name, rows, cols in (("self_attn.q_proj", heads * d, hidden),
                                 ("self_attn.k_proj", kv_heads * d, hidden),
                                 ("self_attn.v_proj", kv_heads * d, hidden),
                                 ("self_attn.o_proj", hidden, heads * d),
                                 ("mlp.gate_proj", inner, hidden),
                                 ("mlp.up_proj", inner, hidden),
                                 ("mlp.down_proj", hidden, inner)):
            yield from linear(rng, layer + name, rows, cols, weight, scale,
                              group)


def write_model(directory, index, activation, weight, scale):
    rng = random.Random(index)
    shape, group = SHAPES[index % len(SHAPES)], 1
    if scale == "group":
        fitting = [row for row in GROUPED
                   if activation != "int8_groups" or row[-1] % 16 == 0]
        *shape, group = fitting[index % len(fitting)]
    norms = NORMS[index % len(NORMS)]
    header, data = {}, b""
    for name, (dtype, dims, part) in tensors(rng, shape, group, norms, weight,
                                             scale):
        header[name] = {"dtype": dtype, "shape": dims,
                        "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    hidden, inner, heads, kv_heads, d = shape
    kind, eps, sub_norms, bias = norms
    model = {
        "format": "bitnetc-model", "version": 1, "name": "random",
        "vocab_size": VOCAB, "hidden_size": hidden,
        "intermediate_size": inner, "num_hidden_layers": LAYERS,
        "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "head_dim": d, "max_position_embeddings": 64,
        "norm": {"kind": kind, "eps": eps, "bias": bias},
        "sub_norms": {"attention": sub_norms, "ffn": sub_norms},
        "hidden_act": ACTS[index % len(ACTS)], "gated_ffn": True,
        "rope": {"kind": "half", "theta": 10000.0},
        "tie_word_embeddings": True,
        "quantization": {
            "weight": weight, "activation": activation, "scale": scale,
            **({"group_size": group} if scale == "group" else {}),
            "scale_op": "multiply",
            "packing": "bits" if weight == "binary" else "hf_2bit"},
        "tensors": ["model.safetensors"]}
    with open(os.path.join(directory, "model.json"), "w") as file:
        json.dump(model, file, indent=1)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def logits_hash(*command):
    done = run(*command)
    if done.returncode != 0:
        raise RuntimeError("%s: exit status %d: %s" % (
            " ".join(command), done.returncode, done.stderr.strip()))
    result = json.loads(done.stdout)
    if result["tokens"] != len(IDS):
        raise RuntimeError("%s: %d tokens" % (" ".join(command),
                                              result["tokens"]))
    return result["logits_hash"]


def check(index, combination, root, targets):
    """What is wrong with this combination, or None."""
    directory = os.path.join(root, "-".join(combination))
    write_model(directory, index, *combination)
    program = os.path.join(directory, "program")
    ids = os.path.join(directory, "ids.json")
    with open(ids, "w") as file:
        json.dump(IDS, file)
    reference = "bitnet-reference", directory, "--ids", ids
    hashes = {"interpreter": logits_hash(*reference),
              "interpreter, fused": logits_hash(*reference, "--fused")}
    layouts = ("",) + LAYOUTS.get(combination, ())
    for target, layout in itertools.product(targets, layouts):
        options = ["--target=" + target]
        if layout:
            options.append("--layout=" + layout)
            target += " in " + layout
        done = run("bitnetc", directory, *options, "-o", program)
        if done.returncode != 0:
            return "%s: %s" % (target, done.stderr.strip())
        for threads, chunk in itertools.product(THREADS, CHUNKS):
            name = "%s, %d threads, chunk %d" % (target, threads, chunk)
            hashes[name] = logits_hash(
                program, "eval", "--ids", ids, "--logits-hash", "--json",
                "--threads", str(threads), "--chunk", str(chunk))
    if len(set(hashes.values())) != 1:
        return "logits differ:\n" + "\n".join(
            "  %s  %s" % (digest, name) for name, digest in hashes.items())
    return None


def main():
    root, targets = sys.argv[1], sys.argv[2:]
    combinations = [(activation, weight, scale)
                    for activation, weight, scales in QUANTIZERS
                    for scale in scales]
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        checks = [pool.submit(check, i, c, root, targets)
                  for i, c in enumerate(combinations)]
        for combination, done in zip(combinations, checks):
            try:
                message = done.result()
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                message = str(error)
            print(" x ".join(combination) + ": " + (message or "same"))
            wrong += message is not None
    sys.exit(1 if wrong else 0)


main()
