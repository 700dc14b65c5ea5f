#!/usr/bin/env python3
"""Compares `bitnetc render` with another implementation of Jinja.

usage: compare_templates.py OPTIONS -- COMMAND...

COMMAND reads requests as jinja_reference.py does; 77 as its exit code means
that there is no such implementation here. Every template of the shared data is
rendered for conversations that are made up here; each must give the same
prompt, or an error in both. Prints what was compared; fails if anything differs
that known.py does not explain.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import compare
import conversations
import known


def templates(shared):
    """(name, source) of files and of the field of configurations."""
    for path in sorted(glob.glob(shared + "/templates/*.jinja")):
        with open(path, encoding="utf-8") as file:
            yield os.path.basename(path)[:-6], file.read()
    for path in sorted(glob.glob(shared + "/t*/**/tokenizer_config.json",
                                 recursive=True)):
        with open(path, encoding="utf-8") as file:
            source = json.load(file).get("chat_template")
        if isinstance(source, str):
            yield os.path.basename(os.path.dirname(path)), source


def bitnetc_render(bitnetc, source, inputs):
    """Answers of `bitnetc render`, which stops at the first error: it is
    started again behind that line."""
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/chat_template.jinja"
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(source)
        while len(answers) < len(inputs):
            rest = inputs[len(answers):]
            done = subprocess.run(
                [bitnetc, "render", "--no-clock", "--tokenizer", path],
                input="\n".join(map(json.dumps, rest)).encode() + b"\n",
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            lines = done.stdout.decode().split("\n")[:-1]
            answers += [{"text": json.loads(line)} for line in lines]
            if done.returncode == 0:
                break
            error = done.stderr.decode()
            at = re.match(r"bitnetc: error: input line (\d+): (.*)\n$", error)
            if done.returncode != 1 or not at or int(at[1]) != len(lines) + 1:
                sys.exit(f"exit code {done.returncode}: {error}")
            answers.append({"error": at[2]})
    return answers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bitnetc", required=True)
    parser.add_argument("--shared", required=True, help="the shared data")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--name", required=True, help="key of known.py")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    a = parser.parse_args()
    everything = list(templates(a.shared))
    if not everything:
        print(f"skipped: no templates in {a.shared}")
        sys.exit(77)
    inputs = conversations.conversations(a.count)
    total = failed = 0
    for name, source in everything:
        theirs = compare.answers(
            a.command, [json.dumps({"template": source, "variables": one})
                        for one in inputs])
        ours = bitnetc_render(a.bitnetc, source, inputs)
        assert len(ours) == len(theirs) == len(inputs)
        errors = sum("error" in one for one in theirs)
        # The text of an error may differ.
        differ, explained = compare.differences(
            name + ":",
            ((one, expected, found)
             for one, expected, found in zip(inputs, theirs, ours)
             if not ("error" in expected and "error" in found)),
            lambda *case: known.rendering(a.name, name, *case), shown=3)
        total += len(inputs)
        failed += differ
        print(f"{name}: {len(inputs)} compared, {errors} of them errors, "
              f"{differ} differ", flush=True)
        for reason, count in explained.items():
            print(f"  {count} explained: {reason}")
    print(f"{len(everything)} templates, {total} prompts, {failed} differ")
    sys.exit(failed > 0)


main()
