"""A program that serves, and raw connections to it; what the tests here share."""
import http.client
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import time


class Server:
    """`PROGRAM serve OPTIONS` on a free port, ended by close(). A list is a
    program with what comes before it, as an emulator."""

    def __init__(self, program, *options, env=None, port="0"):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith("BITNET_")}
        environment.update(env or {})
        program = [program] if isinstance(program, str) else program
        command = [*program, "serve", "--threads", "1", *options]
        if port is not None:
            command += ["--port", port]
        self.process = subprocess.Popen(command, env=environment, text=True,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        match = re.match(r"serving \S+ on (\S+)\n", line)
        if not match:
            raise AssertionError("no address: %r %r"
                                 % (line, self.process.communicate()))
        self.url = match[1]
        self.port = (int(self.url.rsplit(":", 1)[1])
                     if self.url.startswith("http") else None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=10):
        """Exit code and standard error."""
        _, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, err

    def rss(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def request(self, method, path, body=None, headers=None, timeout=20):
        """Status, headers and body of one request on its own connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=timeout)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, response.headers, data

    def post(self, path, body, headers=None, status=200):
        got, _, data = self.request("POST", path, body, headers)
        assert got == status, (got, data)
        return json.loads(data)

    def raw(self, data, timeout=10):
        """Sends bytes, and all that comes back until the server closes."""
        with self.connect(timeout) as connection:
            connection.sendall(data)
            return read_all(connection)

    def metric(self, name):
        _, _, text = self.request("GET", "/metrics")
        for line in text.decode().splitlines():
            if line.startswith(name + " ") or line.startswith(name + "{"):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError("no metric " + name)


def certificate(folder):
    """Files of a new certificate for 127.0.0.1, signed by itself, and its key."""
    cert, key = folder + "/cert.pem", folder + "/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                    cert], check=True, capture_output=True)
    return cert, key


def read_all(connection):
    data = b""
    try:
        while part := connection.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


def read_until(connection, mark):
    data = b""
    while mark not in data:
        part = connection.recv(65536)
        if not part:
            break
        data += part
    return data


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def bytes_of(method, path, body=b"", *headers):
    """An HTTP/1.1 request."""
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: test", *headers]
    if body or method == "POST":
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def wait_for(condition, seconds=10, what="condition"):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited %g s for %s" % (seconds, what))
        time.sleep(0.02)


def run_all(functions, program):
    """Runs tests in their order; their names come with the first failure."""
    for function in functions:
        begin = time.monotonic()
        try:
            function(program)
        except BaseException:
            print("FAILED", function.__name__, flush=True)
            raise
        print("ok %-40s %.2f s" % (function.__name__,
                                   time.monotonic() - begin), flush=True)


__all__ = [name for name in dir() if not name.startswith("__")]
