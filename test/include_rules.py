#!/usr/bin/env python3
"""Who may include whom: folders of the source tree against the table below.

usage: include_rules.py SOURCE_DIR
"""
import os
import re
import sys

# Folder: the folders of this project and the compiler libraries its files may
# include. The longest folder that a file lies in decides. Headers of the system
# and of other libraries are free, except where RESTRICTED names them.
RULES = {
    "runtime/abi": [],
    "runtime": ["runtime"],
    "dialect": ["dialect", "mlir", "llvm"],
    "targets": ["targets", "dialect", "mlir", "llvm"],
    "passes": ["passes", "targets", "dialect", "mlir", "llvm"],
    # The one pass that emits the model's descriptor.
    "passes/EmitABI.cpp": ["passes", "targets", "dialect", "mlir", "llvm",
                           "runtime/abi"],
    "compiler": ["compiler", "passes", "targets", "dialect", "mlir", "llvm",
                 "lld", "runtime/abi"],
    # Prints errors as programs do.
    "compiler/Driver.cpp": ["compiler", "passes", "targets", "dialect", "mlir",
                            "llvm", "lld", "runtime/abi", "runtime/Utf8.h"],
    # Plain C++: the tokenizer compiler needs it without LLVM.
    "compiler/gguf": ["compiler/gguf"],
    # Render and tokenize as programs do.
    "compiler/RenderCommand.cpp": ["compiler", "runtime"],
    "compiler/TokenizeCommand.cpp": ["compiler", "runtime"],
    # Tells where a template is not UTF-8.
    "compiler/template": ["compiler/template", "runtime"],
    # Compiles a tokenizer with the runtime's own text code.
    "compiler/tokenizer": ["compiler/tokenizer", "compiler/gguf", "llvm",
                           "runtime"],
}
RESTRICTED = {"runtime/abi": ["stdint.h", "stddef.h"]}
KNOWN = ("runtime", "dialect", "targets", "passes", "compiler", "test",
         "examples", "mlir", "llvm", "lld", "clang")
FOLDERS = ("runtime", "dialect", "targets", "passes", "compiler")
SUFFIXES = (".h", ".hpp", ".c", ".cpp", ".inc", ".td")

INCLUDE = re.compile(
    r'^[ \t]*#?[ \t]*include(?:_next)?[ \t]+(["<])([^">]+)[">]', re.MULTILINE)
RAW_STRING = re.compile(r'R"(\w*)\(.*?\)\1"', re.DOTALL)


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def longest(path, table):
    return max((folder for folder in table if inside(path, folder)), key=len,
               default=None)


def problem(path, quote, name):
    """Why `path` may not include `name`, or None."""
    folder = longest(path, RULES)
    where = name
    if quote == '"' and ("/" not in name or name.startswith(".")):
        # Beside the file.
        where = os.path.dirname(path) + "/" + name
    where = os.path.normpath(where)
    restricted = RESTRICTED.get(folder)
    if restricted is not None:
        return None if name in restricted else "only " + ", ".join(restricted)
    if where.split("/")[0] in KNOWN and not any(inside(where, allowed)
                                                for allowed in RULES[folder]):
        return "only " + ", ".join(RULES[folder])
    return None


def main():
    root = sys.argv[1]
    files = includes = bad = 0
    for folder in FOLDERS:
        for directory, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if not name.endswith(SUFFIXES):
                    continue
                path = os.path.relpath(os.path.join(directory, name), root)
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    text = file.read()
                # Keep the lines, so that their numbers stay right.
                text = RAW_STRING.sub(lambda m: "\n" * m[0].count("\n"), text)
                files += 1
                for match in INCLUDE.finditer(text):
                    includes += 1
                    reason = problem(path, match[1], match[2])
                    if reason:
                        bad += 1
                        line = text.count("\n", 0, match.start()) + 1
                        print("%s:%d: includes %s, may include: %s"
                              % (path, line, match[2], reason))
    print("%d includes in %d files, %d against the rules"
          % (includes, files, bad))
    if files < len(FOLDERS):
        sys.exit("no source files below " + root)
    sys.exit(1 if bad else 0)


main()
