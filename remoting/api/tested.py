# SPDX-License-Identifier: Apache-2.0
"""Which tests name a function: the programs of tests/cuda, and the unit tests of what is remoted. A program of the runtime names it by the
runtime's name. A comment tests nothing, nor do the walks through wrong arguments, which look at no value, or the software GPU's own tests."""

import pathlib
import re

NAME = re.compile(r"\bcu(?:da)?([A-Z]\w*)")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
VERSION = re.compile(r"(_v\d+)?(_pt[sd][sz])?$")


def base(name):
    return VERSION.sub("", name)


def files(top):
    top = pathlib.Path(top)
    programs = [path for kind in ("cu", "cc") for path in top.glob(f"tests/cuda/*.{kind}") if not path.name.startswith("wrong-")]
    units = top.glob("remoting/**/*-test.cc")
    return sorted(programs) + sorted(units)


def note(calls, top):
    """Fills each call's `tested` with the names of the files, programs first."""
    named = {}
    for path in files(top):
        for name in set(map(base, NAME.findall(COMMENT.sub("", path.read_text(encoding="utf-8"))))):
            named.setdefault(name, []).append(path.stem)
    for call in calls:
        call.tested = named.get(base(call.name[2:]), [])
