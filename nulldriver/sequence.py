#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the work in a record of the null driver (VGPU_NULL_RECORD): launches, memsets and copies in order, so that two records can be
compared. Addresses and streams are numbered as they come up, pieces of one copy are joined, and a call has the name of what it does.

usage: sequence.py FILE"""

import re
import sys

COPIES = {"cuMemcpyHtoD_v2", "cuMemcpyHtoDAsync_v2"}
MEMSET = re.compile(r"cuMemset(D2?D?\d+)(?:_v2|Async)?$")


class Names:
    """The k-th thing that came up is PREFIX followed by k."""

    def __init__(self, prefix):
        self.prefix, self.known = prefix, {}

    def __call__(self, value):
        return self.known.setdefault(value, f"{self.prefix}{len(self.known)}") if int(value, 0) else "0"


def calls(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, *fields = line.split()
            yield name, dict(field.split("=", 1) for field in fields)


def packed(address):
    return int(address, 0).to_bytes(8, "little").hex()


def work(path):
    """Each piece of work as a list; a copy as [copy, address, end, sum]."""
    for name, field in calls(path):
        if name in COPIES:
            size, total = field["src"].split(":")
            yield ["copy", field["dst"], int(field["dst"], 0) + int(size), int(total, 16)]
        elif name == "cuLaunchKernel":
            yield ["launch", field["hStream"], field["parameters"]] + [field[k] for k in ("f", "grid", "block", "shared", "cooperative")]
        elif MEMSET.match(name):
            values = list(field.values())
            yield ["memset", hex(int(values[0], 0)), MEMSET.match(name)[1], *[v for k, v in list(field.items())[1:] if k != "hStream"]]


def joined(items):
    last = None
    for item in items:
        if last and last[0] == item[0] == "copy" and last[2] == int(item[1], 0):
            last[2], last[3] = item[2], (last[3] + item[3]) % 2**64
            continue
        if last:
            yield last
        last = item
    if last:
        yield last


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    address, stream = Names("p"), Names("s")
    for kind, where, *rest in joined(work(sys.argv[1])):
        if kind == "copy":
            rest = [str(rest[0] - int(where, 0)), f"{rest[1]:016x}"]
        if kind == "launch":
            # A parameter that is an address is a whole word of them: other bytes may look like a low one.
            names = {packed(known): f"[{name}]" for known, name in address.known.items()}
            rest[0] = "".join(names.get(word, word) for word in re.findall(".{1,16}", rest[0]))
        print(kind, (stream if kind == "launch" else address)(where), *rest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
