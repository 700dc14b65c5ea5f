#!/usr/bin/env python3
"""Runs a command that must fail with exactly this exit status, one sentence on
standard error (a hint how to get help may follow) and nothing on standard
output. Prints that sentence, for FileCheck.

usage: expect_error.py STATUS COMMAND...
"""
import subprocess
import sys

done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL,
                      capture_output=True, text=True, timeout=120)
sys.stdout.write(done.stderr)
lines = done.stderr.splitlines()
if lines and lines[-1] == "Try 'bitnetc --help'.":
    lines.pop()
if done.returncode != int(sys.argv[1]):
    sys.exit("exit status %d, expected %s" % (done.returncode, sys.argv[1]))
if done.stdout:
    sys.exit("standard output: " + done.stdout[:200])
if len(lines) != 1 or "error: " not in lines[0]:
    sys.exit("%d lines instead of one sentence" % len(lines))
