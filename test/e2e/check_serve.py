#!/usr/bin/env python3
"""A server gives every one of many requests at once the text that `run` writes.

usage: check_serve.py PROGRAM [SERVE OPTIONS]

Prints what the server counted.
"""
import concurrent.futures
import json
import re
import subprocess
import sys
import urllib.request

program, options = sys.argv[1], sys.argv[2:]
COUNT = 60
BEGINNINGS = ["Once upon a time there was a little dog. He liked to",
              "Once upon a time there was a little dog. He liked to play in "
              "the garden with his friend Lily. One day they saw a",
              "Tom had a red ball.", "The sun"]
SAMPLINGS = [{"temperature": 0.0},
             {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
             {"temperature": 0.9, "top_k": 40, "top_p": 0.9, "min_p": 0.05}]
FLAGS = {"temperature": "--temp", "top_k": "--top-k", "top_p": "--top-p",
         "min_p": "--min-p"}


def write(prompt, sampling, seed, count=COUNT):
    command = [program, "run", "-n", str(count), "--seed", str(seed)]
    for key, value in sampling.items():
        command += [FLAGS[key], str(value)]
    text = subprocess.run(command + [prompt], check=True, capture_output=True,
                          timeout=120).stdout.decode()
    assert text.startswith(prompt), text
    return text[len(prompt):].rstrip("\n")


requests = [(prompt, sampling, seed) for prompt in BEGINNINGS
            for sampling in SAMPLINGS for seed in (1, 2)]
expected = [write(*request) for request in requests]

server = subprocess.Popen([program, "serve", "--port", "0", *options],
                          stdout=subprocess.PIPE, text=True)
try:
    url = re.match(r"serving \S+ on (\S+)\n", server.stdout.readline())[1]

    def complete(body):
        with urllib.request.urlopen(urllib.request.Request(
                url + "/v1/completions", json.dumps(body).encode(),
                {"Content-Type": "application/json"}), timeout=120) as answer:
            return json.load(answer)["choices"]

    def ask(request):
        prompt, sampling, seed = request
        body = {"prompt": prompt, "max_tokens": COUNT, "seed": seed, **sampling}
        return complete(body)[0]["text"].rstrip("\n")

    with concurrent.futures.ThreadPoolExecutor(len(requests)) as threads:
        for round in range(2):
            for request, got, wanted in zip(
                    requests, threads.map(ask, requests), expected):
                if got != wanted:
                    sys.exit("%r\nserve: %r\nrun:   %r" % (request, got, wanted))

    # Many long answers that begin at the same time, however fast the machine is:
    # this is more than the pages hold.
    prompt, sampling, count = BEGINNINGS[0], SAMPLINGS[1], 200
    choices = complete({"prompt": prompt, "max_tokens": count, "n": 8,
                        "seed": 1, **sampling})
    for seed, choice in enumerate(choices, 1):
        wanted = write(prompt, sampling, seed, count)
        if choice["text"].rstrip("\n") != wanted:
            sys.exit("choice %d: %r\nrun: %r" % (seed, choice["text"], wanted))

    # A schema holds whatever the model would like to say.
    schema = {"type": "object", "additionalProperties": False,
              "required": ["name", "age", "likes"],
              "properties": {"name": {"type": "string", "maxLength": 12},
                             "age": {"type": "integer", "minimum": 1,
                                     "maximum": 9},
                             "likes": {"type": "array", "minItems": 1,
                                       "maxItems": 2, "items": {
                                           "enum": ["ball", "dog", None]}}}}
    body = {"prompt": "Tom", "max_tokens": 200, "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "child", "schema": schema}}}
    for seed in range(5):
        body["seed"] = seed
        choice = complete(body)[0]
        child = json.loads(choice["text"])
        assert choice["finish_reason"] == "stop", choice
        assert list(child) == ["name", "age", "likes"], child
        assert len(child["name"]) <= 12 and 1 <= child["age"] <= 9, child
        assert 1 <= len(child["likes"]) <= 2, child
        assert all(x in ("ball", "dog", None) for x in child["likes"]), child

    with urllib.request.urlopen(url + "/metrics", timeout=60) as answer:
        print(answer.read().decode())
finally:
    server.terminate()
    if server.wait(timeout=30):
        sys.exit("the server ended with %d" % server.returncode)
