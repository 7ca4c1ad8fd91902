#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the two ends' code from the `.api` files. See HACKING.md, "The `.api` files"."""

import argparse
import os
import sys

sys.dont_write_bytecode = True
import emit  # noqa: E402
import header as cuda_header  # noqa: E402
import spec  # noqa: E402
import tested  # noqa: E402

KNOWN_VERSION = 13000  # of the cuda.h that cuda.api describes in full


def write(path, text):
    """Only when it changed, so that nothing is compiled again for a comment."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as old:
            if old.read() == text:
                return
    with open(path, "w", encoding="utf-8") as new:
        new.write(text)


def report_missing(header, calls):
    """Functions of the header that nobody described: a mistake, unless the header is newer than the description."""
    missing = header.missing(calls)
    for name in missing:
        print(f"cuda.h ({header.version}): {name} is in no line of cuda.api", file=sys.stderr)
    return bool(missing) and header.version <= KNOWN_VERSION


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preprocessed", required=True, metavar="FILE", help="cuda.h after cc -E -P -D__CUDA_API_VERSION_INTERNAL")
    parser.add_argument("--header", required=True, metavar="FILE", help="cuda.h itself, for its version")
    parser.add_argument("--out", metavar="DIR", help="where to write")
    parser.add_argument("--tests", metavar="DIR", help="top of the sources: the manual says which tests there name a call")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a function of cuda.h is in no line")
    parser.add_argument("api", nargs="+", help="the descriptions")
    args = parser.parse_args()
    try:
        calls = spec.parse(args.api)
        header = cuda_header.load(args.preprocessed, args.header)
    except (spec.SpecError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if not header.functions:
        print(f"{args.preprocessed}: no function of the driver API in it", file=sys.stderr)
        return 1
    if args.check:
        return int(report_missing(header, calls))
    report_missing(header, calls)
    if args.tests:
        tested.note(calls, args.tests)
    sources = ", ".join(os.path.basename(path) for path in args.api)
    for name, make in emit.FILES.items():
        write(os.path.join(args.out or ".", name), make(calls, header, sources))
    return 0


if __name__ == "__main__":
    sys.exit(main())
