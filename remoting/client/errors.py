#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the rows of errors.cc: each enumerator of CUresult, with a description made of its name (cuda.h's own prose is not ours to ship)."""

import argparse
import re
import sys

WORDS = {"ecc": "ECC", "gpu": "GPU", "ptx": "PTX", "jit": "JIT", "os": "OS", "mps": "MPS", "rpc": "RPC", "nvlink": "NVLink",
         "io": "I/O", "cdp": "CDP", "id": "ID", "unsupported": "unsupported"}


def enumerators(text):
    body = re.search(r"typedef enum cudaError_enum \{(.*?)\} CUresult;", text, re.S)
    if not body:
        return []
    code = re.sub(r"/\*.*?\*/", "", body[1], flags=re.S)
    return re.findall(r"\b(CUDA_\w+)\s*=\s*(\d+)", code)


def description(name):
    if name == "CUDA_SUCCESS":
        return "no error"
    words = name.removeprefix("CUDA_ERROR_").lower().split("_")
    return " ".join(WORDS.get(word, word) for word in words)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("header", help="cuda.h")
    args = parser.parse_args()
    with open(args.header, encoding="utf-8") as file:
        rows = enumerators(file.read())
    if len(rows) < 50:
        print(f"{args.header}: the enumeration CUresult was not found", file=sys.stderr)
        return 1
    for name, number in rows:
        print(f'{{{number}, {{"{name}", "{description(name)}"}}}},')
    return 0


if __name__ == "__main__":
    sys.exit(main())
