#!/usr/bin/env python3
"""A program for another processor, by its emulator: one request over HTTP and one
over TLS are answered with what `run` writes.

usage: emulated.py EMULATOR [OPTION...] PROGRAM
"""
import sys
import tempfile

from common import *

COMMAND, PROMPT, COUNT = sys.argv[1:], "Once upon a time", 4


def run_text():
    return subprocess.run([*COMMAND, "run", "--no-echo", "--greedy", "-n",
                           str(COUNT), PROMPT], check=True,
                          capture_output=True, text=True).stdout


wanted = run_text().rstrip("\n")
body = {"prompt": PROMPT, "max_tokens": COUNT, "temperature": 0}
with Server(COMMAND) as server:
    answer = server.post("/v1/completions", body)
    assert answer["choices"][0]["text"] == wanted, (answer, wanted)
with tempfile.TemporaryDirectory() as folder:
    cert, key = certificate(folder)
    with Server(COMMAND, "--tls-cert", cert, "--tls-key", key) as server:
        context = ssl.create_default_context(cafile=cert)
        with context.wrap_socket(server.connect(30),
                                 server_hostname="127.0.0.1") as connection:
            connection.sendall(bytes_of("POST", "/v1/completions",
                                        json.dumps(body).encode()))
            answer = read_until(connection, b"usage").decode()
            assert json.dumps(wanted)[1:-1] in answer, (answer, wanted)
print("the text of run, over HTTP and TLS:", wanted)
