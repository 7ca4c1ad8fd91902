# SPDX-License-Identifier: Apache-2.0
"""Reads the functions of cuda.h from its preprocessed text (`cc -E -P -D__CUDA_API_VERSION_INTERNAL`: all versions of each, under
the real names of their symbols)."""

import re

PROTOTYPE = re.compile(r'\bCUresult\s+(?:__\w+\s+)*(cu[A-Z]\w*)\s*\(([^;{}]*)\)\s*;')
VERSION = re.compile(r'^#define\s+CUDA_VERSION\s+(\d+)', re.MULTILINE)
PER_THREAD = re.compile(r'_pt[ds][sz]$')


class Header:
    """The parameter list, as text, of each function."""

    def __init__(self, preprocessed, version):
        self.version = version
        self.functions = {}
        for name, params in PROTOTYPE.findall(preprocessed):
            self.functions.setdefault(name, " ".join(params.split()))

    def __contains__(self, name):
        return name in self.functions

    def variants(self, name):
        """The per-thread-default-stream symbols of a function."""
        return [v for v in (name + "_ptsz", name + "_ptds") if v in self.functions]

    def missing(self, calls):
        """Functions that are in no line; per-thread variants go with their base."""
        described = {c.name for c in calls}
        return sorted({PER_THREAD.sub("", name) for name in self.functions} - described)


def load(preprocessed_path, header_path):
    with open(header_path, encoding="utf-8", errors="replace") as text:
        match = VERSION.search(text.read())
    with open(preprocessed_path, encoding="utf-8", errors="replace") as text:
        return Header(text.read(), int(match.group(1)) if match else 0)
