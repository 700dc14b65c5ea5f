#!/usr/bin/env python3
"""Logits must be the same to the last bit in every program given, for every
number of threads and every number of tokens per step.

usage: check_hashes.py [--load] GOLDEN.json PROGRAM...

The ids are those of the golden file's first text, again and again up to 300:
more than one chunk of positions that attention takes at once.
--load tries 1 to 8 threads while two other processes want all they can get of
the machine.
"""
import atexit
import json
import subprocess
import sys
import tempfile

LOAD = sys.argv[1] == "--load"
ARGUMENTS = sys.argv[2 if LOAD else 1:]
THREADS = range(1, 9) if LOAD else (1, 2, 3)
CHUNKS = (1, 7, 256)

busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(2 if LOAD else 0)]
atexit.register(lambda: [process.kill() for process in busy])

with open(ARGUMENTS[0]) as file:
    text = json.load(file)["texts"][0]["ids"]
    ids = (text * 300)[:300]

hashes = {}
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(ids, file)
    file.flush()
    for program in ARGUMENTS[1:]:
        for threads in THREADS:
            for chunk in CHUNKS:
                done = subprocess.run(
                    [program, "eval", "--ids", file.name, "--logits-hash",
                     "--json", "--threads", str(threads),
                     "--chunk", str(chunk)],
                    capture_output=True, text=True, timeout=120)
                run = "%s: %d threads, chunk %d" % (program, threads, chunk)
                if done.returncode != 0:
                    sys.exit("%s: exit status %d: %s"
                             % (run, done.returncode, done.stderr.strip()))
                result = json.loads(done.stdout)
                if result["tokens"] != len(ids):
                    sys.exit("%s: %d tokens" % (run, result["tokens"]))
                hashes.setdefault(result["logits_hash"], []).append(run)

for digest, runs in hashes.items():
    print("%s in %d runs" % (digest, len(runs)))
if len(hashes) != 1:
    sys.exit("logits differ:\n" + "\n".join(
        "  %s  %s" % (digest, run)
        for digest, runs in hashes.items() for run in runs))
