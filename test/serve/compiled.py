#!/usr/bin/env python3
"""A real compiled model that serves: the same text as `run`, through curl as
the README shows it.

usage: compiled.py PROGRAM
"""
import shutil
import sys

from common import *


def curl(server, path, body=None, *options):
    data = [] if body is None else ["-d", json.dumps(body)]
    return subprocess.run(["curl", "-sS", "--max-time", "30", *options,
                           server.url + path, *data], check=True,
                          capture_output=True, text=True).stdout


def run_text(program, prompt, *options):
    return subprocess.run([program, "run", "--no-echo", "-t", "1", *options,
                           prompt], check=True, capture_output=True,
                          text=True).stdout


def same_text_as_run(program):
    with Server(program, "--num-workers", "1") as server:
        for prompt in ("Once upon a time", "The cat sat on", "One day"):
            for name, options in (({"temperature": 0}, ["--greedy"]),
                                  ({"seed": 7}, ["--seed", "7"]),
                                  ({"seed": 9, "temperature": 1.5, "top_k": 0,
                                    "top_p": 1, "min_p": 0},
                                   ["--seed", "9", "--temp", "1.5", "--top-k",
                                    "0", "--top-p", "1", "--min-p", "0"])):
                wanted = run_text(program, prompt, "-n", "60", *options)
                got = json.loads(curl(server, "/generate", {
                    "prompt": prompt, "max_new_tokens": 60, **name}))["text"]
                assert got.rstrip("\n") == wanted.rstrip("\n"), (got, wanted)


def curl_reads_streams(program):
    with Server(program) as server:
        body = {"prompt": "Once upon a time", "max_tokens": 30,
                "temperature": 0}
        whole = json.loads(curl(server, "/v1/completions", body))
        lines = curl(server, "/v1/completions", {**body, "stream": True},
                     "-N").split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""], lines[-2:]
        text = "".join(json.loads(line[6:])["choices"][0]["text"]
                       for line in lines[:-2])
        assert text == whole["choices"][0]["text"]
        again = json.loads(curl(server, "/v1/completions", body))
        assert again["choices"] == whole["choices"]
        assert "200" in curl(server, "/", None, "-I").split("\n")[0]
        # A body that curl asks about first.
        large = {**body, "prompt": "Once upon a time", "x": "y" * 1_200_000}
        result = subprocess.run(
            ["curl", "-sS", "--max-time", "30", "-H", "Expect: 100-continue",
             server.url + "/v1/completions", "--data-binary", "@-"],
            input=json.dumps(large), check=True, capture_output=True, text=True)
        assert json.loads(result.stdout)["choices"] == whole["choices"]


def prompts_are_shared(program):
    with Server(program) as server:
        body = {"prompt": "Once upon a time " * 20, "max_tokens": 4,
                "temperature": 0}
        first = server.post("/v1/completions", body)
        second = server.post("/v1/completions", body)
        cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
        assert cached > 32, second
        assert first["choices"] == second["choices"]


if not shutil.which("curl"):
    print("skipped: no curl")
    sys.exit(77)
run_all([same_text_as_run, curl_reads_streams, prompts_are_shared],
        sys.argv[1])
