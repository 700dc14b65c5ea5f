#!/usr/bin/env python3
"""One number must be nearly the same in several JSON files.

usage: check_close.py FIELD LIMIT FILE...

LIMIT is the largest allowed distance of two of them.
"""
import json
import sys

field, limit = sys.argv[1], float(sys.argv[2])
values = []
for name in sys.argv[3:]:
    with open(name) as file:
        values.append(json.load(file)[field])
    print("%.6f  %s" % (values[-1], name))
distance = max(values) - min(values)
if not distance <= limit:
    sys.exit("%s differs by %g, above %g" % (field, distance, limit))
