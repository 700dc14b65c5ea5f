"""Train one of the example models on text made by generate_text.py.

    train.py --text train.txt --validation validation.txt \
             --tokenizer DIR/tokenizer.json --checkpoint FILE.pt --kind ternary --minutes 30

The length of the run is given in minutes or steps; the learning rate follows a
warm-up and a cosine to 5% over it.  The checkpoint holds everything needed to
continue: run the same command again to resume an interrupted run.  With
--start-from, the weights of another checkpoint are the starting point (say a
--kind float run for a w1a1 one).  The printed validation loss is in nats per
token, on a part of the validation text.
"""
import argparse
import os
import time

import numpy as np
import torch

from bitlinear import BinLinear
from model import Config, Model
from prepare_text import read_stories
from tokenizer import Tokenizer


def token_stream(tokenizer, stories):
    """bos story eos bos story eos ...; one shared token if bos is eos."""
    ids, starts = [], []
    for story in stories:
        if not ids or tokenizer.bos != tokenizer.eos:
            ids.append(tokenizer.bos)
        starts.append(len(ids) - 1)
        ids += tokenizer.encode(story) + [tokenizer.eos]
    return torch.tensor(ids), torch.tensor(starts)


class Batches:
    """Random windows, most of them beginning where a story begins."""

    def __init__(self, stream, starts, seed):
        self.stream, self.starts, self.random = stream, starts, np.random.default_rng(seed)

    def get(self, batch, length, aligned=0.7):
        last = len(self.stream) - length - 1
        at = []
        while len(at) < batch:
            if self.random.random() < aligned:
                one = int(self.starts[self.random.integers(len(self.starts))])
            else:
                one = int(self.random.integers(last))
            if one < last:
                at.append(one)
        rows = torch.stack([self.stream[i:i + length + 1] for i in at])
        return rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def validation_loss(model, tokenizer, stories, limit=64):
    total = count = 0
    for story in stories[:limit]:
        ids = ([tokenizer.bos] + tokenizer.encode(story) + [tokenizer.eos])[:model.c.context + 1]
        row = torch.tensor([ids])
        total += float(model.loss(row[:, :-1], row[:, 1:], "sum"))
        count += len(ids) - 1
    return total / count


def optimiser(model, a):
    """No decay for the latent weights of 1-bit layers, norms and scales."""
    latent = [p for n, p in model.named_parameters() if n.endswith("_proj.weight")]
    rest = [p for n, p in model.named_parameters() if not n.endswith("_proj.weight")]
    return torch.optim.AdamW([{"params": latent, "peak": a.lr, "weight_decay": a.decay},
                              {"params": rest, "peak": a.float_lr, "weight_decay": 0.0}],
                             lr=a.lr, betas=(0.9, a.beta2), eps=1e-10)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--text", required=True)
    p.add_argument("--validation", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--start-from")
    p.add_argument("--kind", choices=("ternary", "w1a1", "float"), default="ternary")
    p.add_argument("--act", choices=("relu2", "silu"), default="relu2")
    p.add_argument("--intermediate", type=int, default=704)
    p.add_argument("--kv-heads", type=int, default=4)
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--length", type=int, default=256)
    p.add_argument("--long-from", type=float, default=0.8,
                   help="part of the run after which windows are twice as long, half as many")
    p.add_argument("--lr", type=float, default=2e-3, help="peak, latent weights")
    p.add_argument("--float-lr", type=float, default=2e-3, help="peak, embeddings and norms")
    p.add_argument("--warmup", type=float, default=0.03)
    p.add_argument("--decay", type=float, default=0.0)
    p.add_argument("--beta2", type=float, default=0.98)
    p.add_argument("--binarise-over", type=float, default=0.0,
                   help="w1a1: part of the run over which layers go from float to binary")
    p.add_argument("--noise-until", type=float, default=0.0,
                   help="w1a1: part of the run with stochastic signs")
    p.add_argument("--minutes", type=float)
    p.add_argument("--steps", type=int)
    p.add_argument("--every", type=int, default=200, help="steps between validations")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    return p.parse_args()


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(a.seed)
    tokenizer = Tokenizer(a.tokenizer)
    stream, starts = token_stream(tokenizer, read_stories(a.text))
    held_out = read_stories(a.validation)
    model = Model(Config(kind=a.kind, act=a.act, intermediate_size=a.intermediate,
                         kv_heads=a.kv_heads, norm_bias=a.kind == "w1a1",
                         vocab_size=len(tokenizer.vocab)))
    adam, step, used = optimiser(model, a), 0, 0.0
    if os.path.exists(a.checkpoint):
        saved = torch.load(a.checkpoint)
        model.load_state_dict(saved["model"])
        adam.load_state_dict(saved["adam"])
        step, used = saved["step"], saved["seconds"]
    elif a.start_from:
        model.load_state_dict(torch.load(a.start_from)["model"], strict=False)
    print("%d parameters, %d training tokens, resuming at step %d"
          % (sum(p.numel() for p in model.parameters()), len(stream), step), flush=True)
    batches, begin, seen, average = Batches(stream, starts, a.seed + step), time.time(), 0, 0.0

    def save():
        torch.save({"model": model.state_dict(), "adam": adam.state_dict(), "step": step,
                    "seconds": used + time.time() - begin, "config": model.c.as_dict()},
                   a.checkpoint + ".new")
        os.replace(a.checkpoint + ".new", a.checkpoint)

    while True:
        done = step / a.steps if a.steps else (used + time.time() - begin) / (60 * a.minutes)
        if done >= 1:
            break
        rate = min(1.0, (done + 1e-3) / a.warmup) * (0.05 + 0.475 * (1 + np.cos(np.pi * done)))
        for group in adam.param_groups:
            group["lr"] = group["peak"] * rate
        BinLinear.amount = min(1.0, done / a.binarise_over) if a.binarise_over else 1.0
        BinLinear.noise = done < a.noise_until
        long = 2 if done >= a.long_from else 1
        ids, targets = batches.get(a.batch // long, a.length * long)
        loss = model.loss(ids, targets)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        step, seen = step + 1, seen + ids.numel()
        average = 0.98 * average + 0.02 * loss.item()
        if step % a.every == 0:
            BinLinear.amount = 1.0
            seconds = time.time() - begin
            print("step %d %.0fs part %.3f train %.3f validation %.4f, %.0f tokens/s"
                  % (step, used + seconds, done, average / (1 - 0.98 ** min(step, 9999)),
                     validation_loss(model, tokenizer, held_out), seen / seconds), flush=True)
            save()
    BinLinear.amount = 1.0
    save()
    print("finished: step %d, %.0f s, validation %.4f (all of it)" % (
        step, used + time.time() - begin, validation_loss(model, tokenizer, held_out, None)))


if __name__ == "__main__":
    main()
