#!/usr/bin/env python3
"""Start, addresses, keys, TLS, the environment, clients that go away, the end.

usage: lifecycle.py PROGRAM   (the runtime tests' program around the fake model)
"""
import sys
import tempfile
import warnings

from common import *

SLOW = {"FAKE_DELAY_US": "20000"}
LONG = {"prompt": "Once", "max_tokens": 80, "ignore_eos": True}


def fails(program, *options, env=None):
    result = subprocess.run([program, "serve", "--port", "0", *options],
                            capture_output=True, text=True, timeout=10,
                            env={**os.environ, **(env or {})})
    assert result.stdout == "" and result.stderr.count("\n") == 1, result
    return result.returncode, result.stderr


def wrong_start(program):
    with Server(program) as server:
        code, error = fails(program, "--port", str(server.port))
        assert code == 1 and "another program" in error, error
    for options, word in (
            (["--host", "example.org"], "numeric address"),
            (["--tls-cert", "/nowhere"], "go together"),
            (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], "/nowhere"),
            (["--api-key-file", "/nowhere"], "/nowhere"),
            (["--api-key-file", "/dev/null"], "no key"),
            (["--unix-socket", "/tmp/" + "a" * 200], "longer than"),
            (["--host", "192.0.2.1"], "cannot listen")):
        code, error = fails(program, *options)
        assert code == 1 and word in error, (options, error)
    for options in (["--port", "65536"], ["--max-body", "1X"], ["extra"],
                    ["--nothing"]):
        assert fails(program, *options)[0] == 2, options


def environment(program):
    env = {"BITNET_SERVE_MAX_BODY": "1K", "BITNET_SERVE_API_KEY": "secret",
           "BITNET_SERVE_PORT": "1"}
    with Server(program, env=env) as server: # --port of the command wins.
        assert server.request("GET", "/props")[0] == 401
        key = {"Authorization": "Bearer secret"}
        assert server.request("GET", "/props", headers=key)[0] == 200
        assert server.request("POST", "/tokenize", b" " * 2000, key)[0] == 413
    code, error = fails(program, env={"BITNET_SERVE_PARALLEL": "x"})
    assert code == 2 and "--parallel" in error, error


def keys(program):
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("one\r\n\ntwo\n")
        file.flush()
        with Server(program, "--api-key-file", file.name) as server:
            for key, status in (("one", 200), ("two", 200), ("", 401),
                                ("one\r", 401), ("three", 401), ("on", 401)):
                headers = {"Authorization": "Bearer " + key.strip("\r") +
                           ("x" if key.endswith("\r") else "")}
                got = server.request("GET", "/v1/models", headers=headers)[0]
                assert got == status, (key, got)
            assert server.request("GET", "/health")[0] == 200


def unix_socket(program):
    folder = tempfile.mkdtemp()
    path = folder + "/s"
    for _ in range(2): # The second time there is a file that nobody listens on.
        with Server(program, "--unix-socket", path, port=None) as server:
            assert server.url == "unix:" + path
            code, error = fails(program, "--unix-socket", path)
            assert code == 1 and "another program" in error, error
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                connection.sendall(bytes_of("GET", "/health", b"",
                                            "Connection: close"))
                assert status_of(read_all(connection)) == 200
    with Server(program, "--unix-socket", path, port=None) as server:
        server.signal(signal.SIGTERM)
        assert server.wait()[0] == 0
    assert not os.path.exists(path)
    os.rmdir(folder)


def tls(program):
    with tempfile.TemporaryDirectory() as folder:
        cert, key = certificate(folder)
        with Server(program, "--tls-cert", cert, "--tls-key", key,
                    "--timeout", "1") as server:
            assert server.url.startswith("https://127.0.0.1:")
            context = ssl.create_default_context(cafile=cert)
            with context.wrap_socket(server.connect(),
                                     server_hostname="127.0.0.1") as connection:
                assert connection.version() in ("TLSv1.2", "TLSv1.3")
                for _ in range(2): # Both on one connection.
                    connection.sendall(bytes_of("GET", "/health"))
                    assert b"ok" in read_until(connection, b"}")
                body = json.dumps({**LONG, "stream": True}).encode()
                connection.sendall(bytes_of("POST", "/v1/completions", body))
                assert b"[DONE]" in read_until(connection, b"0\r\n\r\n")
            # Plain HTTP, garbage and silence cost only their own connection.
            assert status_of(server.raw(bytes_of("GET", "/health"))) == 0
            assert read_all(server.connect()) == b""
            warnings.simplefilter("ignore", DeprecationWarning)
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.set_ciphers("ALL:@SECLEVEL=0")
            try:
                old.wrap_socket(server.connect())
                raise AssertionError("TLS 1.1 was accepted")
            except (ssl.SSLError, ConnectionError):
                pass
            swapped = fails(program, "--tls-cert", cert, "--tls-key", cert)
            assert swapped[0] == 1 and "--tls-key" in swapped[1], swapped


def cancelled(program):
    """The client goes away: in a stream, without one, and while it waits."""
    with Server(program, "--parallel", "1", env=SLOW) as server:
        for stream in (True, False):
            busy, waits = server.connect(), server.connect()
            body = json.dumps({**LONG, "stream": stream}).encode()
            busy.sendall(bytes_of("POST", "/v1/completions", body))
            wait_for(lambda: server.metric("vllm:num_requests_running") == 1)
            waits.sendall(bytes_of("POST", "/v1/completions", body))
            wait_for(lambda: server.metric("vllm:num_requests_waiting") == 1)
            begin = server.metric("bitnet:requests_cancelled_total")
            waits.close()
            wait_for(lambda: server.metric("vllm:num_requests_waiting") == 0,
                     1, "the waiting request to be cancelled")
            busy.close()
            wait_for(lambda: server.metric("vllm:num_requests_running") == 0,
                     1, "the running request to be cancelled")
            assert server.metric("bitnet:requests_cancelled_total") == begin + 2


def drains(program):
    """SIGTERM: what runs is finished, what comes is refused, then the end."""
    with Server(program, env=SLOW) as server:
        idle, busy = server.connect(), server.connect()
        idle.sendall(bytes_of("GET", "/health"))
        read_until(idle, b"}")
        body = json.dumps({**LONG, "stream": True}).encode()
        busy.sendall(bytes_of("POST", "/v1/completions", body))
        data = read_until(busy, b"data: ")
        server.signal(signal.SIGTERM)
        assert read_all(idle) == b"" # Closed at once.
        status, headers, _ = server.request("GET", "/health")
        assert status == 503 and headers["Retry-After"], (status, headers)
        server.post("/v1/completions", LONG, status=503)
        data += read_all(busy)
        assert data.count(b"data: ") > 10 and b"[DONE]" in data, data[-300:]
        code, error = server.wait()
        assert code == 0 and error.count("\n") == 1, (code, error)


def ping(program):
    """A stream that waits says so; one that flows has no comments."""
    with Server(program, "--parallel", "1", "--ping", "1",
                env={"FAKE_DELAY_US": "60000"}) as server:
        body = {**LONG, "max_tokens": 50, "stream": True}
        flows, waits = server.connect(), server.connect()
        flows.sendall(bytes_of("POST", "/v1/completions",
                               json.dumps(body).encode()))
        wait_for(lambda: server.metric("vllm:num_requests_running") == 1)
        waits.sendall(bytes_of("POST", "/v1/completions", json.dumps(
            {**body, "max_tokens": 2}).encode()))
        data = read_until(flows, b"[DONE]")
        assert b"ping" not in data, data
        data = read_until(waits, b"[DONE]") # After 3 s or more in the queue.
        head, _, body = data.partition(b"\r\n\r\n")
        assert body.split(b"data: ")[0].count(b"\r\n: ping\n\n\r\n") >= 2, data
        assert b"ping" not in body.split(b"data: ", 1)[1], data
        flows.close()
        waits.close()


def access_log(program):
    """A line for every request, without what was asked."""
    with Server(program, env={**SLOW, "BITNET_SERVE_LOG_REQUESTS": "1"}) as server:
        server.request("GET", "/health?key=secret")
        short = {**LONG, "max_tokens": 3}
        server.post("/v1/completions", short)
        server.request("POST", "/v1/completions", {**short, "stream": True})
        server.post("/v1/completions", {}, status=400)
        server.raw(b"nonsense\r\n\r\n")
        gone = server.connect()
        gone.sendall(bytes_of("POST", "/v1/completions",
                              json.dumps({**LONG, "stream": True}).encode()))
        read_until(gone, b"data: ")
        gone.close()
        wait_for(lambda: server.metric("vllm:num_requests_running") == 0)
        server.signal(signal.SIGTERM)
        code, error = server.wait()
    assert code == 0 and "secret" not in error and "Once" not in error, error
    time_of = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
    seconds = r"\d+\.\d{3}"
    for line, count in (
            ("GET /health 200 prompt=0 generated=0 first=- total=@", 1),
            ("POST /v1/completions 200 prompt=5 generated=3 first=@ total=@", 2),
            ("POST /v1/completions 400 prompt=0 generated=0 first=- total=@", 1),
            ("- - 400 prompt=0 generated=0 first=- total=@", 1),
            (r"POST /v1/completions 499 prompt=5 generated=\d+ first=@ total=@",
             1)):
        found = re.findall("^" + time_of + line.replace("@", seconds) + "$",
                           error, re.MULTILINE)
        assert len(found) == count, (line, error)


def drain_that_ends(program):
    """Past the time for running answers each hears why it is cut, also those
    that wait."""
    with Server(program, "--drain-time", "0", "--parallel", "1",
                env={"FAKE_DELAY_US": "50000"}) as server:
        stream, waits, whole = (server.connect() for _ in range(3))
        request = lambda is_stream: bytes_of("POST", "/v1/completions",
            json.dumps({**LONG, "stream": is_stream}).encode())
        stream.sendall(request(True))
        data = read_until(stream, b"data: ")
        waits.sendall(request(True))
        whole.sendall(request(False))
        wait_for(lambda: server.metric("vllm:num_requests_waiting") == 2)
        server.signal(signal.SIGTERM)
        for answer in (data + read_all(stream), read_all(waits)):
            last = answer.split(b"data: ")[-1].split(b"\n\n")[0]
            assert json.loads(last)["error"]["code"] == "shutting_down", answer
            assert answer.endswith(b"\r\n0\r\n\r\n"), answer
            assert b"[DONE]" not in answer
        assert status_of(read_all(whole)) == 503
        for connection in (stream, waits, whole):
            connection.close()
        assert server.wait(5)[0] == 0


def ends_at_once(program):
    with Server(program, env=SLOW) as server:
        busy = server.connect()
        busy.sendall(bytes_of("POST", "/v1/completions",
                              json.dumps(LONG).encode()))
        wait_for(lambda: server.metric("vllm:num_requests_running") == 1)
        server.signal(signal.SIGINT)
        time.sleep(0.2)
        assert server.process.poll() is None
        server.signal(signal.SIGINT)
        assert server.wait(1)[0] == 130
        busy.close()
    # Without patience for what runs.
    with Server(program, "--drain-time", "0", env=SLOW) as server:
        busy = server.connect()
        busy.sendall(bytes_of("POST", "/v1/completions",
                              json.dumps(LONG).encode()))
        wait_for(lambda: server.metric("vllm:num_requests_running") == 1)
        server.signal(signal.SIGTERM)
        assert server.wait(5)[0] == 0
        busy.close()


if __name__ == "__main__":
    run_all([wrong_start, environment, keys, unix_socket, tls, cancelled,
             drains, ping, access_log, drain_that_ends, ends_at_once], sys.argv[1])
