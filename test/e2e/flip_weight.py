#!/usr/bin/env python3
"""Changes byte 5 of one weight in a compiled program.

usage: flip_weight.py VECTOR_MLIR PROGRAM OUTPUT RECORD INSTANCE WEIGHT

VECTOR_MLIR, from --emit=vector for the same target, says where weights lie.
"""
import os
import re
import struct
import sys

places, program, output, record, instance, weight = sys.argv[1:]
with open(places) as file:
    text = file.read()
base, stride, body = re.search(
    r"bitnet\.record @%s .*?offset = (\d+) .*?stride = (\d+) .*?\{\n(.*?)\n  \}"
    % record, text, re.S).groups()
offset, = re.search(r"bitnet\.weight @%s .* at (\d+)(?: scale_at|$)" % weight,
                    body, re.M).groups()
place = int(base) + int(instance) * int(stride) + int(offset) + 5

with open(program, "rb") as file:
    data = bytearray(file.read())
# The section of weights is the last one in memory, at 4 GiB.
table, = struct.unpack_from("<Q", data, 40)
count, = struct.unpack_from("<H", data, 60)
for i in range(count):
    address, at = struct.unpack_from("<QQ", data, table + 64 * i + 16)
    if address == 1 << 32:
        data[at + place] ^= 1
with open(output, "wb") as file:
    file.write(data)
os.chmod(output, 0o755)
