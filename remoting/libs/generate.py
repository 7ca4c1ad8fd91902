#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the code of a CUDA library's wrapper, its server half and its tests from its `.api` file. See HACKING.md, "CUDA libraries"."""

import argparse
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
import library as description  # noqa: E402
import tested  # noqa: E402
import write  # noqa: E402


def store(path, text):
    """Only when it changed, so that nothing is compiled again for a comment."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as old:
            if old.read() == text:
                return
    with open(path, "w", encoding="utf-8") as new:
        new.write(text)


def missing(library, preprocessed):
    """Functions of the header that are in no line."""
    with open(preprocessed, encoding="utf-8", errors="replace") as file:
        text = " ".join(file.read().split())
    names = set(re.findall(rf"\b(?:{library.status}|size_t|void|const char \*)\s*(?:__attribute__\(\(\S+\)\)\s*)?({library.name[3:]}\w+) ?\([^;{{}}]*\) ?;", text))
    return sorted(names - {c.name for c in library.calls} - library.absent)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", metavar="DIR", help="where to write")
    parser.add_argument("--missing", metavar="FILE", help="write nothing; fail if a function of this preprocessed header is in no line")
    parser.add_argument("--served", metavar="FILE", help="what the software GPU's library computes: writes soft.cc alone")
    parser.add_argument("--tests", metavar="DIR", help="top of the sources: the manual says which tests there name a call")
    parser.add_argument("api", help="the description")
    args = parser.parse_args()
    try:
        library = description.load(args.api)
    except (description.ApiError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    source = os.path.basename(args.api)
    if args.missing:
        names = missing(library, args.missing)
        for name in names:
            print(f"{name} is in no line of {source}", file=sys.stderr)
        return int(bool(names))
    if args.served:
        store(os.path.join(args.out or ".", "soft.cc"), write.software(library, source, write.read_served(args.served)))
        return 0
    if args.tests:
        tested.note_library(library.calls, args.tests)
    for name, make in write.FILES.items():
        store(os.path.join(args.out or ".", name), make(library, source))
    return 0


if __name__ == "__main__":
    sys.exit(main())
