#!/usr/bin/env python3
"""Makes small tokenizer.json files, one for each component that bitnetc knows
and some together, so that every kind is compared and not only those that the
published files happen to use.

usage: make_tokenizers.py FOLDER SHARED
"""
import base64
import collections
import json
import os
import sys

import texts

SPACE = "\u2581"


def merges_of(words, count):
    """Plain BPE training: the most frequent pair, `count` times."""
    words = [list(word) for word in words]
    merges = []
    for _ in range(count):
        pairs = collections.Counter(
            pair for word in words for pair in zip(word, word[1:]))
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i:i + 2] = ["".join(best)]
                i += 1
    return merges


def byte_chars():
    """GPT-2's printable character of every byte."""
    shown = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    rest = (chr(0x100 + i) for i in range(68))
    return [chr(b) if b in shown else next(rest) for b in range(256)]


def added(content, **flags):
    token = {"id": 0, "content": content, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": False}
    token.update(flags)
    return token


ADDED = [
    added("<s>", special=True), added("</s>", special=True),
    added("<pad>", normalized=True), added("<|eot_id|>", lstrip=True),
    added("<|im_end|>", rstrip=True, special=True),
    added("<mask>", lstrip=True, rstrip=True, special=True),
    added("don't", single_word=True), added("ab", single_word=True,
                                           normalized=True),
    added("  ", normalized=False), added("[INST]", normalized=True),
]


def numbered(tokens, vocab):
    """With ids: the vocabulary's own, or the next ones."""
    new = [t["content"] for t in tokens if t["content"] not in vocab]
    return [dict(t, id=vocab.get(t["content"],
                                 len(vocab) + new.index(t["content"])
                                 if t["content"] in new else 0))
            for t in tokens]


class Maker:
    def __init__(self, folder, shared):
        self.folder = folder
        sample = "\n".join(texts.corpus(shared, 200))[:30000]
        self.words = {}
        bytes_of = byte_chars()
        for name, text in (
                ("chars", sample.replace(" ", SPACE)),
                ("bytes", "".join(bytes_of[b] for b in sample.encode()))):
            marks = SPACE if name == "chars" else bytes_of[32]
            text = text.replace("\n", marks).replace(bytes_of[10], marks)
            self.words[name] = [marks + word for word in text.split(marks)]
        self.merges = {name: merges_of(words, 250)
                       for name, words in self.words.items()}
        self.merges["bytes"] += [(bytes_of[32], bytes_of[32]),
                                 (bytes_of[32] * 2, bytes_of[32] * 2)]
        # Half of the characters that the hard texts have; the rest is unknown.
        self.letters = sorted({c for part in texts.PARTS for c in part}
                              | set(sample.replace(" ", SPACE)))[::2]

    def vocabulary(self, kind, unknown=True, fallback=False):
        tokens = ["<unk>"] if unknown else []
        if fallback:
            tokens += [f"<0x{b:02X}>" for b in range(256)]
        tokens += byte_chars() if kind == "bytes" else self.letters
        if kind == "chars":
            tokens.append(" ")
        for left, right in self.merges[kind]:
            tokens += [left, right, left + right]
        tokens = list(dict.fromkeys(tokens))
        return {token: i for i, token in enumerate(tokens)}

    def write(self, name, kind="chars", tokens=(), unknown=True, fallback=False,
              model=None, **parts):
        vocab = self.vocabulary(kind, unknown, fallback)
        body = {"type": "BPE", "dropout": None,
                "unk_token": "<unk>" if unknown else None,
                "continuing_subword_prefix": None, "end_of_word_suffix": None,
                "fuse_unk": False, "byte_fallback": fallback,
                "ignore_merges": False, "vocab": vocab,
                "merges": [" ".join(m) for m in self.merges[kind]
                           if " " not in m[0] + m[1]]}
        body.update(model or {})
        document = {"version": "1.0", "truncation": None, "padding": None,
                    "added_tokens": numbered(tokens, body["vocab"]),
                    "normalizer": None,
                    "pre_tokenizer": None, "post_processor": None,
                    "decoder": {"type": "Fuse"}, "model": body}
        document.update(parts)
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        with open(folder + "/tokenizer.json", "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False)


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def sequence(name, *parts):
    return {"type": "Sequence", name: list(parts)}


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
         "use_regex": False}
GPT2 = dict(BYTES, use_regex=True)
SPM_DECODER = sequence("decoders", replace(SPACE, " "),
                       {"type": "ByteFallback"}, {"type": "Fuse"},
                       {"type": "Strip", "content": " ", "start": 1, "stop": 0})


def split(pattern, behavior, invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior,
            "invert": invert}


def make_all(m, charsmap):
    behaviors = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                 "Contiguous")
    # Byte-level models and what comes before the bytes.
    byte = dict(kind="bytes", unknown=False, decoder=GPT2)
    m.write("gpt2", pre_tokenizer=GPT2, tokens=ADDED, **byte)
    m.write("gpt2-prefix", pre_tokenizer=dict(GPT2, add_prefix_space=True),
            tokens=ADDED, **byte)
    m.write("llama3", tokens=ADDED, model={"ignore_merges": True},
            pre_tokenizer=sequence("pretokenizers", split(LLAMA3, "Isolated"),
                                   BYTES), **byte)
    m.write("qwen2", normalizer={"type": "NFC"}, tokens=ADDED,
            pre_tokenizer=sequence(
                "pretokenizers",
                split(LLAMA3.replace("{1,3}", ""), "Isolated"), BYTES), **byte)
    m.write("falcon", tokens=ADDED, pre_tokenizer=sequence(
        "pretokenizers", {"type": "Punctuation", "behavior": "Contiguous"},
        GPT2, {"type": "Digits", "individual_digits": False},
        split("[0-9][0-9][0-9]", "Isolated")), **byte)
    m.write("post-byte-level", pre_tokenizer=GPT2, tokens=ADDED,
            post_processor=sequence("processors", GPT2, {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}},
                           {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                         {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {
                    "<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]},
                    "</s>": {"id": "</s>", "ids": [2, 3],
                             "tokens": ["</s>", "x"]}}}), **byte)
    # Pre-tokenizers on characters.
    for behavior in behaviors:
        for invert in (False, True):
            m.write(f"split-{behavior}{'-invert' * invert}",
                    pre_tokenizer=split(r"\s+|[aeiou]", behavior, invert))
        m.write(f"split-empty-{behavior}", pre_tokenizer=split(
            r"(?=[a-e])|(?<=[0-9])|[xyz]+", behavior))
        m.write(f"punctuation-{behavior}",
                pre_tokenizer={"type": "Punctuation", "behavior": behavior})
    m.write("split-string", pre_tokenizer=split(".", "Isolated", kind="String"))
    for individual in (False, True):
        m.write(f"digits-{individual}", pre_tokenizer={
            "type": "Digits", "individual_digits": individual})
    m.write("whitespace", pre_tokenizer={"type": "Whitespace"}, tokens=ADDED)
    m.write("whitespace-split", pre_tokenizer={"type": "WhitespaceSplit"},
            tokens=ADDED)
    for scheme in ("always", "first", "never"):
        for whole in (False, True):
            space = {"type": "Metaspace", "replacement": SPACE,
                     "prepend_scheme": scheme, "split": whole}
            m.write(f"metaspace-{scheme}-{whole}", tokens=ADDED,
                    pre_tokenizer=space, decoder=space)
    # Classes of characters, in patterns.
    for name, pattern in (("space", r"\s"), ("word", r"\w"), ("digit", r"\d"),
                          ("L", r"\p{L}"), ("N", r"\p{N}"), ("P", r"\p{P}"),
                          ("S", r"\p{S}"), ("M", r"\p{M}"), ("Z", r"\p{Z}"),
                          ("not-space", r"\S"), ("Han", r"\p{Han}"),
                          ("in-class", r"[^\s\w]"), ("Lu", r"\p{Lu}\p{Ll}"),
                          ("fold", "(?i:'s|k|i|\u03c3)"),
                          ("dot", "."), ("hex", r"\h"), ("not-word", r"\W"),
                          ("lines", r"^.|.$"), ("string", r"\A.|.\z|.\Z"),
                          ("not-boundary", r"\B."),
                          ("bracket", r"[]\[\]ab]|[^]\w\s]"), ("boundary", r"\b"),
                          ("possessive", r"\p{L}++|\s*+\S"),
                          ("upper-camel",
                           r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*"
                           r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{N}{1,3}|\s+")):
        m.write(f"pattern-{name}", pre_tokenizer=split(pattern, "Isolated"))
    # Normalizers.
    m.write("nfc", normalizer={"type": "NFC"}, tokens=ADDED)
    m.write("strip", normalizer={"type": "Strip", "strip_left": True,
                                 "strip_right": True}, tokens=ADDED)
    m.write("strip-right", normalizer={"type": "Strip", "strip_left": False,
                                       "strip_right": True})
    m.write("prepend", normalizer={"type": "Prepend", "prepend": SPACE},
            tokens=ADDED)
    m.write("replace", normalizer=sequence(
        "normalizers", replace("ab", "b"), replace("  ", " "),
        replace(" ", SPACE), replace("o", "")), tokens=ADDED)
    m.write("replace-regex", normalizer=sequence(
        "normalizers", replace(" {2,}", SPACE, "Regex"),
        replace(r"\p{N}", "0", "Regex")), tokens=ADDED)
    # Unknown characters and bytes.
    for fallback in (False, True):
        for fuse in (False, True):
            for unknown in (False, True):
                if unknown or not fuse:
                    m.write(f"unknown-{fallback}-{fuse}-{unknown}",
                            fallback=fallback, unknown=unknown,
                            model={"fuse_unk": fuse}, decoder=SPM_DECODER,
                            tokens=ADDED, normalizer=sequence(
                                "normalizers",
                                {"type": "Prepend", "prepend": SPACE},
                                replace(" ", SPACE)))
    # Unigram models.
    for fallback in (False, True):
        vocab = m.vocabulary("chars", True, fallback)
        # As float32 has them, and often the same sum.
        scored = [[token, -14.0 - (i * 37 % 101) / 16 + len(token)]
                  for i, token in enumerate(vocab)]
        space = {"type": "Metaspace", "replacement": SPACE,
                 "prepend_scheme": "always", "split": True}
        back = (sequence("decoders", {"type": "ByteFallback"}, space)
                if fallback else space)
        tokens = [added("<unk>", special=True)] + ADDED
        body = {"type": "Unigram", "unk_id": 0, "byte_fallback": fallback,
                "vocab": scored}
        for name, normalizer in (
                ("", None),
                ("-charsmap", {"type": "Precompiled",
                               "precompiled_charsmap": charsmap})):
            if name and not charsmap:
                continue
            folder = os.path.join(m.folder, f"unigram-{fallback}{name}")
            os.makedirs(folder, exist_ok=True)
            with open(folder + "/tokenizer.json", "w") as file:
                json.dump({"version": "1.0", "truncation": None,
                           "padding": None,
                           "added_tokens": numbered(tokens, vocab),
                           "normalizer": normalizer, "pre_tokenizer": space,
                           "post_processor": None, "decoder": back,
                           "model": body}, file)


def charsmap_of(model):
    """Base64 of the charsmap of a SentencePiece model; "" without a model."""
    if not os.path.exists(model):
        return ""
    with open(model, "rb") as file:
        data = file.read()

    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        while at < len(data):
            key = varint()
            size = {0: 0, 1: 8, 5: 4}.get(key & 7)
            if key & 7 == 0:
                yield key >> 3, varint()
                continue
            if size is None:
                size = varint()
            yield key >> 3, data[at:at + size]
            at += size
    for key, value in fields(data):
        if key == 3:
            for inner, bytes_ in fields(value):
                if inner == 2:
                    return base64.b64encode(bytes_).decode()
    return ""


if __name__ == "__main__":
    out, shared_data = sys.argv[1:3]
    make_all(Maker(out, shared_data),
             charsmap_of(shared_data +
                         "/tokenizers/spm-tests/test_model.model"))
