#!/usr/bin/env python3
"""check_inner_loops.py FILE.s OPCODE [MOST]: innermost loops that hold OPCODE keep
everything in registers and have at most MOST instructions. x86-64 or 64-bit Arm.
Prints how many there are and how long; fails if there is none, or if one of them touches the
stack or is longer."""
import re
import sys

path, opcode, *most = sys.argv[1:]
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
    for line in lines[a : b + 1]:
        if "(%rsp" in line or "(%rbp)" in line or "[sp" in line:
            sys.exit(f"{path}:{a + 1}: a loop with {opcode} spills:\n{line}")
    count = sum(bool(re.match(r"\s+[a-z]", line)) for line in lines[a : b + 1])
    counts.append(count)
    if most and count > int(most[0]):
        sys.exit(f"{path}:{a + 1}: a loop with {opcode} has {count} instructions")
print(f"{len(checked)} inner loops with {opcode} of {min(counts)} to {max(counts)} "
      "instructions, none spills")
