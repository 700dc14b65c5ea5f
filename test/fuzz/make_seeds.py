#!/usr/bin/env python3
"""Writes the seeds that are not text: small, complete files of each form.

usage: make_seeds.py FOLDER
"""
import json
import pathlib
import struct
import sys

out = pathlib.Path(sys.argv[1])


def save(target, name, data):
    (out / target).mkdir(parents=True, exist_ok=True)
    (out / target / name).write_bytes(data)


# Safetensors.

def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


save("safetensors", "empty", safetensors({}))
save("safetensors", "two", safetensors(
    {"__metadata__": {"format": "pt"}, "a": entry("F32", [2, 3], 0, 24),
     "b": entry("U8", [8], 24, 32)}, bytes(32)))
save("safetensors", "types", safetensors(
    {name: entry(name, [0], 0, 0) for name in
     ("F16", "BF16", "I8", "F64", "I64", "BOOL", "F8_E4M3", "C64")}))
save("safetensors", "overlap", safetensors(
    {"a": entry("I16", [4], 0, 8), "b": entry("I16", [], 6, 8)}, bytes(8)))


# GGUF.

def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def u32(value):
    return 4, struct.pack("<I", value)


def f32(value):
    return 6, struct.pack("<f", value)


def flag(value):
    return 7, struct.pack("<B", value)


def text(value):
    return 8, string(value)


def array(code, items):
    pack = string if code == 8 else lambda v: struct.pack(
        {5: "<i", 6: "<f"}[code], v)
    return 9, (struct.pack("<IQ", code, len(items))
               + b"".join(pack(item) for item in items))


def gguf(keys, tensors=()):
    infos, data = b"", b""
    for name, shape, number, part in tensors:
        data += bytes(-len(data) % 32)
        infos += (string(name) + struct.pack("<I", len(shape))
                  + b"".join(struct.pack("<Q", n) for n in reversed(shape))
                  + struct.pack("<IQ", number, len(data)))
        data += part
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for name, (code, value) in keys.items():
        header += string(name) + struct.pack("<I", code) + value
    header += infos
    return header + bytes(-len(header) % 32) + data


def block_bytes(number, count):
    elements, size = {0: (1, 4), 41: (128, 18), 42: (64, 18), 35: (256, 66),
                      34: (256, 54), 8: (32, 34)}[number]
    half = struct.pack("<e", 0.5)
    block = {0: struct.pack("<f", 1), 41: half + bytes(16),
             42: half + bytes([0x55] * 16), 35: bytes([0x55] * 64) + half,
             34: bytes(52) + half, 8: half + bytes(32)}[number]
    assert len(block) == size and count % elements == 0
    return block * (count // elements)


def model(arch, number, width):
    """One layer, one head, eight tokens."""
    keys = {"general.architecture": text(arch)}
    for name, value in (("block_count", 1), ("context_length", 64),
                        ("embedding_length", width),
                        ("feed_forward_length", width),
                        ("attention.head_count", 1),
                        ("attention.head_count_kv", 1)):
        keys[arch + "." + name] = u32(value)
    keys[arch + ".attention.layer_norm_rms_epsilon"] = f32(1e-6)
    keys[arch + ".rope.freq_base"] = f32(1e4)
    names = [("token_embd", (8, width), 8), ("output_norm", (width,), 0)]
    norms = ["attn_norm", "ffn_norm"]
    norms += ["attn_q_norm", "attn_k_norm"] if arch == "qwen3" else []
    norms += ["attn_sub_norm", "ffn_sub_norm"] if "bitnet" in arch else []
    names += [("blk.0." + name, (width,), 0) for name in norms]
    names += [("blk.0." + name, (width, width), number) for name in
              ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate",
               "ffn_up", "ffn_down")]
    tensors = []
    for name, shape, kind in names:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        tensors.append((name + ".weight", shape, kind,
                        block_bytes(kind, count)))
    return keys, tensors


PIECES = ["<unk>", "<s>", "</s>", "<0x0A>", "\u2581", "a", "b", "ab"]
SPM = {"tokenizer.ggml.model": text("llama"),
       "tokenizer.ggml.tokens": array(8, PIECES),
       "tokenizer.ggml.scores": array(6, [0, 0, 0, 0, -1, -2, -3, -4]),
       "tokenizer.ggml.token_type": array(5, [2, 3, 3, 6, 1, 1, 1, 1]),
       "tokenizer.ggml.bos_token_id": u32(1),
       "tokenizer.ggml.add_bos_token": flag(1),
       "tokenizer.chat_template": text("{{ messages[0].content }}")}
BPE = {"tokenizer.ggml.model": text("gpt2"),
       "tokenizer.ggml.pre": text("llama-bpe"),
       "tokenizer.ggml.tokens": array(
           8, ["a", "b", "\u0120", "ab", "\u0120ab", "1", "!", "<|im_end|>"]),
       "tokenizer.ggml.token_type": array(5, [1, 1, 1, 1, 1, 1, 1, 3]),
       "tokenizer.ggml.merges": array(8, ["a b", "\u0120 ab"]),
       "tokenizer.ggml.eos_token_id": u32(7)}
save("gguf", "empty", gguf({}))
save("gguf", "keys", gguf({"a": (12, struct.pack("<d", 0.5)),
                           "b": array(8, ["x", ""]), "c": flag(0),
                           "d": (10, struct.pack("<Q", 2 ** 63))}))
save("gguf", "spm", gguf(SPM))
save("gguf", "bpe", gguf(BPE))
for arch, number, width in (("qwen3", 42, 64), ("llama", 0, 16),
                            ("bitnet-b1.58", 0, 16)):
    keys, tensors = model(arch, number, width)
    save("gguf", arch, gguf({**keys, **SPM}, tensors))
for number, columns in ((41, 128), (42, 64), (35, 256), (34, 256), (8, 32)):
    save("gguf", "blocks%d" % number, gguf(
        {}, [("w", (2, columns), number, block_bytes(number, 2 * columns))]))


# SentencePiece.

def varint(value):
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sentencepiece(types, *rest):
    return b"".join(
        field(1, field(1, piece.encode()) + field(2, -float(i))
              + (field(3, kind) if kind != 1 else b""))
        for i, (piece, kind) in enumerate(zip(PIECES, types))) + b"".join(rest)


# A trie that maps nothing, as a character map starts: its size, its units.
charsmap = struct.pack("<I", 4) + bytes(4) + b"x\0"
KINDS = [2, 3, 3, 6, 1, 1, 1, 1]
save("tokenizer_model", "bpe", sentencepiece(
    KINDS, field(2, field(3, 2) + field(35, 1)), field(3, field(3, 1))))
save("tokenizer_model", "unigram", sentencepiece(
    KINDS, field(2, field(3, 1) + field(35, 1))))
save("tokenizer_model", "normalizer", sentencepiece(
    [2, 3, 3, 4, 1, 1, 1, 1], field(2, field(3, 2)),
    field(3, field(2, charsmap) + field(3, 0) + field(4, 0) + field(5, 1))))
