#!/usr/bin/env python3
"""Writes CaseTables.inc: upper and lower case of characters beyond ASCII.

usage: make_case_tables.py > CaseTables.inc

Runs of characters at a fixed distance (1 or 2) that move by the same amount
are one row; mappings to several characters are rows of their own.
"""
import unicodedata


def runs(mapping):
    rows = []
    for code, to in sorted(mapping.items()):
        delta = to - code
        if rows:
            first, last, step, row_delta = rows[-1]
            gap = code - last
            if row_delta == delta and (gap == step or
                                       (first == last and gap <= 2)):
                rows[-1] = (first, code, gap, delta)
                continue
        rows.append((code, code, 1, delta))
    return rows


def table(name, convert):
    single, several = {}, {}
    for code in range(0x80, 0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        text = convert(chr(code))
        if len(text) > 1:
            several[code] = text
        elif ord(text) != code:
            single[code] = ord(text)
    print("static constexpr CaseRun %sRuns[] = {" % name)
    for row in runs(single):
        print("    {0x%X, 0x%X, %d, %d}," % row)
    print("};")
    print("static constexpr CaseText %sTexts[] = {" % name)
    for code, text in sorted(several.items()):
        data = "".join("\\x%02X" % byte for byte in text.encode())
        print('    {0x%X, "%s"},' % (code, data))
    print("};")


print("// Made by make_case_tables.py from Unicode %s."
      % unicodedata.unidata_version)
table("upper", str.upper)
table("lower", str.lower)
