# SPDX-License-Identifier: Apache-2.0
"""Which tests name a function: the programs of tests/cuda, and the unit tests of what is remoted. A program of the runtime names it by the
runtime's name. Functions of CUDA's libraries are called by bats files and clients too. A comment or a declaration tests nothing, nor do the
walks through wrong arguments, which look at no value, or the software GPU's own tests."""

import pathlib
import re

NAME = re.compile(r"\bcu(?:da)?([A-Z]\w*)")
OF_LIBRARY = re.compile(r"\bcu[a-z]+[A-Z]\w*")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
# Of bats files and Python, whose text has // in addresses; what a bats file writes into a program whose name says that it is wrong.
SCRIPT_COMMENT = re.compile(r"^\s*#[^\n]*|\s#\s[^\n]*|^ *cat >wrong[^\n]*\n.*?^END$", re.M | re.S)
DECLARATIONS = re.compile(r'^extern "C" \{.*?^\}', re.M | re.S)
VERSION = re.compile(r"(_v\d+)?(_pt[sd][sz])?$")


def base(name):
    return VERSION.sub("", name)


def files(top):
    top = pathlib.Path(top)
    programs = [path for kind in ("cu", "cc") for path in top.glob(f"tests/cuda/*.{kind}") if not path.name.startswith("wrong-")]
    units = top.glob("remoting/**/*-test.cc")
    return sorted(programs) + sorted(units)


def scripts(top):
    top = pathlib.Path(top)
    return sorted(path for place in ("tests/*.bats", "tests/clients/*.py", "remoting/libs/*.bats") for path in top.glob(place))


def name_files(paths, pattern, comment, key):
    """The files' names by what they name: programs without what is behind the dot."""
    named = {}
    for path in paths:
        text = DECLARATIONS.sub("", comment.sub("", path.read_text(encoding="utf-8")))
        for name in set(map(key, pattern.findall(text))):
            named.setdefault(name, []).append(path.name if comment is SCRIPT_COMMENT else path.stem)
    return named


def note(calls, top):
    """Fills each call's `tested` with the names of the files, programs first."""
    named = name_files(files(top), NAME, COMMENT, base)
    for call in calls:
        call.tested = named.get(base(call.name[2:]), [])


def note_library(calls, top):
    """The same for a CUDA library, where `record` is the program that makes every remote call, straight and remoted."""
    walks = sorted(pathlib.Path(top).glob("remoting/libs/*-calls.inc"))
    programs = name_files(files(top) + walks, OF_LIBRARY, COMMENT, str)
    others = name_files(scripts(top), OF_LIBRARY, SCRIPT_COMMENT, str)
    for call in calls:
        call.tested = ["record"] * call.on_wire + programs.get(call.name, []) + others.get(call.name, [])
