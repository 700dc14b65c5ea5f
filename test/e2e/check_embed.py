#!/usr/bin/env python3
"""An embedding C program and a complete program must write the same text.

usage: check_embed.py EMBED WEIGHTS PROGRAM PROMPT
"""
import json
import subprocess
import sys

COUNT = 40


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          timeout=120).stdout


embed, weights, program, prompt = sys.argv[1:]
ids = json.loads(run(program, "tokenize", "--ids-only", prompt))
all_ids = json.loads(run(embed, weights, str(COUNT), *map(str, ids)))
if all_ids[:len(ids)] != ids or len(all_ids) != len(ids) + COUNT:
    sys.exit("embed printed %s" % all_ids)

# The ids without bos as text, against the program's greedy text, which is cut
# at COUNT tokens, too.
text = run(program, "tokenize", "--decode", " ".join(map(str, all_ids[1:])))
expected = run(program, "run", "--greedy", "-n", str(COUNT), prompt)
print(expected)
if text.strip() != expected.strip():
    sys.exit("the embedding program wrote: " + text)
