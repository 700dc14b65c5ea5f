"""Plain float32 numpy forward pass of an exported model directory.

This is the definition of what the exported models compute; it reads only the
files of the directory and shares no code with the training model.  It handles
what export.py writes: RMSNorm with optional bias, sub-norms, gated FFN,
half-split RoPE, tied embeddings, and these linear layers:

  ternary/int8   s = 127/max(max|x|,1e-5); q = clamp(rint(x*s),-128,127)
                 y = (W q)/s * weight_scale
  binary/int8    the same with W in {-1, +1}
  binary/sign    y_i = weight_scale_i * sum_j W_ij sgn(x_j),  sgn(0) = +1

and, where kv_cache is b1, binary attention:

  score = sgn(q) sgn(k) * score_scale_head / sqrt(d);  values sgn(v) * mean|v|
"""
import json
import os

import numpy as np

from tokenizer import Tokenizer

DTYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8}


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = f.read()
    out = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        out[name] = np.frombuffer(data[begin:end], DTYPES[info["dtype"]]).reshape(info["shape"])
    return out


def unpack(packed, packing):
    if packing == "bits":
        return np.unpackbits(packed, axis=1, bitorder="little").astype(np.float32) * 2 - 1
    return np.concatenate([(packed >> (2 * i)) & 3 for i in range(4)]).astype(np.float32) - 1


def sign(x):
    return np.where(x >= 0, np.float32(1), np.float32(-1))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Reference:
    def __init__(self, folder):
        with open(os.path.join(folder, "model.json"), encoding="utf-8") as f:
            self.c = c = json.load(f)
        self.sign = c["quantization"]["activation"] == "sign"
        self.w = {}
        for name, value in read_safetensors(os.path.join(folder, c["tensors"][0])).items():
            self.w[name] = (unpack(value, c["quantization"]["packing"])
                            if value.dtype == np.uint8 else value.astype(np.float32))
        self.tokenizer = Tokenizer(os.path.join(folder, c["tokenizer"]))
        self.bos, self.eos = c["generation"]["bos_token_id"], c["generation"]["eos_token_id"]
        half = c["head_dim"] // 2
        freq = c["rope"]["theta"] ** (-np.arange(half, dtype=np.float64) / half)
        angle = np.arange(c["max_position_embeddings"])[:, None] * freq
        self.cos, self.sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)

    def norm(self, x, name):
        y = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self.c["norm"]["eps"]))
        y = y * self.w[name + ".weight"]
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def linear(self, x, name):
        weight, scale = self.w[name + ".weight"], self.w[name + ".weight_scale"]
        if self.sign:
            return (sign(x) @ weight.T) * scale
        s = np.float32(127) / np.maximum(np.abs(x).max(-1, keepdims=True), np.float32(1e-5))
        q = np.clip(np.rint(x * s), -128, 127)
        return (q @ weight.T) / s * scale

    def rope(self, x, start):
        half, t = x.shape[-1] // 2, x.shape[0]
        a, b = x[..., :half], x[..., half:]
        c, s = self.cos[start:start + t, None], self.sin[start:start + t, None]
        return np.concatenate((a * c - b * s, b * c + a * s), -1)

    def forward(self, ids, cache=None):
        """Logits [T, vocab] of the new tokens; `cache` is a list that grows."""
        c, t = self.c, len(ids)
        heads, kv, d = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        cache = cache if cache is not None else []
        h = self.w["model.embed_tokens.weight"][ids]
        start = cache[0][0].shape[0] if cache else 0
        visible = np.arange(start + t)[None] <= np.arange(start, start + t)[:, None]
        for i in range(c["num_hidden_layers"]):
            p = "model.layers.%d." % i
            n = self.norm(h, p + "input_layernorm")
            q = self.rope(self.linear(n, p + "self_attn.q_proj").reshape(t, heads, d), start)
            k = self.rope(self.linear(n, p + "self_attn.k_proj").reshape(t, kv, d), start)
            v = self.linear(n, p + "self_attn.v_proj").reshape(t, kv, d)
            factor = np.full(heads, 1 / np.sqrt(d), np.float32)
            if c["kv_cache"] == "b1":
                q, k, v = sign(q), sign(k), sign(v) * np.abs(v).mean(-1, keepdims=True)
                factor *= self.w[p + "self_attn.score_scale"]
            if i < len(cache):
                k, v = np.concatenate((cache[i][0], k)), np.concatenate((cache[i][1], v))
                cache[i] = (k, v)
            else:
                cache.append((k, v))
            o = np.empty((t, heads, d), np.float32)
            for head in range(heads):
                group = head // (heads // kv)
                score = q[:, head] @ k[:, group].T * factor[head]
                o[:, head] = softmax(np.where(visible, score, -np.inf)) @ v[:, group]
            o = self.norm(o.reshape(t, heads * d), p + "self_attn.attn_sub_norm")
            h = h + self.linear(o, p + "self_attn.o_proj")
            m = self.norm(h, p + "post_attention_layernorm")
            g = self.linear(m, p + "mlp.gate_proj")
            g = np.maximum(g, 0) ** 2 if c["hidden_act"] == "relu2" else g / (1 + np.exp(-g))
            f = self.norm(g * self.linear(m, p + "mlp.up_proj"), p + "mlp.ffn_sub_norm")
            h = h + self.linear(f, p + "mlp.down_proj")
        return self.norm(h, "model.norm") @ self.w["model.embed_tokens.weight"].T

    def losses(self, ids):
        """Negative log-likelihood (nats) of ids[1:], in float64, and the logits."""
        logits = self.forward(ids[:-1])
        x = logits.astype(np.float64)
        x -= x.max(-1, keepdims=True)
        log_p = x - np.log(np.exp(x).sum(-1, keepdims=True))
        return -log_p[np.arange(len(ids) - 1), ids[1:]], logits

    def generate(self, ids, count, temperature=0.0, random=None):
        """Up to `count` new ids and, for each, the gap between the two best logits."""
        cache, out, margins = [], [], []
        logits = self.forward(ids, cache)[-1]
        for _ in range(count):
            second, first = np.sort(logits)[-2:]
            if temperature:
                one = int(random.choice(len(logits), p=softmax(logits.astype(float) / temperature)))
            else:
                one = int(logits.argmax())
            out.append(one)
            margins.append(round(float(first - second), 4))
            if one in self.eos or len(ids) + len(out) >= self.c["max_position_embeddings"]:
                break
            logits = self.forward([one], cache)[-1]
        return out, margins
