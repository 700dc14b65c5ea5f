#!/usr/bin/env python3
"""What examples/serve says of containers, without a container engine: the program
alone in an empty root, as the user and with the environment of the Containerfile
and the arguments and the environment of the Kubernetes deployment.

usage: container.py PROGRAM FOLDER_OF_EXAMPLES
"""
import shutil
import sys
import tempfile

from common import *

PROGRAM, EXAMPLES = sys.argv[1:]


def read(name):
    with open(EXAMPLES + "/" + name) as file:
        return file.read()


image, deployment = read("Containerfile"), read("kubernetes.yaml")


def instruction(name):
    return re.search(r"^%s (.*)$" % name, image, re.M)[1]


assert instruction("FROM") == "scratch"
source, target = instruction("COPY").split()
assert json.loads(instruction("ENTRYPOINT")) == [target] and source == "story"
env = dict(part.split("=") for part in instruction("ENV").split())
assert env["BITNET_SERVE_PORT"] == instruction("EXPOSE")
arguments = json.loads(re.search(r"^ *args: (.*)$", deployment, re.M)[1])
assert [arguments[0]] == json.loads(instruction("CMD"))
env |= re.findall(r"\{name: (BITNET_\w+), value: \"(.*?)\"\}", deployment)
assert re.search(r"name: BITNET_SERVE_API_KEY\n\s*valueFrom", deployment)
env["BITNET_SERVE_API_KEY"] = "key"
probe = re.search(r"readinessProbe:\n\s*httpGet: \{path: (\S+),", deployment)[1]


def is_ready(server):
    try:
        status = server.request("GET", probe)[0]
    except (OSError, http.client.HTTPException):
        return False
    assert status in (200, 503), status
    return status == 200


key = {"Authorization": "Bearer key"}
body = {"prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}

with tempfile.TemporaryDirectory() as root:
    os.chmod(root, 0o755)
    shutil.copy(PROGRAM, root + target)
    command = ["chroot", "--userspec=" + instruction("USER"), root, target]
    with Server(command, *arguments[1:], env=env) as server:
        assert server.url.startswith("http://0.0.0.0:"), server.url
        assert server.request("GET", probe)[0] == 200
        server.post("/v1/completions", body, status=401)
        text = server.post("/v1/completions", body, key)["choices"][0]["text"]
        # The last stream ends as it should; once the server has seen the signal a
        # probe is told 503, or finds it gone.
        stream = server.connect()
        stream.sendall(bytes_of(
            "POST", "/v1/completions",
            json.dumps(body | {"max_tokens": 400, "stream": True}).encode(),
            "Authorization: Bearer key"))
        got = read_until(stream, b"data:")
        server.signal(signal.SIGTERM)
        wait_for(lambda: not is_ready(server), what="not ready")
        if b"[DONE]" not in got:
            got += read_until(stream, b"[DONE]")
        assert b"[DONE]" in got, got
        code, error = server.wait()
        assert code == 0, (code, error)
    assert os.listdir(root) == [target.lstrip("/")]
print("in an empty root:", text)
