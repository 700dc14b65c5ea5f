#!/usr/bin/env python3
"""A screened head must find the best tokens and their logits, to the bit.

usage: check_screen.py GOLDEN.json UNSCREENED PROGRAM...

Every program has the same model; UNSCREENED was compiled with
--head-screen=off. The ids are those of the golden file's first text, 100 at
most. For every program, number of threads, tokens per step and number of best
tokens, the best tokens are those of all logits, computed logits are equal to
them, some are not computed, and which ones is the same everywhere. Sampled
texts are the same too.
"""
import json
import subprocess
import sys
import tempfile

THREADS = (1, 2, 3)
CHUNKS = (1, 7, 256)
BEST = (1, 5)


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True,
                          timeout=120)
    if done.returncode != 0:
        sys.exit("%s: exit status %d: %s"
                 % (" ".join(arguments), done.returncode, done.stderr.strip()))
    return done.stdout


with open(sys.argv[1]) as file:
    ids = json.load(file)["texts"][0]["ids"][:100]
plain, screened = sys.argv[2], sys.argv[3:]
vocabulary = json.loads(run(plain, "info", "--json"))["vocab_size"]
computed = {}
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(ids, file)
    file.flush()
    common = ("eval", "--ids", file.name, "--logits-hash", "--json")
    expected = json.loads(run(plain, *common))["logits_hash"]
    for program in screened:
        for best in BEST:
            for threads in THREADS:
                for chunk in CHUNKS:
                    result = json.loads(run(
                        program, *common, "--screen", str(best), "--threads",
                        str(threads), "--chunk", str(chunk)))
                    what = "%s, best %d, %d threads, chunk %d" % (
                        program, best, threads, chunk)
                    if result["logits_hash"] != expected:
                        sys.exit(what + ": all logits differ")
                    screen = result["screen"]
                    if (screen["positions"] != len(ids)
                            or screen["missed_positions"]
                            or screen["wrong_logits"]):
                        sys.exit("%s: %s" % (what, screen))
                    if screen["logits_per_position"] > 0.9 * vocabulary:
                        sys.exit("%s: nothing is screened" % what)
                    computed.setdefault(best, set()).add(
                        screen["logits_per_position"])
for best, counts in computed.items():
    print("best %d: %s of %d logits computed" % (best, counts, vocabulary))
    if len(counts) != 1:
        sys.exit("differs")

for sampling in (("--greedy",), ("--top-k", "5", "--seed", "3"),
                 ("--top-k", "5", "--repeat-penalty", "1.3"),
                 ("--top-k", "0", "--seed", "4")):
    texts = {run(program, "run", *sampling, "-n", "60", "Once upon a time")
             for program in [plain] + screened}
    if len(texts) != 1:
        sys.exit("texts differ with %s:\n%s" % (sampling, "\n".join(texts)))
