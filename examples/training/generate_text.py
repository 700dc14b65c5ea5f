"""Sample training text from a published ternary TinyStories model.

The example models have no training corpus of their own: they are trained on
text sampled from another, already trained, BitNet model in Hugging Face format
("autobitlinear", offline, i.e. ternary weights packed four to a byte).  This
script dequantises that model, samples many stories at once with a key/value
cache, throws away broken or duplicate ones and appends the rest to a file,
each followed by a line holding only the separator.

    generate_text.py MODEL_DIR OUT.txt --minutes 15 --seed 1 [--golden FILE]

Run one process per core, with different seeds, and concatenate the outputs.
"""
import argparse
import json
import os
import re
import time

import numpy as np
import sentencepiece
import torch

SEPARATOR = "<|endoftext|>"


def read_safetensors(path):
    types = {"F32": np.float32, "F16": np.float16, "U8": np.uint8}
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(size))
        data = f.read()
    out = {}
    for name, info in header.items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        out[name] = np.frombuffer(data[begin:end], types[info["dtype"]]).reshape(info["shape"])
    return out


def unpack_ternary(packed):
    """HF packing: bits 2i..2i+1 of byte [r][c] hold row i*R+r, column c, as w+1."""
    rows = [((packed >> (2 * i)) & 3).astype(np.float32) - 1 for i in range(4)]
    return np.concatenate(rows, 0)


class Sampler:
    def __init__(self, folder, device="cpu"):
        self.device = device
        with open(os.path.join(folder, "config.json")) as f:
            self.c = c = json.load(f)
        raw = read_safetensors(os.path.join(folder, "model.safetensors"))
        self.w = {}
        for name, array in raw.items():
            if array.dtype == np.uint8:
                array = unpack_ternary(array)
            self.w[name] = torch.from_numpy(np.array(array, np.float32)).to(device)
        self.eps = c["rms_norm_eps"]
        self.heads, self.kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.d = c["hidden_size"] // self.heads
        half = self.d // 2
        freq = c["rope_theta"] ** (-torch.arange(half).float() * 2 / self.d)
        angle = torch.arange(c["max_position_embeddings"]).float()[:, None] * freq
        self.cos, self.sin = angle.cos().to(device), angle.sin().to(device)

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.w[name + ".weight"]

    @staticmethod
    def quant(x):
        s = 127 / x.abs().amax(-1, keepdim=True).clamp_min(1e-5)
        return (x * s).round_().clamp_(-128, 127).div_(s)

    def linear(self, xq, name):
        return (xq @ self.w[name + ".weight"].t()).mul_(self.w[name + ".weight_scale"])

    def rope(self, x, pos):
        a, b = x.chunk(2, -1)
        c, s = self.cos[pos], self.sin[pos]
        return torch.cat((a * c - b * s, b * c + a * s), -1)

    def new_cache(self, batch, length):
        shape = (self.c["num_hidden_layers"], 2, batch, self.kv, length, self.d)
        return torch.zeros(shape, device=self.device)

    def step(self, ids, pos, cache):
        """One token for every sequence of the batch; returns the logits."""
        n_batch, act = len(ids), self.c["hidden_act"]
        h = self.w["model.embed_tokens.weight"][ids]
        for i in range(self.c["num_hidden_layers"]):
            p = "model.layers.%d." % i
            n = self.quant(self.norm(h, p + "input_layernorm"))
            q = self.linear(n, p + "self_attn.q_proj").view(n_batch, self.heads, self.d)
            k = self.linear(n, p + "self_attn.k_proj").view(n_batch, self.kv, self.d)
            v = self.linear(n, p + "self_attn.v_proj").view(n_batch, self.kv, self.d)
            cache[i, 0, :, :, pos] = self.rope(k, pos)
            cache[i, 1, :, :, pos] = v
            group = self.heads // self.kv
            q = self.rope(q, pos).reshape(n_batch * self.kv, group, self.d)
            keys = cache[i, 0, :, :, :pos + 1].flatten(0, 1)
            values = cache[i, 1, :, :, :pos + 1].flatten(0, 1)
            score = torch.bmm(q, keys.transpose(1, 2)) * self.d ** -0.5
            o = torch.bmm(score.softmax(-1), values).reshape(n_batch, -1)
            o = self.quant(self.norm(o, p + "self_attn.attn_sub_norm"))
            h = h + self.linear(o, p + "self_attn.o_proj")
            m = self.quant(self.norm(h, p + "post_attention_layernorm"))
            g = self.linear(m, p + "mlp.gate_proj")
            g = g.relu().pow(2) if act == "relu2" else torch.nn.functional.silu(g)
            f = g * self.linear(m, p + "mlp.up_proj")
            f = self.quant(self.norm(f, p + "mlp.ffn_sub_norm"))
            h = h + self.linear(f, p + "mlp.down_proj")
        return self.norm(h, "model.norm") @ self.w["model.embed_tokens.weight"].t()

    def sample(self, batch, temperature, limit):
        """Sample a batch of stories; returns the id lists of those that ended."""
        bos, eos = self.c["bos_token_id"], self.c["eos_token_id"]
        ids = torch.full((batch,), bos, device=self.device)
        slot = torch.arange(batch, device=self.device)
        rows = torch.zeros((batch, limit), dtype=torch.long)
        length = torch.full((batch,), -1)
        live, cache = torch.ones_like(slot, dtype=torch.bool), self.new_cache(batch, limit)
        for pos in range(limit):
            logits = self.step(ids, pos, cache)
            ids = torch.multinomial((logits / temperature).softmax(-1), 1)[:, 0]
            stop = (ids == bos) | (ids == eos)
            where = slot.cpu()
            rows[where, pos] = ids.cpu()
            length[where[(stop & live).cpu()]] = pos
            live &= ~stop
            if live.sum() < 0.75 * len(live):  # shrink the batch to what is alive
                ids, slot, cache = ids[live], slot[live], cache[:, :, live]
                live = live[live]
                if len(live) < batch // 16:
                    break
        return [row[:n].tolist() for row, n in zip(rows, length.tolist()) if n >= 0]


def good(text):
    """A usable story: plain ASCII, some length, a proper end, no stutter."""
    if not 150 <= len(text) <= 4000 or not text.isascii() or text[-1] not in ".!?\"'":
        return False
    words = re.findall(r"[a-z']+", text.lower())
    if max(len(w) for w in words) > 16 or not text[0].isupper():
        return False
    triples = list(zip(words, words[1:], words[2:]))
    return len(set(triples)) > 0.75 * len(triples)


def check_golden(model, path):
    with open(path) as f:
        golden = json.load(f)
    for item in golden["prompts"]:
        ids, cache = list(item["ids"]), model.new_cache(1, 256)
        for pos, one in enumerate(ids):
            logits = model.step(torch.tensor([one]), pos, cache)
        same = 0
        for want in item["generated"]:
            got = int(logits[0].argmax())
            if got != want:
                break
            same += 1
            logits = model.step(torch.tensor([got]), len(ids) + same - 1, cache)
        margin = item["margins"][same] if same < len(item["generated"]) else None
        print("%r: %d of %d greedy ids agree (margin there %s)"
              % (item["prompt"], same, len(item["generated"]), margin))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("model")
    p.add_argument("output")
    p.add_argument("--minutes", type=float, default=15)
    p.add_argument("--batch", type=int, default=256)
    p.add_argument("--temperature", type=float, default=0.85)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--device", default="cpu")
    p.add_argument("--golden", help="golden JSON to compare greedy decoding with, then stop")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(a.seed)
    model = Sampler(a.model, a.device)
    if a.golden:
        return check_golden(model, a.golden)
    sp = sentencepiece.SentencePieceProcessor(os.path.join(a.model, "tokenizer.model"))
    start, seen, total, kept, size = time.time(), set(), 0, 0, 0
    with open(a.output, "a", encoding="utf-8") as out:
        while time.time() - start < 60 * a.minutes:
            stories = model.sample(a.batch, a.temperature, model.c["max_position_embeddings"])
            total += a.batch
            for ids in stories:
                text = sp.decode(ids).strip()
                key = text[:200]
                if good(text) and key not in seen:
                    seen.add(key)
                    out.write(text + "\n" + SEPARATOR + "\n")
                    kept, size = kept + 1, size + len(text)
            out.flush()
            print("%.0fs sampled %d ended-last %d kept %d bytes %d"
                  % (time.time() - start, total, len(stories), kept, size), flush=True)


if __name__ == "__main__":
    main()
