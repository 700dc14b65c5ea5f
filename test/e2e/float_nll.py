#!/usr/bin/env python3
"""Mean NLL of a directory that make_hf.py wrote, in double precision and from
the definitions of its form alone: weights are read, quantised and multiplied
here a third time, with loops over numbers. Compared with what a program reports,
it shows a scale or a norm that importer and interpreter agree on wrongly.

usage: float_nll.py DIRECTORY IDS_FILE EVAL_JSON_FILE
"""
import json
import math
import os
import struct
import sys

# The program's embedding has 8 bits where it is stored as floats.
ABSOLUTE, RELATIVE = 0.02, 0.005


def load(path):
    data = open(path, "rb").read()
    size, = struct.unpack_from("<Q", data)
    tensors = {}
    for name, info in json.loads(data[8:8 + size]).items():
        begin, end = (8 + size + at for at in info["data_offsets"])
        tensors[name] = info["dtype"], info["shape"], data[begin:end]
    return tensors


def numbers(tensor):
    dtype, _, data = tensor
    if dtype == "BF16":
        return [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0]
                for i in range(0, len(data), 2)]
    return [v for v, in struct.iter_unpack(
        {"F32": "<f", "F16": "<e", "U32": "<I"}[dtype], data)]


def rows(values, columns):
    return [values[i:i + columns] for i in range(0, len(values), columns)]


def mean(values):
    return math.fsum(values) / len(values)


class Model:
    def __init__(self, directory):
        with open(os.path.join(directory, "config.json")) as file:
            self.c = json.load(file)
        self.t = load(os.path.join(directory, "model.safetensors"))
        quant = self.c.get("quantization_config") or {}
        self.form = (self.c.get("bitnet_type") or quant.get("linear_class")
                     or ("mlx" if "quantization" in self.c else "floats"))
        self.cache = {}

    def vector(self, name):
        return numbers(self.t[name])

    def matrix(self, name):
        """As it is stored: floats, or MLX's bits."""
        if name not in self.cache:
            weight = self.t[name + ".weight"]
            stored = rows(numbers(weight), weight[1][1])
            if weight[0] == "U32":
                stored = self.unpacked(name, stored)
            self.cache[name] = stored
        return self.cache[name]

    def unpacked(self, name, words):
        quant = self.c["quantization"]
        bits, group = quant["bits"], quant["group_size"]
        per_row = self.t[name + ".scales"][1][1]
        scales = rows(self.vector(name + ".scales"), per_row)
        biases = rows(self.vector(name + ".biases"), per_row)
        out = []
        for r, row in enumerate(words):
            codes = [w >> bits * i & (1 << bits) - 1
                     for w in row for i in range(32 // bits)]
            out.append([q * scales[r][c // group] + biases[r][c // group]
                        for c, q in enumerate(codes)])
        return out

    def own_norm(self, name, x, eps):
        k = len(x)
        if self.form in ("kyegomez", "bitllama2.c"):
            length = max(math.sqrt(math.fsum(v * v for v in x)), 1e-12)
            return [v / length / math.sqrt(k) for v in x]
        for own in (".layernorm", ".layer_norm"):
            if name + own + ".weight" in self.t:
                gain = self.vector(name + own + ".weight")
                bias = [0.0] * k
                if name + own + ".bias" in self.t:
                    bias = self.vector(name + own + ".bias")
                    centre = mean(x)
                    x = [v - centre for v in x]
                r = 1 / math.sqrt(mean([v * v for v in x]) + eps)
                return [v * r * g + b for v, g, b in zip(x, gain, bias)]
        return x

    def weights(self, name, form):
        """(codes, scale) of master weights."""
        key = name, form
        if key not in self.cache:
            w = self.matrix(name)
            flat = [v for row in w for v in row]
            size = mean([abs(v) for v in flat])
            centre = mean(flat)
            codes = {"1b": lambda v: 1 if v > centre else -1,
                     "kyegomez": lambda v: (v > centre) - (v < centre)}.get(
                         form, lambda v: max(-1, min(1, round(v / size))))
            self.cache[key] = [[codes(v) for v in row] for row in w], size
        return self.cache[key]

    def linear(self, name, x, form=None, eps=None):
        form = form or self.form
        if form in ("mlx", "floats"):
            return [math.sumprod(x, row) for row in self.matrix(name)]
        x = self.own_norm(name, x, eps or self.c.get("rms_norm_eps", 1e-6))
        codes, size = self.weights(name, form)
        peak, low, high = 127, -128, 127
        if form in ("1b", "1.58b"):
            peak = 128
        if form == "1b" and name.endswith("gate_proj"):
            least = min(x)
            x, low = [v - least for v in x], 0
        most = max(max(abs(v) for v in x), 1e-5)
        q = [max(low, min(high, round(v * peak / most))) for v in x]
        return [math.sumprod(q, row) * size * most / peak for row in codes]

    def rms(self, name, x):
        if name + ".weight" not in self.t:
            return x
        eps = self.c.get("rms_norm_eps", 1e-6)
        r = 1 / math.sqrt(mean([v * v for v in x]) + eps)
        return [v * r * g for v, g in zip(x, self.vector(name + ".weight"))]

    def frequencies(self, d):
        theta = self.c.get("rope_theta", 10000.0)
        freqs = [theta ** (-2 * i / d) for i in range(d // 2)]
        scaling = self.c.get("rope_scaling")
        if not scaling:
            return freqs, 1.0
        factor = scaling["factor"]
        original = scaling["original_max_position_embeddings"]

        def place(turns):
            return d * math.log(original / (turns * 2 * math.pi)) / (
                2 * math.log(theta))
        low, high = max(math.floor(place(32)), 0), min(
            math.ceil(place(1)), d - 1)
        ramp = [min(1, max(0, (i - low) / max(high - low, 0.001)))
                for i in range(d // 2)]
        return ([f / factor * r + f * (1 - r) for f, r in zip(freqs, ramp)],
                0.1 * math.log(factor) + 1)

    def rope(self, x, position):
        d = self.d
        freqs, size = self.frequencies(d)
        out = list(x)
        for head in range(0, len(x), d):
            for i, f in enumerate(freqs):
                a, b = head + i, head + i + d // 2
                if self.form == "bitllama2.c":
                    a, b = head + 2 * i, head + 2 * i + 1
                c, s = (size * math.cos(position * f),
                        size * math.sin(position * f))
                out[a], out[b] = x[a] * c - x[b] * s, x[b] * c + x[a] * s
        return out

    def heads(self, name, x):
        return [v for h in rows(x, self.d) for v in self.rms(name, h)]

    def nll(self, ids):
        c = self.c
        n, kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.d = d = c.get("head_dim", c["hidden_size"] // n)
        embed = self.matrix("model.embed_tokens")
        state = [list(embed[i]) for i in ids]
        for layer in range(c["num_hidden_layers"]):
            at = "model.layers.%d." % layer
            attn, mlp = at + "self_attn.", at + "mlp."
            keys, values = [], []
            for position, h in enumerate(state):
                x = self.rms(at + "input_layernorm", h)
                q = self.linear(attn + "q_proj", x)
                k = self.linear(attn + "k_proj", x)
                q = self.rope(self.heads(attn + "q_norm", q), position)
                k = self.rope(self.heads(attn + "k_norm", k), position)
                keys.append(rows(k, d))
                values.append(rows(self.linear(attn + "v_proj", x), d))
                o = []
                for i, head in enumerate(rows(q, d)):
                    j = i // (n // kv)
                    score = [math.sumprod(head, key[j]) / math.sqrt(d)
                             for key in keys]
                    top = max(score)
                    p = [math.exp(s - top) for s in score]
                    o += [math.fsum(p[t] * values[t][j][e]
                                    for t in range(len(p))) / math.fsum(p)
                          for e in range(d)]
                o = self.linear(attn + "o_proj", o)
                h = [a + b for a, b in zip(h, o)]
                x = self.rms(at + "post_attention_layernorm", h)
                gate = self.linear(mlp + "gate_proj", x)
                up = self.linear(mlp + "up_proj", x)
                f = [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up)]
                f = self.linear(mlp + "down_proj", f)
                state[position] = [a + b for a, b in zip(h, f)]
        total = 0.0
        for h, following in zip(state, ids[1:]):
            logits = self.logits(self.rms("model.norm", h))
            top = max(logits)
            total += top + math.log(math.fsum(
                math.exp(v - top) for v in logits)) - logits[following]
        return total / (len(ids) - 1)

    def logits(self, h):
        if self.c["tie_word_embeddings"]:
            return [math.sumprod(h, row)
                    for row in self.matrix("model.embed_tokens")]
        if self.form in ("1b", "1.58b") and any(
                "lm_head.%s.weight" % own in self.t
                for own in ("layernorm", "layer_norm")):
            return self.linear("lm_head", h, "1b", 1e-6)
        return [math.sumprod(h, row) for row in self.matrix("lm_head")]


def main():
    if not hasattr(math, "sumprod"):  # Python 3.12
        math.sumprod = lambda a, b: math.fsum(x * y for x, y in zip(a, b))
    with open(sys.argv[2]) as file:
        ids = json.load(file)
    with open(sys.argv[3]) as file:
        found = json.load(file)["nll"]
    expected = Model(sys.argv[1]).nll(ids)
    if not abs(found - expected) <= ABSOLUTE + RELATIVE * expected:
        sys.exit("%s: mean NLL %.5f, by the definitions %.5f"
                 % (sys.argv[1], found, expected))


main()
