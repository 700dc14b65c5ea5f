#!/usr/bin/env python3
"""check_inner_loops.py FILE.s OPCODE: innermost loops that hold OPCODE keep
everything in registers. Prints how many there are; fails if there is none, or
if one of them touches the stack."""
import re
import sys

path, opcode = sys.argv[1:]
lines = open(path).read().splitlines()
label = {line[:-1]: i for i, line in enumerate(lines) if re.match(r"\.L\w+:$", line)}
loops = []
for i, line in enumerate(lines):
    jump = re.match(r"\s+j\w+\s+(\.L\w+)$", line)
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
for a, b in checked:
    for line in lines[a : b + 1]:
        if "(%rsp" in line or "(%rbp)" in line:
            sys.exit(f"{path}:{a + 1}: a loop with {opcode} spills:\n{line}")
print(f"{len(checked)} inner loops with {opcode}, none spills")
