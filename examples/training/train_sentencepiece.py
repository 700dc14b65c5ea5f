"""Train a SentencePiece BPE tokenizer and derive a Hugging Face tokenizer.json.

Writes tokenizer.model, tokenizer.json and tokenizer_config.json, then checks
that a pure-Python reading of the JSON gives exactly SentencePiece's ids on the
given validation text.

    train_sentencepiece.py train.txt OUT_DIR --vocab-size 1024 --check validation.txt
"""
import argparse
import json
import os
import tempfile

import sentencepiece

from prepare_text import read_stories
from tokenizer import Tokenizer


def train(stories, prefix, vocab_size):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lines.txt")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(stories))
        os.chdir(folder)  # SentencePiece records the input path in the model
        sentencepiece.SentencePieceTrainer.train(
            input="lines.txt", model_prefix="tokenizer", model_type="bpe",
            vocab_size=vocab_size, byte_fallback=True, character_coverage=1.0,
            normalization_rule_name="identity", remove_extra_whitespaces=False,
            split_digits=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
            num_threads=1, minloglevel=1)
        with open("tokenizer.model", "rb") as f:
            data = f.read()
    with open(prefix, "wb") as f:
        f.write(data)


def merges_from_scores(sp):
    """Each learned piece gives one merge per split into two known pieces."""
    ids = {sp.id_to_piece(i): i for i in range(sp.get_piece_size())}
    normal = {p for p, i in ids.items() if not (sp.is_byte(i) or sp.is_control(i) or sp.is_unknown(i))}
    merges = []
    for piece in normal:
        splits = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        for left, right in splits:
            if left in normal and right in normal:
                merges.append((-sp.get_score(ids[piece]), ids[left], ids[right], left, right))
    return ids, ["%s %s" % m[3:] for m in sorted(merges)]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("text")
    p.add_argument("output")
    p.add_argument("--vocab-size", type=int, default=1024)
    p.add_argument("--check", help="text on which both forms must agree")
    a = p.parse_args()
    os.makedirs(a.output, exist_ok=True)
    folder = os.path.abspath(a.output)
    check = read_stories(a.check) if a.check else []
    model = os.path.join(folder, "tokenizer.model")
    train(read_stories(a.text), model, a.vocab_size)
    sp = sentencepiece.SentencePieceProcessor(model)
    vocab, merges = merges_from_scores(sp)
    added = [{"id": i, "content": sp.id_to_piece(i), "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": True} for i in range(3)]
    spec = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "pre_tokenizer": None, "post_processor": None,
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                      "vocab": vocab, "merges": merges}}
    config = {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>",
              "clean_up_tokenization_spaces": False, "eos_token": "</s>", "legacy": True,
              "model_max_length": 512, "tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>"}
    for name, value in (("tokenizer.json", spec), ("tokenizer_config.json", config)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            json.dump(value, f, ensure_ascii=False, indent=2)
            f.write("\n")
    t = Tokenizer(os.path.join(folder, "tokenizer.json"))
    check += ["Zoë said: 3 × 14 = 42!", "two  spaces, a\ttab\nand a line", " leading", "naïve 日本"]
    size = count = 0
    for text in check:
        ids = sp.encode(text)
        assert t.encode(text) == ids, (text, t.encode(text), ids)
        assert t.decode(ids) == text, (text, t.decode(ids))
        size, count = size + len(text.encode()), count + len(ids)
    print("vocabulary %d, %d merges, %d texts agree, %.2f bytes per token"
          % (len(vocab), len(merges), len(check), size / count))


if __name__ == "__main__":
    main()
