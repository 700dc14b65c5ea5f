#!/usr/bin/env python3
"""One field must be the same in several JSON files.

usage: check_equal.py FIELD FILE...
"""
import json
import sys

values = []
for name in sys.argv[2:]:
    with open(name) as file:
        values.append(json.load(file)[sys.argv[1]])
    print("%s  %s" % (values[-1], name))
sys.exit(0 if len(set(values)) == 1 else sys.argv[1] + " differs")
