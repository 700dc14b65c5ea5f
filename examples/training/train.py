"""Train one of the example models on text made by generate_text.py.

    train.py --text train.txt --validation validation.txt \
             --tokenizer DIR/tokenizer.json --checkpoint FILE.pt --kind ternary --minutes 30

The length of the run is given in minutes or steps; the learning rate follows a
warm-up and a cosine to 5% over it.  The checkpoint holds everything needed to
continue: run the same command again to resume an interrupted run.  With
--start-from, the weights of another checkpoint are the starting point (say a
--kind float run for a w1a1 one); with --teacher, the model learns from the
probabilities of another checkpoint with the same tokenizer beside the text.  The
printed validation loss is in nats per token, on a part of the validation text.
"""
import argparse
import os
import time

import numpy as np
import torch

from bitlinear import KINDS, Sign
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


def saved_stream(path, tokenizer, text):
    """token_stream() of a text file, kept in a file for other runs on that text."""
    if path and os.path.exists(path):
        return torch.load(path)
    stream = token_stream(tokenizer, read_stories(text))
    if path:
        torch.save(stream, path)
    return stream


class Batches:
    """Random windows, most of them beginning where a story begins."""

    def __init__(self, stream, starts, seed, device):
        self.stream, self.starts = stream.to(device), starts.numpy()
        self.random = np.random.default_rng(seed)

    def get(self, batch, length, aligned=0.7):
        last = len(self.stream) - length - 1
        at = self.random.integers(last, size=batch)
        begin = self.random.choice(self.starts[self.starts < last], batch)
        at = np.where(self.random.random(batch) < aligned, begin, at)
        at = torch.from_numpy(at).to(self.stream.device)
        rows = self.stream[at[:, None] + torch.arange(length + 1, device=at.device)]
        return rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def validation_loss(model, tokenizer, stories, limit=64):
    total = count = 0
    for story in stories[:limit]:
        ids = ([tokenizer.bos] + tokenizer.encode(story) + [tokenizer.eos])[:model.c.context + 1]
        row = torch.tensor([ids], device=model.embed.device)
        total += float(model.loss(row[:, :-1], row[:, 1:], "sum"))
        count += len(ids) - 1
    return total / count


def distilled_loss(model, teacher, ids, targets, share):
    """(1 - share) of the text's loss and share of the teacher's cross-entropy."""
    logits = model(ids).flatten(0, 1)
    with torch.no_grad():
        wanted = teacher(ids).flatten(0, 1).softmax(-1)
    text = torch.nn.functional.cross_entropy(logits, targets.flatten())
    return (1 - share) * text + share * torch.nn.functional.cross_entropy(logits, wanted)


def load(path, device):
    saved = torch.load(path, map_location=device)
    model = Model(Config(**saved["config"])).to(device)
    model.load_state_dict(saved["model"])
    return model.requires_grad_(False)


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
    p.add_argument("--kind", choices=KINDS, default="ternary")
    p.add_argument("--binary-attention", action="store_true")
    p.add_argument("--hidden", type=int, default=256)
    p.add_argument("--layers", type=int, default=4)
    p.add_argument("--teacher", help="checkpoint to learn from as well")
    p.add_argument("--teacher-share", type=float, default=0.5)
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
                   help="part of the run over which signs go from float to binary")
    p.add_argument("--slope", choices=("box", "tent"), default="box",
                   help="gradient of a sign's input between -1 and 1")
    p.add_argument("--no-threshold", action="store_true", help="w1a1: no bias in the norms")
    p.add_argument("--minutes", type=float)
    p.add_argument("--steps", type=int)
    p.add_argument("--every", type=int, default=200, help="steps between validations")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--device", default="cpu")
    p.add_argument("--stream", help="file that keeps the text's tokens for other runs")
    return p.parse_args()


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(a.seed)
    torch.set_float32_matmul_precision("high")
    Sign.slope = a.slope
    tokenizer = Tokenizer(a.tokenizer)
    stream, starts = saved_stream(a.stream, tokenizer, a.text)
    held_out = read_stories(a.validation)
    model = Model(Config(kind=a.kind, act=a.act, hidden_size=a.hidden, layers=a.layers,
                         heads=a.hidden // 32, intermediate_size=a.intermediate,
                         kv_heads=a.kv_heads, binary_attention=a.binary_attention,
                         norm_bias=a.kind.startswith("w1a1") and not a.no_threshold,
                         vocab_size=len(tokenizer.vocab))).to(a.device)
    teacher = load(a.teacher, a.device) if a.teacher else None
    adam, step, used = optimiser(model, a), 0, 0.0
    if os.path.exists(a.checkpoint):
        saved = torch.load(a.checkpoint, map_location=a.device)
        model.load_state_dict(saved["model"])
        adam.load_state_dict(saved["adam"])
        step, used = saved["step"], saved["seconds"]
    elif a.start_from:
        model.load_state_dict(torch.load(a.start_from, map_location=a.device)["model"],
                              strict=False)
    print("%d parameters, %d training tokens, resuming at step %d"
          % (sum(p.numel() for p in model.parameters()), len(stream), step), flush=True)
    batches = Batches(stream, starts, a.seed + step, a.device)
    begin, seen, average = time.time(), 0, 0.0

    def save():
        torch.save({"model": model.state_dict(), "adam": adam.state_dict(), "step": step,
                    "seconds": used + time.time() - begin, "config": model.c.as_dict()},
                   a.checkpoint + ".new")
        os.replace(a.checkpoint + ".new", a.checkpoint)

    while True:
        done = step / a.steps if a.steps else (used + time.time() - begin) / (60 * a.minutes)
        if done >= 1:
            break
        rate = float(min(1.0, (done + 1e-3) / a.warmup)
                     * (0.05 + 0.475 * (1 + np.cos(np.pi * done))))
        for group in adam.param_groups:
            group["lr"] = group["peak"] * rate
        Sign.amount = min(1.0, done / a.binarise_over) if a.binarise_over else 1.0
        long = 2 if done >= a.long_from else 1
        ids, targets = batches.get(a.batch // long, a.length * long)
        loss = (distilled_loss(model, teacher, ids, targets, a.teacher_share) if teacher
                else model.loss(ids, targets))
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        step, seen = step + 1, seen + ids.numel()
        average = 0.98 * average + 0.02 * loss.detach()
        if step % a.every == 0:
            Sign.amount = 1.0
            seconds = time.time() - begin
            print("step %d %.0fs part %.3f train %.3f validation %.4f, %.0f tokens/s"
                  % (step, used + seconds, done, average / (1 - 0.98 ** min(step, 9999)),
                     validation_loss(model, tokenizer, held_out), seen / seconds), flush=True)
            save()
    Sign.amount = 1.0
    save()
    print("finished: step %d, %.0f s, validation %.4f (all of it)" % (
        step, used + time.time() - begin, validation_loss(model, tokenizer, held_out, None)))


if __name__ == "__main__":
    main()
