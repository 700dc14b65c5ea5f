#!/usr/bin/env python3
"""Starts a server and a script of node against it: NAME of this folder, with
the server's address. Exits with 77, for "skipped", where node or what the
script needs is not there.

usage: clients.py NAME PROGRAM MODULES
"""
import shutil
import sys

from common import *

OPTIONS = {
    "openai_client.mjs": (["--parallel", "1", "--max-queue", "2"],
                          {"BITNET_SERVE_API_KEY": "secret",
                           "FAKE_DELAY_US": "1000"}),
    "browser.mjs": ([], {"FAKE_DELAY_US": "20000"}),
}


def main():
    name, program, modules = sys.argv[1:]
    options, env = OPTIONS[name]
    if not shutil.which("node") or not os.path.isdir(modules):
        print("skipped: no node, or no %s (scripts/test.sh installs them)"
              % modules)
        sys.exit(77)
    if name == "browser.mjs":
        browser = shutil.which("chromium") or shutil.which("google-chrome")
        if not browser:
            print("skipped: no chromium")
            sys.exit(77)
        env = {**env, "CHROMIUM": browser}
        os.environ["CHROMIUM"] = browser
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with Server(program, *options, env=env) as server:
        # Modules are looked up beside the script otherwise.
        result = subprocess.run(["node", script, server.url, modules],
                                timeout=120)
        assert server.process.poll() is None, server.wait()
    sys.exit(result.returncode)


main()
