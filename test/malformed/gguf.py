"""Malformed GGUF files."""
import struct


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


class Base:
    """A file that is right, taken apart."""

    SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8,
             12: 8}

    def __init__(self, data):
        self.ends = []  # Behind every field.
        self.raw, self.at = data, 4
        self.version, = self.take("<I")
        tensors, keys = self.take("<QQ")
        self.keys = [self.key() for _ in range(keys)]
        self.tensors = [self.tensor() for _ in range(tensors)]
        self.data = data[-(-self.at // 32) * 32:]

    def take(self, form):
        values = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        self.ends.append(self.at)
        return values

    def text(self):
        size, = self.take("<Q")
        self.at += size
        self.ends.append(self.at)
        return self.raw[self.at - size:self.at]

    def key(self):
        name = self.text()
        kind, = self.take("<I")
        begin = self.at
        if kind == 8:
            self.text()
        elif kind == 9:
            item, count = self.take("<IQ")
            for _ in range(count):
                if item == 8:
                    self.text()
                else:
                    self.at += self.SIZES[item]
        else:
            self.at += self.SIZES[kind]
        self.ends.append(self.at)
        return name, kind, self.raw[begin:self.at]

    def tensor(self):
        name = self.text()
        rank, = self.take("<I")
        shape = self.take(f"<{rank}Q")
        kind, offset = self.take("<IQ")
        return name, shape, kind, offset

    def file(self, keys=None, tensors=None, version=None, counts=None,
             magic=b"GGUF", data=None):
        keys = self.keys if keys is None else keys
        tensors = self.tensors if tensors is None else tensors
        out = magic + struct.pack(
            "<I", self.version if version is None else version)
        out += struct.pack("<QQ", *(counts or (len(tensors), len(keys))))
        for name, kind, value in keys:
            out += string(name) + struct.pack("<I", kind) + value
        for name, shape, kind, offset in tensors:
            out += string(name) + struct.pack("<I", len(shape))
            out += struct.pack(f"<{len(shape)}Q", *shape)
            out += struct.pack("<IQ", kind, offset)
        return out + bytes(-len(out) % 32) + (self.data if data is None
                                              else data)


def cases(whole):
    base = Base(whole)
    yield "empty", b""
    for size in (1, 3, 4, 7, 8, 15, 16, 23, 24):
        yield f"{size} bytes", whole[:size]
    step = max(1, len(base.ends) // 90)
    for end in base.ends[::step]:
        yield f"cut at byte {end}", whole[:end]
        yield f"cut in byte {end - 1}", whole[:end - 1]
    for share in (0.01, 0.5, 0.99):
        yield f"{share} of the data", whole[:len(whole) - int(
            len(base.data) * (1 - share))]
    yield "one byte short", whole[:-1]

    for magic in (b"GGML", b"FUGG", b"gguf", b"\0\0\0\0"):
        yield f"magic {magic}", base.file(magic=magic)
    for version in (0, 1, 4, 2 ** 24 * 3, 2 ** 32 - 1):
        yield f"version {version}", base.file(version=version)
    tensors, keys = len(base.tensors), len(base.keys)
    for count in (0, 1, 10 ** 6, 2 ** 31, 2 ** 32, 2 ** 60, 2 ** 63,
                  2 ** 64 - 1):
        yield f"{count} tensors", base.file(counts=(count, keys))
        yield f"{count} keys", base.file(counts=(tensors, count))
    yield "a tensor more", base.file(counts=(tensors + 1, keys))
    yield "a key more", base.file(counts=(tensors, keys + 1))

    def with_key(name, kind, value):
        keys = [k for k in base.keys if k[0] != name]
        return base.file(keys=keys + [(name, kind, value)])

    for size in (2 ** 20 * 100, 2 ** 32, 2 ** 63, 2 ** 64 - 1, 2 ** 64 - 8):
        yield f"a name of {size} bytes", base.file(
            keys=[(b"x", 8, struct.pack("<Q", size))] + base.keys)
        for item in (0, 4, 8, 12):
            yield f"an array of {size} items of type {item}", with_key(
                b"x", 9, struct.pack("<IQ", item, size))
    for kind in (13, 14, 255, 2 ** 32 - 1):
        yield f"type {kind}", with_key(b"x", kind, bytes(16))
        yield f"an array of type {kind}", with_key(
            b"x", 9, struct.pack("<IQ", kind, 1) + bytes(16))
    for depth in (5, 1000, 200000):
        yield f"arrays {depth} deep", with_key(
            b"x", 9, struct.pack("<IQ", 9, 1) * depth
            + struct.pack("<IQ", 4, 0))
    for name, kind, value in base.keys:
        if name == b"general.architecture":
            continue
        shown = name.decode()
        if not shown.endswith(("_length", "freq_base")) or \
                shown.endswith(("context_length", "embedding_length",
                                "forward_length")):
            yield f"no {shown}", base.file(
                keys=[k for k in base.keys if k[0] != name])
        yield f"{shown} twice", base.file(
            keys=base.keys + [(name, kind, value)])
        yield f"{shown} is a text", with_key(name, 8, string("x"))
        yield f"{shown} is an array", with_key(
            name, 9, struct.pack("<IQ", 4, 0))
        yield f"{shown} is a boolean", with_key(name, 7, b"\1")
        if kind in (4, 5):
            for number in (0, 2 ** 31 - 1, 2 ** 32 - 1):
                yield f"{shown} is {number}", with_key(
                    name, 4, struct.pack("<I", number))
            yield f"{shown} is 2^64-1", with_key(
                name, 10, struct.pack("<Q", 2 ** 64 - 1))
        if kind == 6:
            for number in (-1.0, float("nan"), float("inf"), 1e30):
                yield f"{shown} is {number}", with_key(
                    name, 6, struct.pack("<f", number))
    for arch in ("", "gpt9", "llama\0", "x" * 100000):
        yield f"architecture {arch[:10]!r}", with_key(
            b"general.architecture", 8, string(arch))
    yield "the architecture is a number", with_key(
        b"general.architecture", 4, bytes(4))
    for alignment in (0, 1, 3, 24, 2 ** 31, 2 ** 32 - 1):
        if alignment != 1:
            yield f"alignment {alignment}", with_key(
                b"general.alignment", 4, struct.pack("<I", alignment))
    for number in (0, 1, 7, 2 ** 32 - 1):
        yield f"split in {number}", with_key(
            b"split.count", 2, struct.pack("<H", number % 2 ** 16)) \
            if number > 1 else with_key(b"split.count", 8, string("x"))

    def with_tensor(place, **changes):
        name, shape, kind, offset = base.tensors[place]
        new = (changes.get("name", name), changes.get("shape", shape),
               changes.get("kind", kind), changes.get("offset", offset))
        tensors = list(base.tensors)
        tensors[place] = new
        return base.file(tensors=tensors)

    for place in (0, 3):
        name, shape, kind, offset = base.tensors[place]
        shown = name.decode()
        for label, new in (
                ("none", ()), ("of five", shape + (1,) * 3),
                ("of a hundred", (1,) * 100), ("zero", (0,) + shape[1:]),
                ("huge", (2 ** 63,) + shape[1:]),
                ("overflowing", (2 ** 32, 2 ** 32)),
                ("overflowing to little", (2 ** 62 + 64, 4)),
                ("odd", (shape[0] - 1,) + shape[1:]),
                ("other", shape[::-1] if shape[0] != shape[-1]
                 else (shape[0] * 2,) + shape[1:])):
            yield f"{shown}: shape {label}", with_tensor(place, shape=new)
        for new in (4, 5, 99, 255, 2 ** 31, 2 ** 32 - 1):
            yield f"{shown}: type {new}", with_tensor(place, kind=new)
        for new in (1, 16, len(base.data), 2 ** 40, 2 ** 63, 2 ** 64 - 32):
            yield f"{shown}: offset {new}", with_tensor(place, offset=new)
        other = base.tensors[place + 1]
        yield f"{shown}: overlapping", with_tensor(place, offset=other[3])
        yield f"{shown}: there twice", with_tensor(place, name=other[0])
        yield f"{shown}: not there", base.file(
            tensors=base.tensors[:place] + base.tensors[place + 1:])
        yield f"{shown}: a long name", with_tensor(place, name=b"x" * 100000)
        yield f"{shown}: no name", with_tensor(place, name=b"")
        yield f"{shown}: a line in its name", with_tensor(
            place, name=b"a\nb\x1b[31m")
    yield "no tensors", base.file(tensors=[])
    yield "the same tensors again", base.file(tensors=base.tensors * 2)
