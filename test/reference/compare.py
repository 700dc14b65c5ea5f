"""What comparisons with other implementations share."""
import json
import subprocess
import sys


def answers(command, lines):
    """Of COMMAND, which writes one JSON line for each one it reads. Skips the
    test where there is no such implementation."""
    try:
        done = subprocess.run(command, input="\n".join(lines).encode() + b"\n",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError:
        print("skipped: no " + command[0])
        sys.exit(77)
    if done.returncode == 77:
        print(done.stderr.decode().strip() or "skipped: " + command[0])
        sys.exit(77)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.decode()[-2000:]}")
    out = done.stdout.decode().split("\n")[:-1]
    if len(out) != len(lines):
        sys.exit(f"{' '.join(command)}: {len(out)} lines for {len(lines)}")
    return [json.loads(line) for line in out]


def differences(what, cases, reason_of, shown, width=None):
    """How many of the (input, expected, found) differ, and how often each
    reason of `reason_of` explains one; prints the first `shown`, cut to
    `width`."""
    explained, differ = {}, 0
    for one, expected, found in cases:
        if expected == found:
            continue
        reason = reason_of(one, expected, found)
        if reason:
            explained[reason] = explained.get(reason, 0) + 1
            continue
        differ += 1
        if differ <= shown:
            print(f"{what} {json.dumps(one)[:width]}\n  expected "
                  f"{json.dumps(expected)[:width]}\n  found    "
                  f"{json.dumps(found)[:width]}")
    return differ, explained
