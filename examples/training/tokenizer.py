"""Pure-Python encoder and decoder for the two tokenizer.json kinds we write.

Kind 1 is byte-level BPE with the GPT-2 pre-tokenizer, kind 2 is BPE with byte
fallback as derived from a SentencePiece model.  This is enough for the example
models (their text is English); it is not a general `tokenizers` replacement:
the GPT-2 pattern is approximated with the standard `re` module.
"""
import json
import re

# \p{L} and \p{N} do not exist in `re`; these classes agree for common text.
GPT2_PATTERN = re.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def byte_alphabet():
    """GPT-2's map from the 256 bytes to printable characters."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {}, 0
    for b in range(256):
        if b in keep:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + extra)
            extra += 1
    return table


class Tokenizer:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            spec = json.load(f)
        model = spec["model"]
        self.vocab = model["vocab"]
        self.pieces = {i: p for p, i in self.vocab.items()}
        self.special = {t["content"]: t["id"] for t in spec["added_tokens"]}
        self.pieces.update({i: p for p, i in self.special.items()})
        self.ranks = {tuple(m.split(" ")): i for i, m in enumerate(model["merges"])}
        self.byte_level = not model["byte_fallback"]
        self.to_char = byte_alphabet()
        self.to_byte = {c: b for b, c in self.to_char.items()}
        self.cache = {}
        names = ("<|endoftext|>",) if self.byte_level else ("<s>", "</s>")
        self.bos, self.eos = self.special[names[0]], self.special[names[-1]]

    def merge(self, symbols):
        symbols = list(symbols)
        while len(symbols) > 1:
            pairs = zip(symbols, symbols[1:])
            rank, at = min((self.ranks.get(p, 1 << 30), i) for i, p in enumerate(pairs))
            if rank == 1 << 30:
                break
            symbols[at:at + 2] = [symbols[at] + symbols[at + 1]]
        return symbols

    def word(self, word):
        if word not in self.cache:
            if self.byte_level:
                ids = [self.vocab[s] for s in self.merge(self.to_char[b] for b in word.encode())]
            else:
                ids = []
                for s in self.merge(word):
                    if s in self.vocab:
                        ids.append(self.vocab[s])
                    else:
                        ids += [self.vocab["<0x%02X>" % b] for b in s.encode()]
            self.cache[word] = ids
        return self.cache[word]

    def encode(self, text):
        """Ids of plain text (no special tokens are recognised or added)."""
        if self.byte_level:
            words = GPT2_PATTERN.findall(text)
        else:
            # Every piece has its "▁" in front, so words can be encoded alone.
            marked = ("▁" + text if text else "").replace(" ", "▁")
            words = re.findall("▁[^▁]*|[^▁]+", marked)
        return [i for w in words for i in self.word(w)]

    def decode(self, ids):
        pieces = [self.pieces[i] for i in ids if i not in self.special.values()]
        if self.byte_level:
            return bytes(self.to_byte[c] for p in pieces for c in p).decode(errors="replace")
        raw = b""
        for p in pieces:
            byte = re.fullmatch("<0x(..)>", p)
            raw += bytes([int(byte[1], 16)]) if byte else p.replace("▁", " ").encode()
        text = raw.decode(errors="replace")
        return text[1:] if text.startswith(" ") else text
