"""Clean sampled stories and split them into training and validation text.

Input files hold stories, each followed by a line with the separator (see
generate_text.py).  Duplicates over all files are dropped, trailing blanks and
double spaces are removed, and the stories are shuffled with a fixed seed.
About 5% become validation text; only the first 200 KB of that are written, as
that is all which is committed with the examples.

    prepare_text.py gen1.txt gen2.txt --train train.txt --validation validation.txt
"""
import argparse
import random
import re

from generate_text import SEPARATOR


def clean(story):
    lines = [re.sub(" +", " ", line).strip() for line in story.strip().split("\n")]
    return "\n".join(line for line in lines if line)


def write(path, stories):
    with open(path, "w", encoding="utf-8") as f:
        for story in stories:
            f.write(story + "\n" + SEPARATOR + "\n")


def read_stories(path):
    with open(path, encoding="utf-8") as f:
        parts = f.read().split(SEPARATOR)
    return [p.strip() for p in parts if p.strip()]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("inputs", nargs="+")
    p.add_argument("--train", required=True)
    p.add_argument("--validation", required=True)
    p.add_argument("--validation-bytes", type=int, default=190_000)
    a = p.parse_args()
    unique = {}
    for path in a.inputs:
        for story in read_stories(path):
            story = clean(story)
            unique.setdefault(story[:120], story)
    # Whether a story is validation text depends on its own start only, so that
    # adding more text later never moves a story from one part to the other.
    train, held_out = [], []
    for key, story in sorted(unique.items()):
        (held_out if random.Random(key).random() < 0.05 else train).append(story)
    random.Random(0).shuffle(train)
    random.Random(0).shuffle(held_out)
    small, size = [], 0
    for story in held_out:
        if size + len(story) < a.validation_bytes:
            small.append(story)
            size += len(story) + len(SEPARATOR) + 2
    write(a.train, train)
    write(a.validation, small)
    print("train: %d stories, %d bytes; held out: %d; validation file: %d stories"
          % (len(train), sum(map(len, train)), len(held_out), len(small)))


if __name__ == "__main__":
    main()
