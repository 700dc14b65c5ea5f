"""Where another implementation differs from bitnetc on purpose, or is wrong.
Each rule gives its reason, which the tests print with how often it was needed.
"""
import functools
import json
import re
import unicodedata

BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@functools.lru_cache(None)
def json_tokens(tokenizer):
    """Text by id, and the ids of added tokens that are normalized."""
    if not tokenizer.endswith(".json"):
        return {}, set()
    with open(tokenizer, encoding="utf-8") as file:
        document = json.load(file)
    vocab = document["model"]["vocab"]
    by_id = ({i: text for i, (text, _) in enumerate(vocab)}
             if isinstance(vocab, list)
             else {i: text for text, i in vocab.items()})
    added = document["added_tokens"]
    by_id.update({t["id"]: t["content"] for t in added})
    return by_id, {t["id"] for t in added if t["normalized"]}


def has_broken_run(ids, by_id):
    """Whether neighbouring byte tokens are not UTF-8 together."""
    run = b""
    for text in [by_id.get(i, "") for i in ids] + [""]:
        byte = BYTE.fullmatch(text)
        if byte:
            run += bytes([int(byte[1], 16)])
            continue
        try:
            run.decode()
        except UnicodeDecodeError:
            return True
        run = b""
    return False


@functools.lru_cache(None)
def has_charsmap(tokenizer):
    if not tokenizer.endswith(".json"):
        return False
    with open(tokenizer, encoding="utf-8") as file:
        return '"Precompiled"' in file.read()


def encoding(tokenizer, text, theirs, ours):
    if has_charsmap(tokenizer) and any(
            unicodedata.category(c)[0] == "M" or "\u1100" <= c < "\u1200"
            or c in "\u200d\uff9e\uff9f" for c in text):
        return ("a charsmap on several characters in one: Hugging Face's "
                "library replaces all by the shortest match (\"Yes, this seems "
                "broken\", says its source), a program by the longest, as "
                "SentencePiece does, for which the map was made")
    if tokenizer.endswith(".json") and any(
            unicodedata.category(c) == "Cn" for c in text):
        return ("a character of Unicode 15 or 16: Debian's PCRE2 and this "
                "Python know Unicode 14")
    return None


def decoding(tokenizer, ids, theirs, ours):
    by_id, normalized = json_tokens(tokenizer)
    if by_id and "\ufffd" in theirs and has_broken_run(ids, by_id):
        return ("byte tokens that are not UTF-8 together: Hugging Face's "
                "library replaces all of them, and a program, which decodes "
                "token by token, those that are wrong, as SentencePiece does")
    known = theirs.replace(" \u2047 ", "")
    if not by_id and (ours == known or theirs.startswith(" \u2047 ")
                      and ours.lstrip(" ") == known.lstrip(" ")):
        return ("an unknown token: SentencePiece writes U+2047, bitnetc leaves "
                "it out with the special tokens")
    if not by_id and "\ufffd" in theirs and not {0, 1, 2}.isdisjoint(ids):
        return ("a special token between two bytes of a character: "
                "SentencePiece gives the character up, bitnetc and Hugging "
                "Face's library leave such tokens out first")
    if normalized.intersection(ids):
        return ("an added token that is searched in normalized text: the "
                "library decodes it to its normalized form, a program to the "
                "text that the file gives it")
    return None


# What @huggingface/jinja does otherwise than Jinja2, for which templates are
# written: (what it or bitnetc says, why).
JAVASCRIPT = (
    (r"Unknown \w+ filter: ", "it lacks a filter"),
    (r"Cannot apply filter ", "its filters refuse null and undefined values"),
    (r"Expected iterable or object type in for loop: got Undefined",
     "it does not loop over undefined values"),
    (r"Cannot access property with non-string: got Undefined",
     "it refuses an undefined key"),
    (r"has no element 0", "it lets a list be empty where Jinja2 does not"),
    (r"can only concatenate str", "it joins texts with dictionaries"),
)


def rendering(reference, template, variables, theirs, ours):
    if reference != "jinja.js":
        return None
    message = theirs.get("error") or ours.get("error")
    if message:
        for pattern, reason in JAVASCRIPT:
            if re.search(pattern, message):
                return "jinja.js: " + reason
        return None

    def letters(text):
        return "".join(c for c in text
                       if not c.isspace() and c not in "\ufeff")
    if letters(theirs["text"]) == letters(ours["text"]):
        return ("jinja.js: lstrip and rstrip ignore their argument, and white "
                "space is JavaScript's, without U+0085 and with U+FEFF")
    return None
