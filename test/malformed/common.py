"""What the formats of malformed files share: ways to break JSON and bytes."""
import json
import re

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+.\w]+|[\[\]{}:,]')

# Values that no field takes, by what they are called in a case's name.
WRONG = {"null": None, "true": True, "text": "x", "empty text": "",
         "list": [], "nested list": [[[]]], "object": {}, "negative": -1,
         "fraction": 0.5, "huge": 2 ** 63, "larger": 2 ** 64 - 1,
         "beyond": 10 ** 30, "float huge": 1e308}


def dump(value):
    """JSON as bytes; a Raw stands for itself, a list of pairs in Pairs for an
    object with these keys, equal ones too."""
    if isinstance(value, Raw):
        return value.data
    if isinstance(value, Pairs):
        return b"{" + b", ".join(dump(k) + b": " + dump(v)
                                 for k, v in value.items) + b"}"
    if isinstance(value, dict):
        return dump(Pairs(value.items()))
    if isinstance(value, (list, tuple)):
        return b"[" + b", ".join(map(dump, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode()


class Raw:
    def __init__(self, data):
        self.data = data


class Pairs:
    def __init__(self, items):
        self.items = list(items)


def paths(value, here=()):
    """The place of every field of an object, outer ones first."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield here + (key,)
            yield from paths(inner, here + (key,))


def replaced(value, path, new):
    """A copy with another value at `path`; `new` None in a list: without it."""
    if not path:
        return new[0] if new else None
    out = dict(value)
    if len(path) == 1 and not new:
        del out[path[0]]
    else:
        out[path[0]] = replaced(value[path[0]], path[1:], new)
    return out


def doubled(value, path):
    """A copy in which the field at `path` is there twice."""
    if len(path) == 1:
        return Pairs([*value.items(), (path[0], value[path[0]])])
    return {k: doubled(v, path[1:]) if k == path[0] else v
            for k, v in value.items()}


def cuts(data, most):
    """(name, data) cut off behind every token of the JSON text `data`, or
    behind `most` of them, evenly."""
    ends = [m.end() for m in TOKEN.finditer(data)][:-1]
    step = max(1, len(ends) // most)
    yield "empty", b""
    for end in ends[::step]:
        yield f"cut at byte {end}", data[:end]
        if data[end - 1:end] == b'"':
            yield f"cut in the text at byte {end - 1}", data[:end - 1]


def broken_json(data):
    """What is wrong with any JSON document."""
    yield "not JSON", b"hello"
    yield "a number", b"12"
    yield "a text", b'"x"'
    yield "a list", b"[1, 2]"
    yield "null", b"null"
    yield "two documents", data + data
    yield "a comma too many", data[:-1] + b",}"
    yield "bytes that are not UTF-8", data.replace(b'"', b'"\xff\xfe', 1)
    yield "half a surrogate", data.replace(b'"', b'"\\ud800', 1)
    yield "a zero byte", data.replace(b":", b":\0", 1)
    yield "UTF-16", data.decode("utf-8", "replace").encode("utf-16")
    for depth in (200, 100000, 1000000):
        yield f"{depth} lists deep", b"[" * depth + b"]" * depth
        yield f"{depth} lists deep, open", b"[" * depth
        yield f"{depth} objects deep", b'{"a":' * depth + b"1" + b"}" * depth
    yield "a deep field", b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b", " + \
        data.lstrip()[1:]
    yield "a huge number", b'{"a": 1e999999, ' + data.lstrip()[1:]
    yield "a long number", b'{"a": ' + b"9" * 100000 + b"}"
