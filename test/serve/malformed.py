#!/usr/bin/env python3
"""What no client should send: each gets an error or a closed connection, and
the server goes on with everybody else.

usage: malformed.py PROGRAM   (the runtime tests' program around the fake model)
"""
import random
import sys

from common import *

HOST = b" HTTP/1.1\r\nHost: t\r\n"
CHUNKED = b"POST /tokenize" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"

# Bytes, and the status that must come back; None: only that it ends.
CONNECTIONS = [
    (b"\x00" * 100, 400),
    (b"\xff\xfe\xfd\r\n\r\n", 400),
    (b"hello\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 50, 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/9.9\r\nHost: t\r\n\r\n", 400),
    (b"GET  / HTTP/1.1\r\nHost: t\r\n\r\n", 400),
    (b"GET /" + HOST + b"Host: u\r\n\r\n", 400),
    (b"GET /" + HOST + b"A : b\r\n\r\n", 400),
    (b"GET /" + HOST + b"A\x00B: c\r\n\r\n", 400),
    (b"GET /" + HOST + b"A: b\x00c\r\n\r\n", 400),
    (b"GET /" + HOST + b": b\r\n\r\n", 400),
    (b"GET /\xff" + HOST + b"Connection: close\r\n\r\n", None),
    (b"BREW /health" + HOST + b"Connection: close\r\n\r\n", 405),
    (b"POST /tokenize" + HOST + b"Content-Length: x\r\n\r\n", 400),
    (b"POST /tokenize" + HOST + b"Content-Length: -1\r\n\r\n", 400),
    (b"POST /tokenize" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n",
     400),
    (b"POST /tokenize" + HOST + b"Content-Length: 9223372036854775807\r\n\r\n",
     413),
    (b"POST /tokenize" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n"
     b"\r\n", 400),
    (b"POST /tokenize" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: "
     b"chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /tokenize" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
     400),
    (b"POST /tokenize" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
     400),
    (CHUNKED + b"xyz\r\n", 400),
    (CHUNKED + b"-1\r\n", 400),
    (CHUNKED + b"ffffffffffffffffff\r\n", 400),
    (CHUNKED + b"7fffffffffffffff\r\n", 413),
    (CHUNKED + b"2\r\nabcd\r\n", 400),
    (CHUNKED + b"1;" + b"e" * 100_000, 400),
    (CHUNKED + b"0\r\n" + b"A: b\r\n" * 20_000, None),
    (b"\r\n" * 50_000 + b"GET /health" + HOST + b"Connection: close\r\n\r\n",
     200),
    (b"POST /tokenize" + HOST + b"Content-Length: 2\r\nExpect: magic\r\n\r\n{}",
     417),
    (b"GET /../../etc/passwd" + HOST + b"Connection: close\r\n\r\n", 404),
    (b"GET /%00%2e%2e" + HOST + b"Connection: close\r\n\r\n", 404),
    (b"GET http://other.example/health" + HOST + b"Connection: close\r\n\r\n",
     404),
]

BODIES = [
    b"", b"{", b"}", b"null", b"[]", b"1", b'"a"', b"\xff\xfe", b"\x00",
    b"\xef\xbb\xbf", b'{"prompt": "\xff\xff"}', b'{"prompt": "\xed\xa0\x80"}',
    b'{"prompt": "\\ud800"}', b'{"prompt": "a"', b'{"prompt": "a",}',
    b"{'prompt': 'a'}", b'{"prompt": NaN}', b'{"prompt": 1e999}',
    b'{"prompt": "a", "temperature": 1e400}',
    b'{"prompt": "a", "max_tokens": 99999999999999999999}',
    b'{"prompt": "a", "seed": -9223372036854775809.5}',
    b'{"prompt": ["a", 1]}', b'{"prompt": [[[1]]]}', b'{"prompt": {"a": 1}}',
    b'{"prompt": ""}x', b'{"messages": [{"role": "user", "content": 1}]}',
    b'{"messages": {"role": "user"}}', b'{"messages": [[]]}',
    b'{"tokens": ["a"]}', b'{"tokens": [-1]}', b'{"tokens": [99999999999]}',
    b'{"content": 1}', b'{"prompt": "a", "stop": [[]]}',
    b'{"prompt": "a", "logit_bias": {"a": "b"}}',
    b'{"prompt": "a", "response_format": {"type": "json_schema", "json_schema":'
    b' {"schema": {"$ref": "#/a/b"}}}}',
]


def connections(program):
    with Server(program, "--timeout", "5") as server:
        for data, status in CONNECTIONS:
            answer = server.raw(data, timeout=8)
            if status is not None:
                assert status_of(answer) == status, (data[:200], answer[:300])
        assert server.request("GET", "/health")[0] == 200


def bodies(program):
    """Through every interface: never 500, never silence."""
    with Server(program) as server:
        for path in ("/v1/completions", "/v1/chat/completions", "/generate",
                     "/tokenize", "/detokenize", "/apply-template"):
            for body in BODIES:
                status, _, data = server.request("POST", path, body)
                assert status == 400, (path, body, status, data)
                error = json.loads(data)["error"]
                assert error["message"] and "type" in error, data


def cut_anywhere(program):
    """A request that ends early, cut in two packets, or repeated without
    waiting for answers."""
    body = b'{"content": "abc"}'
    whole = bytes_of("POST", "/tokenize", body)
    with Server(program) as server:
        for cut in range(1, len(whole)):
            with server.connect() as connection:
                connection.sendall(whole[:cut])
        for cut in range(1, len(whole), 7):
            with server.connect() as connection:
                connection.sendall(whole[:cut])
                time.sleep(0.002)
                connection.sendall(whole[cut:])
                assert status_of(read_until(connection, b"]}")) == 200
        with server.connect() as connection:
            connection.sendall(whole * 5000)
            data = b""
            while data.count(b"[99, 100, 101]") < 5000:
                part = connection.recv(1 << 20)
                assert part, "closed after %d" % data.count(b"HTTP/1.1 200")
                data += part
            assert data.count(b"HTTP/1.1 200 OK") == 5000


def garbage(program):
    """Valid requests with some bytes changed."""
    rng = random.Random(1)
    whole = bytes_of("POST", "/v1/completions", json.dumps(
        {"prompt": "Once", "max_tokens": 2, "stream": True}).encode(),
        "Connection: close")
    with Server(program, "--timeout", "1") as server:
        for _ in range(400):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            with server.connect() as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                read_all(connection)
        assert server.request("GET", "/health")[0] == 200
        assert server.process.poll() is None


if __name__ == "__main__":
    run_all([connections, bodies, cut_anywhere, garbage], sys.argv[1])
