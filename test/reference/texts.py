"""Texts that tokenizers are compared on: every line of every text of the shared
data, some of them joined, and hard ones that are made up here. The same texts
in every run.
"""
import glob
import random

# Runs of these are glued together: each is one thing that tokenizers treat
# specially, or a script with rules of its own.
PARTS = [
    # White space, visible and not, and what only looks like it.
    " ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", " \n", "\v", "\f",
    "\x1c", "\x1f", "\x85", "\u00a0", "\u1680", "\u2003", "\u200a", "\u2028",
    "\u2029", "\u202f", "\u205f", "\u3000", "\u180e", "\u200b", "\u2060",
    "\ufeff", "\u2581", " \u2581",
    # Control characters, noncharacters, private use, the last code point.
    "\x00", "\x01", "\x1b[0m", "\x7f", "\x80", "\x9f", "\ufdd0", "\ufffd",
    "\ufffe", "\uffff", "\ue000", "\U000f0000", "\U0010ffff", "\u00ad",
    # Words with apostrophes, in both cases and with letters that fold.
    "don't", "I'll", "we'Ve", "'S", "'\u017f", "'\u212a", "'LL", "y'all'd",
    "'", "\u2019s", "it\u2019s",
    # Numbers.
    "7", "42", "123", "1234567", "3.14e-10", "1,000", "\u00bd", "\u00b2",
    "\u2167", "\u0663\u0664", "\u096a", "\u0e51", "\uff12", "\U0001d7d8",
    "\u4e09",
    # Scripts, composed and decomposed.
    "Hello", "WORLD", "camelCase", "na\u00efve", "e\u0301", "\u00e9",
    "A\u030a\u0323", "\u1e69", "s\u0307\u0323", "stra\u00dfe", "\u0130i\u0131",
    "\ufb01", "\u01c4", "\u03a3\u03c2", "\u0395\u03bb\u03bb", "\u0434\u0430",
    "\u0419", "\u0418\u0306", "\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05b8\u05c1",
    "\u0645\u0631\u062d\u0628\u0627", "\u0644\u064e\u0651",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0958", "\u0e2a\u0e27\u0e31",
    "\u0e33", "\u1780\u17b6\u1793\u17cb", "\uac00", "\u1100\u1161",
    "\uac01", "\u1100\u1161\u11a8", "\u4e16\u754c", "\u3053\u3093", "\u304c",
    "\u304b\u3099", "\uff76\uff9e", "\U00020000", "\uf900", "\U0002f800",
    "\u0f71\u0f72", "\U0001d15e", "a\u0327\u0323\u0301\u0300",
    # Emoji: with selectors, modifiers, joined, flags.
    "\U0001f600", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\u2764",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1f5\U0001f1f1",
    "\U0001f636\u200d\U0001f32b\ufe0f", "1\ufe0f\u20e3", "\u200d", "\u200c",
    # Punctuation, symbols, code.
    ".", "...", "\u2026", "!", "?!", ",", ";", "--", "\u2014", "_", "__",
    "/", "\\", "(", ")", "[", "]", "{}", "\"", "`", "~", "^", "$", "\u20ac",
    "+", "=", "==", "<", ">", "|", "&amp;", "#", "@", "%", "*", "\u00a7",
    "\u00a8", "\u00b4", "\u3002", "\u300c", "http://a.b/c?d=e&f", "a_b1",
    "for (i=0;i<n;++i){\n\t\tx[i] *= 2;\n}",
    # What looks like tokens.
    "<s>", "</s>", "<unk>", "<pad>", "<|endoftext|>", "<|im_end|>",
    "<|eot_id|>", "<0x41>", "<0xE2>", "[INST]", "<|", "|>", "<s", "s>",
]
# One of these, many times over.
RUNS = [" ", "\n", "\t", "a", "ab", "A", "!", "=", "-", "0", "12", "\u4e00",
        "\u00e9", "\u0301", "\U0001f600", "\u200d", "\u2581", "<s>", "' ",
        "a ", " a", "\r\n", "\u00a0", ".", "don't "]


def corpus(shared, part=1):
    """Every `part`-th line of the shared texts, and lines joined in fours."""
    for path in sorted(glob.glob(shared + "/text/*.txt")):
        with open(path, encoding="utf-8", newline="") as file:
            lines = file.read().split("\n")
        yield from lines[::part]
        for i in range(0, len(lines), 32 * part):
            yield "\n".join(lines[i:i + 4])


def hard(count, special=(), seed=1):
    """`count` generated texts; `special`: token texts to strew in."""
    rng = random.Random(seed)
    special = list(special)
    yield from ("", *PARTS, *RUNS, *special)
    for run in RUNS:
        for length in (2, 3, 7, 16, 100, 1000):
            yield run * length
            yield "x" + run * length + "y"
    for i in range(count):
        pool = PARTS + special * (1 + len(PARTS) // 4 // max(1, len(special)))
        if i % 5 == 0:  # A few parts only, so that the same ones meet.
            pool = rng.sample(pool, 4)
        text = ""
        for _ in range(rng.randint(1, 14)):
            kind = rng.random()
            if kind < 0.82:
                text += rng.choice(pool)
            elif kind < 0.87:
                text += rng.choice(RUNS) * rng.randint(2, 12)
            elif kind < 0.92:
                text += rng.choice(" \n")
            else:
                text += character(rng)
        yield text


def character(rng):
    """Any character, more often one of the first planes' letters."""
    while True:
        code = rng.choice((rng.randrange(0x80, 0x3000), rng.randrange(0x10000),
                           rng.randrange(0x1f000, 0x20000),
                           rng.randrange(0x110000)))
        if not 0xd800 <= code < 0xe000:
            return chr(code)
