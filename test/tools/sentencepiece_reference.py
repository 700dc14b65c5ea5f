#!/usr/bin/env python3
"""Token ids by SentencePiece itself, for comparison.

usage: sentencepiece_reference.py tokenizer.model < texts > ids

A text is one JSON string a line, its ids one JSON array a line. Exit code 77:
there is no sentencepiece here.
"""
import json
import sys

try:
    import sentencepiece
except ImportError:
    sys.exit(77)

processor = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
for line in sys.stdin:
    print(json.dumps(processor.encode(json.loads(line))))
