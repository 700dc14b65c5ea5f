#!/usr/bin/env python3
"""Overwrites the first bytes of one tensor of a safetensors file.

usage: set_bytes.py FILE TENSOR HEX
"""
import json
import sys

path, tensor, replacement = sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])
with open(path, "r+b") as file:
    size = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(size))
    file.seek(8 + size + header[tensor]["data_offsets"][0])
    file.write(replacement)
