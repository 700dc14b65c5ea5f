#!/usr/bin/env python3
"""Writes a small GGUF model with random weights, the same for the same
arguments. Its tensors are named, typed and laid out as llama.cpp's converters
do it; it says nothing sensible.

usage: make_gguf.py ARCHITECTURE TYPE FILE [tied|untied]

With "tied" or "untied" embedding and head are of the type too. Types: q1_0, q2_0, tq1_0, tq2_0, with a scale of its own for each block; iq2_bn,
with one a row; i2_s, with one a matrix.
"""
import random
import struct
import sys

HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, HEAD = 256, 512, 2, 4, 2, 64
VOCAB = 300
rng = random.Random(42)


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def half(value):
    return struct.pack("<e", value)


def fields(codes, width, order):
    """2 bits a code, `width` bytes, field f of byte m in bits 2 * order[f]."""
    return bytes(sum((codes[width * f + m] + 1) << 2 * order[f]
                     for f in range(4)) for m in range(width))


def q1_0(w, d):
    return half(d) + bytes(sum((w[8 * i + j] > 0) << j for j in range(8))
                           for i in range(16))


def q2_0(w, d):
    return half(d) + bytes(sum((w[4 * i + j] + 1) << 2 * j for j in range(4))
                           for i in range(16))


def base3(digits, places):
    value = 0
    for n in range(places):
        value = value * 3 + (digits[n] + 1 if n < len(digits) else 0)
    return (value * 256 + 242) // 243


def tq1_0(w, d):
    data = [base3([w[32 * n + m] for n in range(5)], 5) for m in range(32)]
    data += [base3([w[160 + 16 * n + m] for n in range(5)], 5)
             for m in range(16)]
    data += [base3([w[240 + 4 * n + j] for n in range(4)], 5)
             for j in range(4)]
    return bytes(data) + half(d)


def tq2_0(w, d):
    return (fields(w[:128], 32, (0, 1, 2, 3))
            + fields(w[128:], 32, (0, 1, 2, 3)) + half(d))


# Number, elements of a block, encoder of a block.
TYPES = {
    "q1_0": (41, 128, q1_0), "q2_0": (42, 64, q2_0),
    "tq1_0": (34, 256, tq1_0), "tq2_0": (35, 256, tq2_0),
    "i2_s": (36, 128, lambda w, d: fields(w, 32, (3, 2, 1, 0))),
    "iq2_bn": (135, 64, lambda w, d: fields(w, 16, (0, 1, 2, 3))),
}


def matrix(kind, rows, cols):
    number, block, encode = TYPES[kind]
    data = b""
    values = (-1, 1) if kind == "q1_0" else (-1, 0, 1)
    for _ in range(rows):
        if kind == "iq2_bn":
            data += struct.pack("<f", rng.uniform(0.5, 1.5) / cols ** 0.5)
        for _ in range(cols // block):
            data += encode(rng.choices(values, k=block),
                           rng.uniform(0.5, 1.5) / cols ** 0.5)
    if kind == "i2_s":
        data += struct.pack("<f28x", 1 / cols ** 0.5)
    return number, (rows, cols), data


def floats(*shape, low=-1.0, high=1.0):
    count = 1
    for extent in shape:
        count *= extent
    return 0, shape, struct.pack(
        "<%df" % count, *(rng.uniform(low, high) for _ in range(count)))


def tensors(arch, kind, tokens):
    gain = {"low": 0.5, "high": 1.5}
    yield "token_embd.weight", (matrix(kind, VOCAB, HIDDEN) if tokens
                                else floats(VOCAB, HIDDEN))
    if tokens == "untied":
        yield "output.weight", matrix(kind, VOCAB, HIDDEN)
    yield "output_norm.weight", floats(HIDDEN, **gain)
    for i in range(LAYERS):
        def name(part):
            return "blk.%d.%s.weight" % (i, part)
        yield name("attn_norm"), floats(HIDDEN, **gain)
        yield name("attn_q"), matrix(kind, HEADS * HEAD, HIDDEN)
        yield name("attn_k"), matrix(kind, KV_HEADS * HEAD, HIDDEN)
        yield name("attn_v"), matrix(kind, KV_HEADS * HEAD, HIDDEN)
        if arch == "qwen3":
            yield name("attn_q_norm"), floats(HEAD, **gain)
            yield name("attn_k_norm"), floats(HEAD, **gain)
        if arch.startswith("bitnet"):
            yield name("attn_sub_norm"), floats(HEADS * HEAD, **gain)
            yield name("ffn_sub_norm"), floats(INNER, **gain)
        yield name("attn_output"), matrix(kind, HIDDEN, HEADS * HEAD)
        yield name("ffn_norm"), floats(HIDDEN, **gain)
        yield name("ffn_gate"), matrix(kind, INNER, HIDDEN)
        yield name("ffn_up"), matrix(kind, INNER, HIDDEN)
        yield name("ffn_down"), matrix(kind, HIDDEN, INNER)


def main():
    arch, kind, path = sys.argv[1:4]
    tokens = sys.argv[4] if len(sys.argv) > 4 else ""
    keys = [string("general.architecture") + struct.pack("<I", 8)
            + string(arch)]

    def key(name, code, number, value):
        keys.append(string(arch + "." + name)
                    + struct.pack("<I" + code, number, value))

    for name, value in (("block_count", LAYERS), ("context_length", 128),
                        ("embedding_length", HIDDEN),
                        ("feed_forward_length", INNER),
                        ("attention.head_count", HEADS),
                        ("attention.head_count_kv", KV_HEADS),
                        ("attention.key_length", HEAD),
                        ("attention.value_length", HEAD)):
        key(name, "I", 4, value)
    key("attention.layer_norm_rms_epsilon", "f", 6, 1e-6)
    key("rope.freq_base", "f", 6, 1e6)

    infos, data = [], b""
    for name, (number, shape, part) in tensors(arch, kind, tokens):
        data += bytes(-len(data) % 32)
        infos.append(string(name) + struct.pack("<I", len(shape))
                     + b"".join(struct.pack("<Q", n) for n in reversed(shape))
                     + struct.pack("<IQ", number, len(data)))
        data += part
    header = (b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys))
              + b"".join(keys) + b"".join(infos))
    with open(path, "wb") as file:
        file.write(header + bytes(-len(header) % 32) + data)


main()
