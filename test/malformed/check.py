#!/usr/bin/env python3
"""Gives bitnetc malformed files: each must be one clear error, soon and in
little memory.

usage: check.py FORMAT BITNETC [--sanitized] [--only TEXT]

That is exit status 1, one line without control characters on standard error,
nothing on standard output and no file left; at most SECONDS of processor time
and MEGABYTES of memory in all, of which `bitnetc --help` alone takes 81 (shared
LLVM). A template that computes until its own limits stop it may take more,
MEGABYTES_RUNNING. Time and memory are not checked of a build with sanitizers. Prints how many files were
tried, and every one that fails.
"""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unicodedata

import configs
import gguf
import safetensors
import templates
import tokenizers

SECONDS, MEGABYTES, MEGABYTES_RUNNING = 1.0, 100, 180
TESTS = pathlib.Path(__file__).resolve().parent.parent
MESSAGES = b'[{"role": "user", "content": "x"}]\n'


def made(script, *arguments):
    """The files that a generator of small models writes."""
    with tempfile.TemporaryDirectory() as folder:
        place = folder + "/" + arguments[-1]
        subprocess.run([sys.executable, TESTS / "e2e" / script,
                        *arguments[:-1], place], check=True)
        if os.path.isfile(place):
            return pathlib.Path(place).read_bytes()
        return {name: pathlib.Path(place, name).read_bytes()
                for name in os.listdir(place)}


def directories(cases):
    """Of model directories."""
    for name, files in cases:
        yield name, files, ["m", "-o", "out"], b""


def single(file, cases, command, given=b""):
    for name, data in cases:
        data = data.encode() if isinstance(data, str) else data
        yield name, {file: data}, command, given


def config_cases():
    files = made("make_hf.py", "bitnet-rms-norm", "m")
    none = {"null", "missing"}
    right = {name: () for name in (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "quantization_config.quant_method")}
    right.update({
        "num_key_value_heads": none, "max_position_embeddings": none,
        "hidden_act": none, "tie_word_embeddings": none | {"true"},
        "quantization_config.linear_class": none,
        "quantization_config.quantization_mode": none,
        "quantization_config.rms_norm_eps": none | {"fraction"}})
    return directories(configs.cases(files, "config.json", right))


def model_json_cases():
    files = made("make_hf.py", "json-group-half", "m")
    document = json.loads(files["model.json"])
    right = {}
    for path in configs.paths(document):
        where = ".".join(path)
        # Of these no value is wrong by itself.
        if path[0] not in ("name", "tensors", "sub_norms", "gated_ffn", "norm",
                           "rope", "tie_word_embeddings"):
            right[where] = {"missing"}
    for where in ("format", "version", "vocab_size", "hidden_size",
                  "intermediate_size", "num_hidden_layers",
                  "num_attention_heads"):
        right[where] = ()
    return directories(configs.cases(files, "model.json", right))


def hf():
    return made("make_hf.py", "bitnet-rms-norm", "m")


FORMATS = {
    "safetensors": lambda: directories(safetensors.cases(hf())),
    "safetensors-index": lambda: directories(safetensors.index_cases(hf())),
    "gguf": lambda: single("m", gguf.cases(made(
        "make_gguf.py", "qwen3", "tq2_0", "m.gguf")), ["m/m", "-o", "out"]),
    "config": config_cases,
    "model-json": model_json_cases,
    "tokenizer-json": lambda: single(
        "tokenizer.json", tokenizers.json_cases(),
        ["tokenize", "--tokenizer", "m/tokenizer.json"], b'"ab 1"\n'),
    "tokenizer-model": lambda: single(
        "tokenizer.model", tokenizers.model_cases(),
        ["tokenize", "--tokenizer", "m/tokenizer.model"], b'"ab 1"\n'),
    "jinja": lambda: single(
        "chat_template.jinja", templates.cases(),
        ["render", "--tokenizer", "m/chat_template.jinja"], MESSAGES),
}


def run(command, folder, given):
    """(status, output, errors, seconds, megabytes)"""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE,
                                   stdout=out, stderr=err, preexec_fn=limit)
        try:
            process.stdin.write(given)
            process.stdin.close()
        except BrokenPipeError:
            pass
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return (process.returncode, out.read(), err.read(),
                used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def complaint(result, folder, sanitized, most):
    status, out, err, seconds, megabytes = result
    if status < 0:
        return f"killed by {signal.Signals(-status).name}: {err[-300:]!r}"
    if status != 1:
        return f"exit status {status}: {err[-300:]!r}"
    try:
        text = err.decode()
    except UnicodeDecodeError:
        return f"the error is not UTF-8: {err[:300]!r}"
    if (not text.startswith("bitnetc: error: ") or text.count("\n") != 1
            or not text.endswith("\n")
            or any(unicodedata.category(c) in ("Cc", "Zl", "Zp")
                   for c in text[:-1])):
        return f"not one line: {err[:300]!r}"
    if len(err) > 2000:
        return f"an error of {len(err)} bytes: {err[:300]!r}"
    if out:
        return f"standard output: {out[:300]!r}"
    left = set(os.listdir(folder)) - {"m"}
    if left:
        return f"left behind: {left}"
    if not sanitized and seconds > SECONDS:
        return f"{seconds:.2f} s of processor time"
    if not sanitized and megabytes > most:
        return f"{megabytes:.0f} MB"
    return None


def main():
    kind, bitnetc = sys.argv[1], os.path.abspath(sys.argv[2])
    sanitized = "--sanitized" in sys.argv
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    count, failures, slowest, largest = 0, [], (0, ""), (0, "")
    tried = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, files, command, given in FORMATS[kind]():
            tried += 1
            # One of three where a run takes ten times as long.
            if only not in name or (sanitized and tried % 3):
                continue
            shutil.rmtree(folder + "/m", ignore_errors=True)
            os.mkdir(folder + "/m")
            for file, data in files.items():
                pathlib.Path(folder, "m", file).write_bytes(data)
            result = run([bitnetc, *command], folder, given)
            count += 1
            problem = complaint(
                result, folder, sanitized,
                MEGABYTES_RUNNING if kind == "jinja" else MEGABYTES)
            if only:
                print(name, result)
            if problem:
                failures.append(name)
                print(f"{kind}: {name}: {problem}", flush=True)
                for left in set(os.listdir(folder)) - {"m"}:
                    os.unlink(os.path.join(folder, left))
            slowest = max(slowest, (result[3], name))
            largest = max(largest, (result[4], name))
    print(f"{kind}: {count} malformed files, {len(failures)} not refused well; "
          f"at most {slowest[0]:.2f} s ({slowest[1]}) and {largest[0]:.0f} MB "
          f"({largest[1]})")
    sys.exit(1 if failures or not count else 0)


main()
