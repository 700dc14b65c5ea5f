"""Malformed safetensors files and their index, in a model directory."""
import json
import struct

from common import WRONG, Pairs, Raw, broken_json, cuts, doubled, dump, replaced


class Base:
    """A directory that is right."""

    def __init__(self, files):
        self.files = files
        data = files["model.safetensors"]
        size, = struct.unpack_from("<Q", data)
        self.header = json.loads(data[8:8 + size])
        self.data = data[8 + size:]

    def file(self, header, data=None):
        text = header if isinstance(header, bytes) else dump(header)
        return (struct.pack("<Q", len(text)) + text
                + (self.data if data is None else data))


def cases(files):
    base = Base(files)

    def case(name, data):
        return name, {**files, "model.safetensors": data}

    whole = files["model.safetensors"]
    text = dump(base.header)
    for size in (0, 1, 7, 8, 9):
        yield case(f"{size} bytes", whole[:size])
    for name, cut in cuts(text, 60):
        yield case("header " + name, base.file(cut))
        yield case("file in the header, " + name,
                   struct.pack("<Q", len(text)) + cut)
    ends = sorted({e["data_offsets"][1] for e in base.header.values()})
    for end in (0, *ends[:-1:6]):
        yield case(f"cut at tensor end {end}", base.file(text, base.data[:end]))
    yield case("one byte short", whole[:-1])
    yield case("one byte too many", whole + b"x")
    for size in (0, 1, len(text) - 1, len(text) + 1, len(whole), 10 ** 8 + 1,
                 2 ** 31, 2 ** 32, 2 ** 63, 2 ** 64 - 8, 2 ** 64 - 1):
        yield case(f"header size {size}",
                   struct.pack("<Q", size) + text + base.data)
    for name, data in broken_json(text):
        yield case("header: " + name, base.file(data))
    first = next(iter(base.header))
    second = list(base.header)[1]
    entry = base.header[first]
    yield case("a tensor twice", base.file(doubled(base.header, (first,))))
    yield case("a dtype twice",
               base.file(doubled(base.header, (first, "dtype"))))
    for field in ("dtype", "shape", "data_offsets"):
        yield case(f"no {field}",
                   base.file(replaced(base.header, (first, field), [])))
        for name, wrong in WRONG.items():
            yield case(f"{field} is {name}", base.file(
                replaced(base.header, (first, field), [wrong])))
    for name, wrong in WRONG.items():
        yield case(f"a tensor is {name}",
                   base.file(replaced(base.header, (first,), [wrong])))
        rows, columns = entry["shape"]
        yield case(f"an extent is {name}", base.file(replaced(
            base.header, (first, "shape"), [[wrong, columns]])))
        yield case(f"an offset is {name}", base.file(replaced(
            base.header, (first, "data_offsets"), [[0, wrong]])))
    begin, end = entry["data_offsets"]
    for name, offsets in (
            ("reversed", [end, begin]), ("one", [begin]),
            ("three", [begin, end, end]), ("behind the file",
                                           [len(base.data), 2 * len(base.data)]),
            ("overlapping", base.header[second]["data_offsets"]),
            ("shifted", [begin + 1, end + 1]), ("short", [begin, end - 1]),
            ("overflowing", [2 ** 64 - 4, 2 ** 64 - 4 + end - begin])):
        yield case(f"offsets {name}", base.file(replaced(
            base.header, (first, "data_offsets"), [offsets])))
    for name, shape in (("overflowing", [2 ** 32, 2 ** 32]),
                        ("overflowing to the size", [2 ** 62, 2 ** 2 + 1]),
                        ("of too many", [1] * 5000), ("zero", [0, 2 ** 63]),
                        ("other", entry["shape"][::-1]), ("flat", [end])):
        yield case(f"shape {name}", base.file(replaced(
            base.header, (first, "shape"), [shape])))
    for dtype in ("F8", "I128", "f32", "U16", "F32\0", "BF16 ", "C64"):
        yield case(f"dtype {dtype!r}", base.file(replaced(
            base.header, (first, "dtype"), [dtype])))
    yield case("a tensor less", base.file(replaced(base.header, (second,), [])))
    yield case("metadata is a number",
               base.file({**base.header, "__metadata__": 1}))
    yield case("metadata holds a list",
               base.file({**base.header, "__metadata__": {"a": []}}))
    yield case("many tensors", base.file(
        {f"t{i}": entry for i in range(10000)}))
    yield case("a long name", base.file({"x" * 10 ** 6: entry}))


def index_cases(files):
    base = Base(files)
    names = list(base.header)
    shards = ["model-00001-of-00002.safetensors",
              "model-00002-of-00002.safetensors"]
    half = len(names) // 2
    parts = {}
    for shard, own in zip(shards, (names[:half], names[half:])):
        header, data = {}, b""
        for name in own:
            begin, end = base.header[name]["data_offsets"]
            header[name] = {**base.header[name],
                            "data_offsets": [len(data),
                                             len(data) + end - begin]}
            data += base.data[begin:end]
        parts[shard] = base.file(header, data)
    rest = {k: v for k, v in files.items() if k != "model.safetensors"}
    weight_map = {name: shards[i >= half] for i, name in enumerate(names)}
    right = {"metadata": {"total_size": len(base.data)},
             "weight_map": weight_map}

    def case(name, index, **more):
        data = index if isinstance(index, bytes) else dump(index)
        return name, {**rest, **parts, **more,
                      "model.safetensors.index.json": data}

    text = dump(right)
    for name, cut in cuts(text, 60):
        yield case(name, cut)
    for name, data in broken_json(text):
        yield case(name, data)
    yield case("no weight_map", {"metadata": {}})
    yield case("an empty weight_map", {"weight_map": {}})
    for name, wrong in WRONG.items():
        yield case(f"weight_map is {name}", {**right, "weight_map": wrong})
        yield case(f"a shard is {name}", {
            "weight_map": {**weight_map, names[0]: wrong}})
    for shard in ("../model.safetensors", "/etc/passwd", "none.safetensors",
                  "..", ".", "a/../../b", "model\0.safetensors", "x" * 5000,
                  shards[1], "config.json"):
        yield case(f"a shard is {shard[:40]!r}", {
            "weight_map": {**weight_map, names[0]: shard}})
    yield case("a tensor of no shard", {
        "weight_map": {**weight_map, "more": shards[0]}})
    yield case("a tensor twice", {"weight_map": Pairs(
        [*weight_map.items(), (names[0], shards[1])])})
    yield case("a weight_map twice", Pairs(
        [*right.items(), ("weight_map", Raw(b"{}"))]))
    yield case("many shards", {"weight_map": {
        f"t{i}": f"s{i}.safetensors" for i in range(20000)}})
    for shard in shards:
        yield case(f"{shard} is empty", right, **{shard: b""})
        yield case(f"{shard} is cut", right, **{shard: parts[shard][:-1]})
    both = base.file(base.header)
    yield case("a tensor in two shards", right, **{shards[1]: both})
