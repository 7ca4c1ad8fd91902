# SPDX-License-Identifier: Apache-2.0
"""Which tests name a function: the programs of tests/cuda, and the unit tests. A program of the runtime names it by the runtime's name."""

import pathlib
import re

NAME = re.compile(r"\bcu(?:da)?([A-Z]\w*)")
VERSION = re.compile(r"(_v\d+)?(_pt[sd][sz])?$")


def base(name):
    return VERSION.sub("", name)


def files(top):
    top = pathlib.Path(top)
    programs = [path for kind in ("cu", "cc") for path in top.glob(f"tests/cuda/*.{kind}")]
    units = [path for part in ("remoting", "softgpu") for path in top.glob(f"{part}/**/*-test.cc")]
    return sorted(programs) + sorted(units)


def note(calls, top):
    """Fills each call's `tested` with the names of the files, programs first."""
    named = {}
    for path in files(top):
        for name in set(map(base, NAME.findall(path.read_text(encoding="utf-8")))):
            named.setdefault(name, []).append(path.stem)
    for call in calls:
        call.tested = named.get(base(call.name[2:]), [])
