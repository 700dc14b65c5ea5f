#!/usr/bin/env python3
"""Runs a command whose standard error is a terminal, and writes what it wrote
there, its exit code being this one's.

usage: on_terminal.py COMMAND...
"""
import os
import pty
import subprocess
import sys

ours, theirs = pty.openpty()
process = subprocess.Popen(sys.argv[1:], stderr=theirs)
os.close(theirs)
while True:
    try:
        data = os.read(ours, 65536)
    except OSError:  # The other side is closed.
        break
    if not data:
        break
    sys.stdout.write(data.decode().replace("\r", "\n"))
sys.exit(process.wait())
