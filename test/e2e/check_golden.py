#!/usr/bin/env python3
"""Compares a compiled program with the results of a reference model.

The golden file holds texts (ids and mean NLL, perhaps the best token of every
position) and prompts (ids and the tokens that greedy decoding appends). Two
correct evaluations in single precision differ by a few tenths of a logit, so a
best token counts only where it leads the second by more than a margin, and the
mean NLL has a tolerance, over all texts and for each.
"""
import argparse
import json
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("program")
parser.add_argument("golden")
parser.add_argument("--margin", type=float, default=1.0)
parser.add_argument("--nll-tolerance", type=float, default=0.01)
parser.add_argument("--text-tolerance", type=float,
                    help="for each text; default: as for all")
options = parser.parse_args()
if options.text_tolerance is None:
    options.text_tolerance = options.nll_tolerance

failures = []
counts = {"texts": 0, "nll": 0, "argmax": 0, "within margin": 0, "prompts": 0,
          "tokenized": 0, "greedy": 0}
total = {"scored": 0, "expected": 0.0, "found": 0.0}  # NLL over all texts


def run(*arguments):
    command = [options.program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit("%s: exit status %d: %s"
                 % (" ".join(command), done.returncode, done.stderr.strip()))
    return done.stdout


def evaluate(ids):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(ids, file)
        file.flush()
        result = json.loads(run("eval", "--ids", file.name, "--json",
                                "--top", "5"))
    if result["tokens"] != len(ids) or len(result["top"]) != len(ids):
        sys.exit("eval of %d ids reports %d" % (len(ids), result["tokens"]))
    return result


def check_best(what, position, result, token, margin):
    """Whether the program's best token is `token`; that it is not is a failure
    only where the reference is sure."""
    found = result["top"][position][0][0]
    if margin <= options.margin:
        counts["within margin"] += 1
    else:
        counts["argmax"] += 1
        if found != token:
            failures.append("%s: best token after position %d: expected %d "
                            "(margin %.2f), found %s"
                            % (what, position, token, margin,
                               result["top"][position]))
    return found == token


def check_tokens(what, text, ids):
    counts["tokenized"] += 1
    found = json.loads(run("tokenize", "--ids-only", text))
    if found != ids:
        failures.append("%s: expected ids %s, found %s" % (what, ids, found))


def check_text(what, text):
    counts["texts"] += 1
    ids = text["ids"]
    if "text" in text:
        check_tokens(what, text["text"], ids)
    result = evaluate(ids)
    expected = text.get("mean_nll", text.get("nll_mean"))
    counts["nll"] += 1
    print("%s: %d tokens, nll %.5f, expected %.5f"
          % (what, len(ids), result["nll"], expected))
    total["scored"] += len(ids) - 1
    total["expected"] += expected * (len(ids) - 1)
    total["found"] += result["nll"] * (len(ids) - 1)
    if not abs(result["nll"] - expected) <= options.text_tolerance:
        failures.append("%s: nll %.5f, expected %.5f"
                        % (what, result["nll"], expected))
    for i, (token, margin) in enumerate(zip(text.get("argmax", []),
                                            text.get("margin", []))):
        check_best(what, i, result, token, margin)


def check_prompt(what, prompt):
    counts["prompts"] += 1
    ids, generated = prompt["ids"], prompt["generated"]
    check_tokens(what, prompt["prompt"], ids)
    result = evaluate(ids + generated)
    for i, top in enumerate(prompt.get("top5", [])):
        check_best(what, i, result, top[0][0], top[0][1] - top[1][1])
    # The greedy text is that of the reference up to the first token that the
    # reference was not sure of and the program chose otherwise.
    same = len(generated)
    for i, (token, margin) in enumerate(zip(generated, prompt["margins"])):
        if not check_best(what, len(ids) - 1 + i, result, token, margin):
            same = min(same, i)
    counts["greedy"] += 1
    found = run("run", "--greedy", "-n", str(len(generated)), prompt["prompt"])
    if same == len(generated):
        good = found in (prompt["text"], prompt["text"] + "\n")
    else:
        continuation = run("tokenize", "--decode",
                           " ".join(map(str, (ids + generated[:same])[1:])))
        # The last characters may be cut in the middle.
        good = found.startswith(continuation[:-1].rstrip("\ufffd"))
    print("%s: greedy text equal for %d of %d tokens"
          % (what, same, len(generated)))
    if not good:
        failures.append("%s: greedy text: expected %r for %d tokens, found %r"
                        % (what, prompt["text"], same, found))


with open(options.golden) as file:
    golden = json.load(file)
for number, text in enumerate(golden["texts"]):
    check_text("text %d" % number, text)
for number, prompt in enumerate(golden["prompts"]):
    check_prompt("prompt %d" % number, prompt)

expected = total["expected"] / max(total["scored"], 1)
found = total["found"] / max(total["scored"], 1)
print("all texts: %d tokens, nll %.5f, expected %.5f"
      % (total["scored"], found, expected))
if not abs(found - expected) <= options.nll_tolerance:
    failures.append("all texts: nll %.5f, expected %.5f" % (found, expected))
print("compared: " + ", ".join("%d %s" % (n, name)
                               for name, n in counts.items()))
for failure in failures:
    print("FAILED " + failure)
if not counts["nll"] or not counts["argmax"] or not counts["greedy"]:
    sys.exit("the golden file holds nothing to compare")
sys.exit(1 if failures else 0)
