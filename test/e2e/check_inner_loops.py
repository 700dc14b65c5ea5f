#!/usr/bin/env python3
"""check_inner_loops.py FILE.s OPCODE [MOST] [--tiles STACK]: innermost loops that
hold OPCODE keep everything in registers and have at most MOST instructions. x86-64
or 64-bit Arm. With --tiles those that broadcast more than two words, which are of
several tokens, may touch the stack at most STACK times. Prints how many there are and how
long; fails if there is none, or if one of them touches the stack or is longer."""
import argparse
import re
import sys

parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("opcode")
parser.add_argument("most", type=int, nargs="?")
parser.add_argument("--tiles", type=int, metavar="STACK", default=0)
options = parser.parse_args()
path, opcode = options.path, options.opcode
lines = open(path).read().splitlines()
label = {line[:-1]: i for i, line in enumerate(lines) if re.match(r"\.L\w+:$", line)}
loops = []
for i, line in enumerate(lines):
    jump = re.match(r"\s+(?:j\w+|b\.\w+)\s+(\.L\w+)$", line)
    if jump and label.get(jump[1], i) < i:
        loops.append((label[jump[1]], i))
innermost = [
    (a, b)
    for a, b in loops
    if not any((c, d) != (a, b) and a <= c and d <= b for c, d in loops)
]
checked = [
    (a, b) for a, b in innermost if any(opcode in line for line in lines[a:b])
]
if not checked:
    sys.exit(f"{path}: no loop with {opcode}")
counts = []
for a, b in checked:
    body = lines[a : b + 1]
    stack = [line for line in body if re.search(r"\(%rsp|\(%rbp\)|\[sp", line)]
    tile = sum("broadcast" in line for line in body) > 2
    if len(stack) > (options.tiles if tile else 0):
        sys.exit(f"{path}:{a + 1}: a loop with {opcode} spills, {len(stack)} times:\n"
                 + stack[0])
    count = sum(bool(re.match(r"\s+[a-z]", line)) for line in body)
    counts.append(count)
    if options.most and count > options.most:
        sys.exit(f"{path}:{a + 1}: a loop with {opcode} has {count} instructions")
print(f"{len(checked)} inner loops with {opcode} of {min(counts)} to {max(counts)} "
      "instructions, none spills" + " more than it may" * bool(options.tiles))
