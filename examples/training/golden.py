"""Make golden.json of an exported model, and measure its validation loss.

    golden.py MODEL_DIR --validation validation.txt [--samples 3]

Uses reference.py only, hence only what is in the directory.  golden.json holds
three validation texts with the mean loss per predicted token, the arg-max after
every token and its margin over the runner-up (compare arg-max only where the
margin is not tiny), and greedy continuations of some prompts.
"""
import argparse
import json
import os

import numpy as np

from prepare_text import read_stories
from reference import Reference

PROMPTS = ("Once upon a time", "One day, a little girl named Lily", "Tom and his dog")


def text_entry(model, text):
    ids = [model.bos] + model.tokenizer.encode(text)
    loss, _ = model.losses(ids)
    logits = model.forward(ids)
    top = np.sort(logits, -1)
    return {"text": text, "ids": ids, "mean_nll": round(float(loss.mean()), 6),
            "argmax": [int(i) for i in logits.argmax(-1)],
            "margin": [round(float(m), 4) for m in top[:, -1] - top[:, -2]]}


def prompt_entry(model, prompt, count):
    ids = [model.bos] + model.tokenizer.encode(prompt)
    generated, margins = model.generate(ids, count)
    return {"prompt": prompt, "ids": ids, "generated": generated, "margins": margins,
            "text": model.tokenizer.decode(ids + generated)}


def validation(model, stories):
    """Loss of whole stories (end token included) that fit the context."""
    nats = tokens = size = skipped = 0
    for story in stories:
        ids = [model.bos] + model.tokenizer.encode(story) + [model.eos[0]]
        if len(ids) > model.c["max_position_embeddings"]:
            skipped += 1
            continue
        loss, _ = model.losses(ids)
        nats, tokens, size = nats + loss.sum(), tokens + len(loss), size + len(story.encode())
    print("validation: %d stories (%d too long), %d tokens, %d bytes: "
          "%.4f nats/token, %.4f nats/byte"
          % (len(stories) - skipped, skipped, tokens, size, nats / tokens, nats / size))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("model")
    p.add_argument("--validation", required=True)
    p.add_argument("--generate", type=int, default=60)
    p.add_argument("--samples", type=int, default=0, help="also print sampled stories")
    p.add_argument("--temperature", type=float, default=0.7)
    a = p.parse_args()
    model, stories = Reference(a.model), read_stories(a.validation)
    texts = []
    for story in stories:
        # The first sentences of a story, as many as fit 60 to 200 tokens.
        while len(model.tokenizer.encode(story)) > 180 and ". " in story:
            story = story[:story.rindex(". ")] + "."
            if story.endswith(".."):
                story = story[:-1]
        if 60 <= len(model.tokenizer.encode(story)) <= 190 and len(texts) < 3:
            texts.append(text_entry(model, story))
    golden = {"texts": texts, "prompts": [prompt_entry(model, q, a.generate) for q in PROMPTS]}
    with open(os.path.join(a.model, "golden.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f, ensure_ascii=False)
        f.write("\n")
    for entry in golden["prompts"]:
        print("greedy: %r" % entry["text"])
    validation(model, stories)
    random = np.random.default_rng(1)
    for i in range(a.samples):
        ids = [model.bos] + model.tokenizer.encode(PROMPTS[i % len(PROMPTS)])
        out, _ = model.generate(ids, 400, a.temperature, random)
        print("--- sample %d (temperature %.2f)\n%s" % (i + 1, a.temperature,
                                                       model.tokenizer.decode(ids + out)))


if __name__ == "__main__":
    main()
