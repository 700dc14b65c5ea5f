#!/usr/bin/env python3
"""Every limit of the server: what is beyond it is refused, with the right
status, and the server goes on.

usage: limits.py PROGRAM   (the runtime tests' program around the fake model)
"""
import sys

from common import *

SLOW = {"FAKE_DELAY_US": "20000"}
LONG = {"prompt": "Once", "max_tokens": 80, "ignore_eos": True}


def expect_error(answer, status):
    assert status_of(answer) == status, answer[:300]
    body = answer.split(b"\r\n\r\n", 1)[1]
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}, error
    assert b"Connection: close" in answer, answer


def body_size(program):
    with Server(program, "--max-body", "1K") as server:
        at_limit = json.dumps({"content": "a"}).ljust(1024).encode()
        assert len(at_limit) == 1024
        assert status_of(server.raw(bytes_of("POST", "/tokenize", at_limit,
                                             "Connection: close"))) == 200
        expect_error(server.raw(bytes_of("POST", "/tokenize",
                                         at_limit + b" ")), 413)
        # The size is known before the body is sent; curl waits for an answer.
        expect_error(server.raw(
            b"POST /tokenize HTTP/1.1\r\nHost: t\r\nContent-Length: 1025\r\n"
            b"Expect: 100-continue\r\n\r\n"), 413)
        chunked = (b"POST /tokenize HTTP/1.1\r\nHost: t\r\n"
                   b"Transfer-Encoding: chunked\r\n\r\n")
        expect_error(server.raw(chunked + b"401\r\n" + b" " * 0x401), 413)
        # Many bytes are still under way when the answer comes: it arrives.
        expect_error(server.raw(bytes_of("POST", "/tokenize",
                                         b" " * 500_000)), 413)


def header_size(program):
    with Server(program, "--max-header", "1K") as server:
        ok = bytes_of("GET", "/health", b"", "A: " + "a" * 800,
                      "Connection: close")
        assert status_of(server.raw(ok)) == 200
        expect_error(server.raw(bytes_of("GET", "/health", b"",
                                         "A: " + "a" * 1100)), 431)
        expect_error(server.raw(b"GET /" + b"a" * 600 +
                                b" HTTP/1.1\r\nHost: t\r\n\r\n"), 414)


def prompt_length(program):
    with Server(program, "--max-prompt", "9") as server:
        server.post("/v1/completions", {"prompt": "a" * 8, "max_tokens": 1})
        error = server.post("/v1/completions", {"prompt": "a" * 9}, status=400)
        assert error["error"]["code"] == "context_length_exceeded", error
    with Server(program, "--ctx", "20") as server:
        server.post("/v1/completions", {"prompt": "a" * 18, "max_tokens": 1})
        server.post("/v1/completions", {"prompt": "a" * 19}, status=400)


def time_to_send(program):
    with Server(program, "--timeout", "1") as server:
        # A request that does not end.
        for part in (b"GET /health HT", b"POST /tokenize HTTP/1.1\r\nHost: t\r\n"
                     b"Content-Length: 9\r\n\r\nab"):
            begin = time.monotonic()
            expect_error(server.raw(part), 408)
            assert 0.8 < time.monotonic() - begin < 5
        # One byte at a time does not help.
        with server.connect() as connection:
            begin = time.monotonic()
            data = b""
            try:
                while time.monotonic() - begin < 6 and not data:
                    connection.sendall(b"G")
                    if select.select([connection], [], [], 0.1)[0]:
                        data = connection.recv(100)
            except OSError:
                pass
            assert time.monotonic() - begin < 4, "slow sender is still there"
        # Nothing at all, and nothing after a request.
        with server.connect() as connection:
            assert read_all(connection) == b""
        assert status_of(server.raw(bytes_of("GET", "/health"))) == 200


def time_of_an_answer(program):
    with Server(program, "--max-time", "1", env=SLOW) as server:
        begin = time.monotonic()
        error = server.post("/v1/completions", LONG, status=504)
        assert error["error"]["code"] == "timeout"
        assert 0.8 < time.monotonic() - begin < 5
        _, _, stream = server.request("POST", "/v1/completions",
                                      {**LONG, "stream": True})
        last = stream.decode().strip().split("\n\n")[-1]
        assert json.loads(last[6:])["error"]["code"] == "timeout", last
        wait_for(lambda: server.metric("llamacpp:requests_processing") == 0)


def connections(program):
    with Server(program, "--max-connections", "2") as server:
        first, second = server.connect(), server.connect()
        for connection in (first, second):
            connection.sendall(bytes_of("GET", "/health"))
            assert b"ok" in read_until(connection, b"}")
        answer = server.raw(b"")
        expect_error(answer, 503)
        assert b"Retry-After: " in answer
        first.close()
        wait_for(lambda: status_of(server.raw(bytes_of(
            "GET", "/health", b"", "Connection: close"))) == 200)
        second.close()


def queue(program):
    with Server(program, "--parallel", "1", "--max-queue", "1",
                env=SLOW) as server:
        waiting = []
        for _ in range(4):
            connection = server.connect()
            connection.sendall(bytes_of("POST", "/v1/completions",
                                        json.dumps(LONG).encode()))
            waiting.append(connection)
            time.sleep(0.2)
        answers = [read_until(c, b"\r\n\r\n") for c in waiting[2:]]
        for answer in answers:
            assert status_of(answer) == 429, answer
            assert b"Retry-After: 1" in answer
        for connection in waiting:
            connection.close()
        # Who waits or is computed and goes away makes room.
        wait_for(lambda: server.metric("llamacpp:requests_deferred") == 0)
        server.post("/v1/completions", {"prompt": "Once", "max_tokens": 1})


def slow_reader(program):
    """A client that does not read is disconnected when enough waits for it."""
    with Server(program, "--timeout", "20", "--parallel", "16",
                env={"FAKE_DELAY_US": "4000"}) as server:
        body = {"messages": [{"role": "user", "content": "a"}], "stream": True,
                "ignore_eos": True, "n": 16, "logprobs": True,
                "top_logprobs": 20}
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(bytes_of("POST", "/v1/chat/completions",
                                    json.dumps(body).encode()))
        wait_for(lambda: server.metric("bitnet:http_connections_open") == 1,
                 15, "the slow reader to be disconnected")
        connection.close()
        wait_for(lambda: server.metric("bitnet:requests_cancelled_total") > 0)
        server.post("/v1/completions", {"prompt": "Once", "max_tokens": 1})


def reader_of_nothing(program):
    """Asks and asks without reading: memory stays, and the time to read ends
    it."""
    with Server(program, "--timeout", "2") as server:
        before = server.rss()
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.settimeout(1)
        try:
            while True:
                connection.sendall(bytes_of("GET", "/") * 1000)
        except OSError:
            pass # The server reads no more, or has closed.
        assert server.rss() - before < 20_000, (before, server.rss())
        wait_for(lambda: server.metric("bitnet:http_connections_open") == 1)
        connection.close()


def reads_late(program):
    """Many answers, of which the client takes none until all are asked for."""
    with Server(program) as server:
        with server.connect() as connection:
            connection.sendall(bytes_of("GET", "/props") * 3000)
            time.sleep(0.5)
            data = b""
            while data.count(b"HTTP/1.1 200 OK") < 3000:
                part = connection.recv(1 << 20)
                assert part, data.count(b"HTTP/1.1 200 OK")
                data += part


def requests_together(program):
    """Many large requests that do not end: some are refused."""
    with Server(program, "--max-body", "1M") as server:
        head = bytes_of("POST", "/tokenize", b" " * (1 << 20))
        many = [server.connect() for _ in range(80)]
        for connection in many:
            connection.sendall(head[:1_000_000])
        wait_for(lambda: any(select.select(many, [], [], 0)[0]))
        refused = select.select(many, [], [], 0.5)[0]
        assert 1 <= len(refused) < 60, len(refused)
        for connection in refused:
            expect_error(read_all(connection), 503)
        assert server.rss() < 150_000, server.rss()
        for connection in many:
            connection.close()
        wait_for(lambda: server.metric("bitnet:http_connections_open") == 1)
        # Nothing of it is remembered.
        for _ in range(100):
            server.post("/tokenize", b'{"content": "a"}'.ljust(1 << 20))


def json_depth_and_size(program):
    with Server(program) as server:
        for body in ("[" * 100_000, '{"a":' * 100_000, '{"prompt": %s1%s}'
                     % ("[" * 500, "]" * 500)):
            error = server.post("/v1/completions", body, status=400)
            assert "nested" in error["error"]["message"], error
        many = '{"prompt": [%s]}' % ",".join(["1"] * 1_100_000)
        error = server.post("/v1/completions", many, status=400)
        assert "values" in error["error"]["message"], error
        keys = "{%s}" % ",".join('"%d":0' % i for i in range(200_000))
        begin = time.monotonic()
        server.post("/v1/completions", keys, status=400)
        assert time.monotonic() - begin < 5


if __name__ == "__main__":
    run_all([body_size, header_size, prompt_length, time_to_send,
             time_of_an_answer, connections, queue, slow_reader,
             reader_of_nothing, reads_late, requests_together,
             json_depth_and_size], sys.argv[1])
