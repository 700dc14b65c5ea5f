#!/usr/bin/env python3
"""Trains small SentencePiece models, one for each way of training that bitnetc
understands.

usage: train_sentencepiece.py FOLDER SHARED

Exit code 77: there is no sentencepiece here.
"""
import itertools
import os
import sys

import texts

try:
    import sentencepiece
except ImportError as problem:
    print(f"skipped: {problem}", file=sys.stderr)
    sys.exit(77)

COMMON = dict(vocab_size=700, num_threads=1, minloglevel=2,
              hard_vocab_limit=False, character_coverage=0.98)
VARIANTS = {
    "plain": {},
    "bytes": dict(byte_fallback=True),
    "identity": dict(normalization_rule_name="identity"),
    "llama": dict(byte_fallback=True, normalization_rule_name="identity",
                  remove_extra_whitespaces=False, split_digits=True,
                  allow_whitespace_only_pieces=True),
    "no-prefix": dict(add_dummy_prefix=False, byte_fallback=True),
    "spaces": dict(remove_extra_whitespaces=False),
    "fold": dict(normalization_rule_name="nmt_nfkc_cf"),
    "symbols": dict(user_defined_symbols=["<sep>", "don't", "123", "\u2603"],
                    control_symbols=["<ctl>", "[INST]"], byte_fallback=True),
    "whole": dict(split_by_whitespace=False, split_by_unicode_script=False,
                  split_by_number=False),
}


def main():
    folder, shared = sys.argv[1:]
    sample = [line for line in texts.corpus(shared, 60) if line.strip()]
    sample += [line for line in texts.hard(200) if line.strip()]
    sample = [line.replace("\n", " ").replace("\0", " ")[:2000]
              for line in sample]
    for kind, name in itertools.product(("bpe", "unigram"), VARIANTS):
        place = os.path.join(folder, f"{kind}-{name}")
        os.makedirs(place, exist_ok=True)
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sample), model_type=kind,
            model_prefix=place + "/tokenizer", **{**COMMON, **VARIANTS[name]})


main()
