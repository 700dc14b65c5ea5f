"""Train a byte-level BPE tokenizer and write it as a Hugging Face tokenizer.json.

The vocabulary is laid out as Hugging Face's own trainer does it: the special
token, the 256 byte characters in code-point order, then one token per merge.
Ties between equally frequent pairs go to the pair with the smaller ids.

    train_bpe.py train.txt OUT_DIR --vocab-size 1024
"""
import argparse
import collections
import json
import os

from generate_text import SEPARATOR
from prepare_text import read_stories
from tokenizer import GPT2_PATTERN, Tokenizer, byte_alphabet


def learn(word_counts, vocab, merge_count):
    """Greedy BPE: merge the most frequent adjacent pair, again and again."""
    words = [(list(w), n) for w, n in word_counts.items()]
    counts, where = collections.Counter(), collections.defaultdict(set)
    for index, (symbols, n) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            counts[pair] += n
            where[pair].add(index)
    merges = []
    for _ in range(merge_count):
        best = min(counts, key=lambda p: (-counts[p], vocab[p[0]], vocab[p[1]]))
        if counts[best] < 2:
            break
        joined = best[0] + best[1]
        merges.append("%s %s" % best)
        vocab.setdefault(joined, len(vocab))
        for index in where.pop(best):
            symbols, n = words[index]
            for pair in zip(symbols, symbols[1:]):
                counts[pair] -= n
            i = 0
            while i < len(symbols) - 1:
                if (symbols[i], symbols[i + 1]) == best:
                    symbols[i:i + 2] = [joined]
                i += 1
            for pair in zip(symbols, symbols[1:]):
                counts[pair] += n
                where[pair].add(index)
        del counts[best]
    return merges


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("text")
    p.add_argument("output")
    p.add_argument("--vocab-size", type=int, default=1024)
    a = p.parse_args()
    stories = read_stories(a.text)
    to_char = byte_alphabet()
    counts = collections.Counter()
    for story in stories:
        counts.update(GPT2_PATTERN.findall(story))
    counts = {"".join(to_char[b] for b in w.encode()): n for w, n in sorted(counts.items())}
    vocab = {SEPARATOR: 0}
    for c in sorted(to_char.values()):
        vocab[c] = len(vocab)
    merges = learn(counts, vocab, a.vocab_size - len(vocab))
    byte_level = {"type": "ByteLevel", "add_prefix_space": False,
                  "trim_offsets": True, "use_regex": True}
    added = {"id": 0, "content": SEPARATOR, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": True}
    spec = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [added],
            "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None,
            "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None,
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": vocab, "merges": merges}}
    config = {"add_bos_token": True, "add_eos_token": False, "add_prefix_space": False,
              "bos_token": SEPARATOR, "eos_token": SEPARATOR, "model_max_length": 512,
              "tokenizer_class": "GPT2Tokenizer", "unk_token": SEPARATOR}
    os.makedirs(a.output, exist_ok=True)
    for name, value in (("tokenizer.json", spec), ("tokenizer_config.json", config)):
        with open(os.path.join(a.output, name), "w", encoding="utf-8") as f:
            json.dump(value, f, ensure_ascii=False, indent=2)
            f.write("\n")
    t = Tokenizer(os.path.join(a.output, "tokenizer.json"))
    sample = stories[:500]
    ids = [t.encode(s) for s in sample]
    assert all(t.decode(i) == s for i, s in zip(ids, sample)), "does not round-trip"
    print("vocabulary %d, %d merges, %.2f bytes per token"
          % (len(vocab), len(merges), sum(map(len, sample)) / sum(map(len, ids))))


if __name__ == "__main__":
    main()
