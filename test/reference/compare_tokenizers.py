#!/usr/bin/env python3
"""Compares `bitnetc tokenize` with another implementation.

usage: compare_tokenizers.py OPTIONS -- COMMAND...

COMMAND takes the options of `bitnetc tokenize`; 77 as its exit code means that
there is no such implementation here. The lines of the shared texts and the
generated texts must have the same ids, and these ids, and ids at random, the
same text. Prints what was compared; fails if anything differs that known.py
does not explain.
"""
import argparse
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

import compare
import known
import texts


def special_tokens(path):
    try:
        with open(path, encoding="utf-8") as file:
            added = json.load(file)["added_tokens"]
    except (OSError, ValueError, KeyError, IsADirectoryError):
        return []
    return [token["content"] for token in added][:40]


class Comparison:
    """One tokenizer in both implementations."""

    def __init__(self, arguments, tokenizer, name):
        self.name, self.tokenizer = name, tokenizer
        self.ours = [arguments.bitnetc, "tokenize", "--tokenizer", tokenizer]
        self.theirs = arguments.command + ["--tokenizer", tokenizer]
        self.arguments, self.failed = arguments, 0

    def compare(self, what, inputs, options, reason_of):
        """Runs both and prints a line; returns the answers of COMMAND."""
        lines = [json.dumps(one) for one in inputs]
        theirs = compare.answers(self.theirs + options, lines)
        ours = compare.answers(self.ours + options, lines)
        differ, explained = compare.differences(
            what, zip(inputs, theirs, ours),
            lambda *case: reason_of(self.tokenizer, *case), shown=5, width=400)
        self.failed += differ
        if differ:
            print(f"{self.name}: {what}: {differ} of {len(inputs)} differ")
        for reason, count in explained.items():
            print(f"{self.name}: {what}: {count} explained: {reason}")
        return theirs

    def run(self):
        a = self.arguments
        plain = ["--no-special"] if a.no_special else []
        back = ["--decode"] + (["--skip-special"] if a.no_special else [])
        all_texts = list(dict.fromkeys(
            [*texts.corpus(a.shared, a.part),
             *texts.hard(8000 // min(a.part, 8),
                         special_tokens(self.tokenizer))]))
        ids = self.compare("encode", all_texts, plain, known.encoding)
        self.compare("encode, no template", all_texts[::7],
                     plain + ["--no-bos"], known.encoding)
        self.compare("decode", ids, back, known.decoding)
        if not a.no_special:
            self.compare("decode, no special", ids[::7],
                         back + ["--skip-special"], known.decoding)
        used = sorted({one for row in ids for one in row})
        rng = random.Random(2)
        # The first ids are special tokens and, in many vocabularies, bytes.
        mixed = [[rng.choice(used[:260 if i % 2 else None])
                  for _ in range(rng.randint(1, 12))]
                 for i in range(8000 // min(a.part, 8))]
        self.compare("decode at random", mixed, back, known.decoding)
        print(f"{self.name}: {len(all_texts)} texts, {sum(map(len, ids))} "
              f"tokens, {self.failed} differ", flush=True)
        return self.failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bitnetc", required=True)
    parser.add_argument("--shared", required=True, help="the shared data")
    parser.add_argument("--tokenizer")
    parser.add_argument("--make", help="a script beside this one that writes "
                        "folders of tokenizers, instead of --tokenizer")
    parser.add_argument("--name", help="in what is printed")
    parser.add_argument("--part", type=int, default=1,
                        help="use every PART-th line of the shared texts")
    parser.add_argument("--no-special", action="store_true",
                        help="COMMAND knows no special tokens")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    a = parser.parse_args()
    needed = a.tokenizer or a.shared + "/text"
    if not os.path.exists(needed):
        print(f"skipped: no {needed}")
        sys.exit(77)
    if not a.make:
        sys.exit(Comparison(a, a.tokenizer, a.name).run() > 0)
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run([
            sys.executable, os.path.join(os.path.dirname(__file__), a.make),
            folder, a.shared])
        if made.returncode:
            sys.exit(made.returncode)
        files = sorted(glob.glob(folder + "/*/tokenizer.json")
                       + glob.glob(folder + "/*/tokenizer.model"))
        failed = sum(
            Comparison(a, file, os.path.basename(os.path.dirname(file))).run()
            for file in files)
        print(f"{len(files)} tokenizers, {failed} differ")
        sys.exit(failed > 0 or not files)


main()
