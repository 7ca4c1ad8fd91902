#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the calls of CUDA libraries in a record (VGPU_NULL_RECORD), so that two records can be compared. Addresses are numbered as
they come up. A result that the program has on the host is one that the worker put onto the device: the mode is turned over for that call
alone, which is left out here.

usage: sequence.py PREFIX SET_MODE FILE"""

import re
import sys


def main():
    prefix, set_mode, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip() for line in file if line.startswith(prefix)]
    known, at = {}, 0
    while at < len(lines):
        turned = lines[at:at + 3]
        line = lines[at]
        if len(turned) == 3 and turned[0].startswith(set_mode + " ") and turned[2].startswith(set_mode + " ") and \
                turned[0].endswith("=1") and turned[2].endswith("=0"):
            line = re.sub(r" (result|nnzC|nnzTotalDevHostPtr)=0x\w+", r" \1=host", turned[1])
            at += 2
        print(re.sub(r"=(0x[0-9a-f]+)", lambda m: "=" + ("0" if m[1] == "0x0" else known.setdefault(m[1], f"p{len(known)}")), line))
        at += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
