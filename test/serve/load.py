#!/usr/bin/env python3
"""Many clients at once, good and bad ones, for a while: every byte of every
stream against the answer to the same request alone, and memory against what it
was after the first quarter.

usage: load.py PROGRAM [--seconds 5] [--streams 16] [--bad 2] [--options ...]

By hand, for long: load.py ./story --seconds 600 --streams 64 --bad 8
"""
import argparse
import asyncio
import random
import struct
import sys

from common import *

MAX_BODY = 65536
counts = dict.fromkeys(("streams", "whole", "refused", "left", "garbage",
                        "slow", "huge"), 0)


def requests():
    rng = random.Random(7)
    prompts = ["Once upon a time", "The cat", "One day, a little girl named",
               "Once upon a time there was a dog. The dog", "Tom and Lily"]
    made = []
    for i in range(40):
        made.append({"prompt": rng.choice(prompts) + " " * (i % 2),
                     "seed": i, "temperature": rng.choice([0, 0.8, 1.5]),
                     "max_tokens": rng.randint(4, 150),
                     "ignore_eos": i % 3 == 0,
                     **({"stop": ["."]} if i % 5 == 0 else {}),
                     **({"repeat_penalty": 1.3} if i % 7 == 0 else {})})
    return made


async def open_connection(server):
    return await asyncio.open_connection("127.0.0.1", server.port)


def http_post(body, path="/v1/completions"):
    return bytes_of("POST", path, json.dumps(body).encode(),
                    "Connection: close")


def text_of_stream(data):
    """Of an HTTP answer in chunks."""
    head, _, rest = data.partition(b"\r\n\r\n")
    assert b"chunked" in head, head
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size, 16)
        if count == 0:
            assert rest == b"\r\n", rest
            break
        body += rest[:count]
        assert rest[count:count + 2] == b"\r\n"
        rest = rest[count + 2:]
    events = [event for event in body.decode().split("\n\n")
              if event != ": ping"]
    assert events[-2:] == ["data: [DONE]", ""], events[-3:]
    return "".join(json.loads(event[6:])["choices"][0]["text"]
                   for event in events[:-2])


async def ask(server, number, body, expected, stream):
    reader, writer = await open_connection(server)
    writer.write(http_post({**body, "stream": stream}))
    data = await reader.read(-1)
    writer.close()
    status = status_of(data)
    if status in (429, 503):
        assert b"Retry-After: " in data
        counts["refused"] += 1
        await asyncio.sleep(0.05)
        return
    assert status == 200, data[:400]
    if stream:
        text = text_of_stream(data)
    else:
        text = json.loads(data.partition(b"\r\n\r\n")[2])["choices"][0]["text"]
    assert text == expected, (number, stream, text, expected)
    counts["streams" if stream else "whole"] += 1


async def leave(server, rng, body):
    """Reads a little and goes, politely or not."""
    reader, writer = await open_connection(server)
    writer.write(http_post({**body, "stream": rng.random() < 0.7,
                            "max_tokens": 300, "ignore_eos": True}))
    if rng.random() < 0.8:
        try:
            await asyncio.wait_for(reader.read(rng.randint(1, 2000)), 0.3)
        except asyncio.TimeoutError:
            pass
    if rng.random() < 0.5: # Reset instead of an orderly end.
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    counts["left"] += 1


async def garbage(server, rng, body):
    data = bytearray(http_post(body))
    for _ in range(rng.randint(1, 20)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    reader, writer = await open_connection(server)
    writer.write(bytes(data[:rng.randint(1, len(data))]))
    try:
        await asyncio.wait_for(reader.read(4096), 0.2)
    except (asyncio.TimeoutError, ConnectionError):
        pass
    writer.close()
    counts["garbage"] += 1


async def slow(server, rng, body, expected):
    reader, writer = await open_connection(server)
    data = http_post(body)
    for at in range(0, len(data), 40):
        writer.write(data[at:at + 40])
        await asyncio.sleep(0.03)
    data = await reader.read(-1)
    writer.close()
    if status_of(data) == 200:
        text = json.loads(data.partition(b"\r\n\r\n")[2])["choices"][0]["text"]
        assert text == expected, (text, expected)
    else:
        assert status_of(data) == 429, data[:300]
    counts["slow"] += 1


async def huge(server, rng):
    reader, writer = await open_connection(server)
    writer.write(bytes_of("POST", "/v1/completions",
                          b" " * rng.randint(MAX_BODY + 1, 8 * MAX_BODY)))
    data = await reader.read(-1)
    writer.close()
    assert status_of(data) == 413, data[:300]
    counts["huge"] += 1


async def run(server, options, expected):
    end = time.monotonic() + options.seconds
    bodies = list(expected)

    async def good(number):
        rng = random.Random(number)
        while time.monotonic() < end:
            index = rng.randrange(len(bodies))
            body = json.loads(bodies[index])
            await ask(server, index, body, expected[bodies[index]],
                      rng.random() < 0.85)

    async def bad(number):
        rng = random.Random(-number - 1)
        while time.monotonic() < end:
            key = rng.choice(bodies)
            body, kind = json.loads(key), rng.randrange(8)
            try:
                if kind < 4:
                    await leave(server, rng, body)
                elif kind < 6:
                    await garbage(server, rng, body)
                elif kind < 7:
                    await slow(server, rng, body, expected[key])
                else:
                    await huge(server, rng)
            except ConnectionError:
                pass
            await asyncio.sleep(0.01)

    memory = []

    async def watch():
        await asyncio.sleep(options.seconds / 4)
        while time.monotonic() < end:
            memory.append(server.rss())
            await asyncio.sleep(options.seconds / 40)

    await asyncio.gather(watch(), *[good(i) for i in range(options.streams)],
                         *[bad(i) for i in range(options.bad)])
    return memory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--bad", type=int, default=2)
    parser.add_argument("--drift", type=float,
                        help="growth of memory that fails, in percent; default:"
                        " 2 for runs of 5 minutes or more, else 25")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[])
    options = parser.parse_args()
    limit = options.drift or (2 if options.seconds >= 300 else 25)
    with Server(options.program, "--max-body", str(MAX_BODY), "--kv-memory",
                "4M", *options.options) as server:
        expected = {}
        for body in requests():
            answer = server.post("/v1/completions", body)
            expected[json.dumps(body)] = answer["choices"][0]["text"]
        memory = asyncio.run(run(server, options, expected))
        wait_for(lambda: server.metric("vllm:num_requests_running") +
                 server.metric("vllm:num_requests_waiting") == 0)
        generated = server.metric("llamacpp:tokens_predicted_total")
        preempted = server.metric("vllm:num_preemptions_total")
        server.signal(signal.SIGTERM)
        code, error = server.wait()
        assert code == 0, (code, error)
    quarter = len(memory) // 4 or 1
    before = sum(memory[:quarter]) / quarter
    after = sum(memory[-quarter:]) / quarter
    drift = 100 * (after - before) / before
    print(", ".join("%d %s" % (n, name) for name, n in counts.items()))
    print("%d tokens, %d preemptions, memory %.1f to %.1f MB: %+.2f %%"
          % (generated, preempted, before / 1024, after / 1024, drift))
    assert counts["streams"] > 0 and drift < limit, (drift, limit)


main()
