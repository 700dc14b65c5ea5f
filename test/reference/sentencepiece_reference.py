#!/usr/bin/env python3
"""SentencePiece with the command line of `bitnetc tokenize`, for comparison.

usage: sentencepiece_reference.py --tokenizer PATH [--no-bos] [--decode] ...

It takes no special tokens from text and leaves them out when it decodes: what
it answers is what bitnetc does with --no-special and --skip-special. Exit code
77: there is no sentencepiece here.
"""
import json
import sys

try:
    import sentencepiece
except ImportError as problem:
    print(f"skipped: {problem}", file=sys.stderr)
    sys.exit(77)

processor = sentencepiece.SentencePieceProcessor(
    model_file=sys.argv[sys.argv.index("--tokenizer") + 1])
prefix = [] if "--no-bos" in sys.argv else [processor.bos_id()]
decode = "--decode" in sys.argv
for line in sys.stdin:
    given = json.loads(line)
    print(json.dumps(processor.decode(given) if decode
                     else prefix + processor.encode(given)))
