#!/usr/bin/env python3
"""The compiler's memory must not grow with its input.

usage: check_memory.py SMALL_MODEL MODEL... PROGRAM

Compiles all models to PROGRAM. What the peak of each exceeds that of the small
model by must be less than half of the packed weights (the promise is 1.5 times
them for everything, with what the compiler itself takes).
"""
import json
import os
import subprocess
import sys

*models, program = sys.argv[1:]
base, bad = None, False
for model in models:
    pid = os.posix_spawnp("bitnetc", ["bitnetc", model, "--target=generic",
                                      "-o", program], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit("cannot compile " + model)
    peak = usage.ru_maxrss * 1024
    info = subprocess.run([os.path.abspath(program), "info", "--json"], stdout=subprocess.PIPE,
                          check=True)
    packed = json.loads(info.stdout)["weights_bytes"]
    base = base or peak
    print("%s: peak %.0f MB, %.0f MB above the small one, for %.0f MB of "
          "weights" % (model, peak / 1e6, (peak - base) / 1e6, packed / 1e6))
    bad |= peak - base > packed / 2
sys.exit("too much memory" if bad else 0)
