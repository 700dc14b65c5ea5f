"""Malformed tokenizer.json and tokenizer.model."""
import json
import struct

from common import WRONG, Pairs, broken_json, cuts, doubled, dump, paths, \
    replaced

SPACE = "\u2581"


def tokenizer_json():
    """A small one that uses what there is."""
    vocab = ["<unk>", "<s>", "</s>", "<0x41>", SPACE, "a", "b", "ab",
             SPACE + "ab"]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": i, "content": vocab[i], "single_word": False,
             "lstrip": False, "rstrip": False, "normalized": False,
             "special": True} for i in range(3)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": SPACE},
            {"type": "Replace", "pattern": {"String": " "},
             "content": SPACE}]},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\d"},
                          "behavior": "Isolated", "invert": False},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {
                "<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
                  "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True,
                  "byte_fallback": True, "ignore_merges": False,
                  "vocab": {t: i for i, t in enumerate(vocab)},
                  "merges": ["a b", SPACE + " ab"]}}


def json_cases():
    document = tokenizer_json()

    def case(name, value):
        return name, value if isinstance(value, bytes) else dump(value)

    text = dump(document)
    for name, cut in cuts(text, 90):
        yield case(name, cut)
    for name, data in broken_json(text):
        yield case(name, data)
    for path in paths(document):
        yield case(".".join(path) + " twice", doubled(document, path))
    for where, accepted in (
            ("added_tokens", {"null", "list"}), ("normalizer", {"null"}),
            ("pre_tokenizer", {"null"}), ("post_processor", {"null"}),
            ("decoder", {"null"}), ("model", ()),
            ("normalizer.type", ()), ("normalizer.normalizers", {"list"}),
            ("pre_tokenizer.type", ()), ("pre_tokenizer.pattern", ()),
            ("pre_tokenizer.behavior", ()),
            ("pre_tokenizer.invert", {"null", "true"}),
            ("post_processor.type", ()),
            ("post_processor.single", {"list"}),
            ("post_processor.special_tokens", ()),
            ("decoder.type", ()), ("decoder.decoders", {"list"}),
            ("model.type", {"null"}), ("model.unk_token", {"null", "empty text"}),
            ("model.byte_fallback", {"null", "true"}),
            ("model.fuse_unk", {"null", "true"}),
            ("model.dropout", {"null"}), ("model.vocab", ()),
            ("model.merges", {"list"})):
        path = tuple(where.split("."))
        for name, wrong in WRONG.items():
            if name not in accepted:
                yield case(f"{where} is {name}",
                           replaced(document, path, [wrong]))

    def model(**changes):
        return {**document, "model": {**document["model"], **changes}}

    vocab = document["model"]["vocab"]
    for name, wrong in WRONG.items():
        yield case(f"an id is {name}", model(vocab={**vocab, "c": wrong}))
        yield case(f"a merge is {name}", model(merges=[wrong]))
        yield case(f"an added token is {name}",
                   {**document, "added_tokens": [wrong]})
        for field in ("id", "content"):
            if (field, name) == ("content", "text"):
                continue
            token = {**document["added_tokens"][0], field: wrong}
            if (field, name) != ("content", "empty text"):
                yield case(f"an added token's {field} is {name}",
                           {**document, "added_tokens": [token]})
        yield case(f"a special token is {name}", replaced(
            document, ("post_processor", "special_tokens", "<s>"), [wrong]))
    for number in (10 ** 6, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32):
        yield case(f"id {number}", model(vocab={**vocab, "c": number}))
        yield case(f"special token {number}", replaced(
            document, ("post_processor", "special_tokens", "<s>", "ids"),
            [[number]]))
    yield case("the same id twice", model(vocab={**vocab, "c": 5}))
    yield case("a token twice", model(vocab=Pairs(
        [*vocab.items(), ("a", 9)])))
    for merges in (["a"], ["a z"], [["a"]], [["a", "b", "ab"]], ["b a"],
                   [["a", 1]], [""]):
        yield case(f"merges {merges}", model(merges=merges))
    yield case("an unknown token that is none", model(unk_token="<x>"))
    for kind in ("WordPiece", "WordLevel", "bpe", "BPE\0", "Unigram"):
        yield case(f"model type {kind!r}", model(type=kind))
    for where in ("normalizer", "pre_tokenizer", "decoder", "post_processor"):
        yield case(f"{where} of an unknown type",
                   {**document, where: {"type": "Nope\n\x1b[1m"}})
        nested = {"type": "Fuse"}
        inner = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers",
                 "decoder": "decoders", "post_processor": "processors"}[where]
        for _ in range(150):
            nested = {"type": "Sequence", inner: [nested]}
        yield case(f"{where} of sequences 150 deep", {**document, where: nested})
    for pattern in ("(", "[", "a{3,2}", "(?<x", "\\", "(?P<n>a)(?P<n>b)",
                    "\\p{Nope}", "a" * 100000 + "(", "(" * 5000, "[a[b]]",
                    "(?R", "\\k<x>", "*"):
        yield case(f"pattern {pattern[:20]!r}", {
            **document, "pre_tokenizer": {
                "type": "Split", "pattern": {"Regex": pattern},
                "behavior": "Isolated"}})
    for charsmap in ("!", "A", "AAAA", "//////////8="):
        yield case(f"charsmap {charsmap!r}", {
            **document, "normalizer": {"type": "Precompiled",
                                       "precompiled_charsmap": charsmap}})
    unigram = {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
               "vocab": [["<unk>", 0.0], ["a", -1.0]]}
    for name, wrong in WRONG.items():
        # Large scores are numbers like others.
        if name not in ("negative", "fraction", "huge", "larger", "beyond"):
            yield case(f"a score is {name}", {**document, "model": {
                **unigram, "vocab": [["<unk>", 0.0], ["a", wrong]]}})
        yield case(f"unk_id is {name}",
                   {**document, "model": {**unigram, "unk_id": wrong}})
        yield case(f"a piece is {name}", {**document, "model": {
            **unigram, "vocab": [["<unk>", 0.0], wrong]}})
    yield case("a piece twice", {**document, "model": {
        **unigram, "vocab": [["<unk>", 0.0], ["a", -1.0], ["a", -2.0]]}})
    yield case("no pieces", {**document, "model": {**unigram, "vocab": []}})


# Protobuf, for SentencePiece models.

def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def number(field_number, value):
    return varint(field_number << 3) + varint(value)


def real(field_number, value):
    return varint(field_number << 3 | 5) + struct.pack("<f", value)


def piece(text, score=0.0, kind=1):
    data = text if isinstance(text, bytes) else text.encode()
    return field(1, field(1, data) + real(2, score) + number(3, kind))


def model_cases():
    pieces = [piece("<unk>", 0, 2), piece("<s>", 0, 3), piece("</s>", 0, 3),
              piece("<0x41>", 0, 6), piece(SPACE, -1), piece("a", -2),
              piece("b", -3), piece("ab", -4)]
    trainer = field(2, number(3, 2) + number(35, 1))
    normalizer = field(3, field(1, b"identity") + number(3, 1) + number(4, 0))

    def model(pieces=pieces, trainer=trainer, normalizer=normalizer, more=b""):
        return b"".join(pieces) + trainer + normalizer + more

    whole = model()
    yield "empty", b""
    # Between two messages the rest is a shorter model.
    ends, at = set(), 0
    for part in (*pieces, trainer, normalizer):
        at += len(part)
        ends.add(at)
    for cut in range(1, len(whole)):
        if cut not in ends:
            yield f"cut at byte {cut}", whole[:cut]
    yield "text", b"hello, world\n"
    yield "JSON", b'{"model": {}}'
    yield "zero bytes", bytes(1000)
    yield "0xFF bytes", b"\xff" * 1000
    yield "no pieces", trainer + normalizer
    for size in (2 ** 31, 2 ** 32, 2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1):
        for key in (1, 2, 3, 9):
            yield f"field {key} of {size} bytes", whole + varint(
                key << 3 | 2) + varint(size)
        yield f"a text of {size} bytes", model(
            pieces + [field(1, varint(1 << 3 | 2) + varint(size))])
    for wire in (3, 4, 6, 7):
        yield f"wire type {wire}", whole + varint(9 << 3 | wire) + bytes(8)
        yield f"wire type {wire} in a piece", model(
            pieces + [field(1, varint(1 << 3 | wire) + bytes(8))])
    yield "a varint of 11 bytes", whole + varint(9 << 3) + b"\x80" * 10 + b"\1"
    yield "a varint without end", whole + varint(9 << 3) + b"\x80" * 1000
    for kind in (0, 7, 100, 2 ** 40, 2 ** 64 - 1):
        yield f"piece type {kind}", model(pieces + [piece("c", 0, kind)])
    for kind in (0, 3, 4, 5, 2 ** 64 - 1):
        yield f"model type {kind}", model(trainer=field(2, number(3, kind)))
    for text in ("<0x4>", "<0xGG>", "0x41", "<0x411>", ""):
        yield f"byte {text!r}", model(pieces + [piece(text, 0, 6)])
    for score in (float("nan"),):
        yield f"score {score}", model(pieces + [piece("c", score)])
    yield "white space as suffix", model(
        trainer=field(2, number(3, 2) + number(24, 1)))
    unigram = field(2, number(3, 1))
    for score in (float("nan"), float("inf"), float("-inf")):
        yield f"unigram: score {score}", model(
            pieces[:3] + [piece("c", score)], unigram)
    yield "unigram: no unknown piece", model(pieces[4:], unigram)
    yield "unigram: two unknown pieces", model(
        pieces[:3] + [piece("<u>", 0, 2)], unigram)
    yield "a text that is not UTF-8", model(pieces + [piece(b"\xff\xfe")])
    yield "the same piece twice", model(pieces + [piece("a", -9)])
    for kind, text in (("short", b"AA"), ("too long", b"\xff\xff\xff\x7fabcd"),
                       ("odd", b"\5\0\0\0abcde\0")):
        yield f"a charsmap that is {kind}", model(
            normalizer=field(3, field(2, text)))
