#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what follows from nvml.api.

    generate.py calls|exports|readings nvml.api
    generate.py check nvml.api nvml.h      static asserts that the header's functions are called as ours are
    generate.py missing nvml.api nvml.h    names of the header that no line has
"""
import re
import sys

SHAPES = {
    "reading": "(Handle device, unsigned *value)",
    "kinds": "(Handle device, unsigned kind, unsigned *value)",
    "pair": "(Handle device, unsigned *first, unsigned *second)",
    "wide": "(Handle device, unsigned long long *value)",
    "zero": "(Handle device, unsigned *value)",
    "none": "(unsigned *count)",
}
BODIES = {
    "reading": 'read("{name}", device, value)',
    "kinds": 'read_kind("{name}", {kinds}, device, kind, value)',
    "pair": 'read_pair("{name}", device, first, second)',
    "wide": 'read_wide("{name}", device, value)',
    "zero": "answer_zero(device, value)",
    "none": "answer_none(count)",
}


class Line:
    def __init__(self, where, text):
        match = re.fullmatch(r"(\w+)\s+(nvml[A-Z]\w*)\s*(.*)", text)
        if not match:
            sys.exit(f"{where}: not a line of the form VERB NAME ...")
        self.verb, self.name, rest = match.groups()
        self.always = rest.endswith(" always")
        self.other = rest if self.verb == "same" else None
        self.kinds = rest if self.verb == "reading" and rest else None
        if self.kinds:
            self.verb = "kinds"
        self.parameters = SHAPES.get(self.verb, re.sub(r" always$", "", rest))
        known = self.verb in SHAPES or self.verb in ("serve", "same", "own", "refuse")
        if not known or (self.verb == "serve" and not re.fullmatch(r"\(.*\)", self.parameters)):
            sys.exit(f"{where}: {text}")

    def arguments(self):
        inside = self.parameters[1:-1]
        return ", ".join(re.search(r"(\w+)$", one)[1] for one in inside.split(",")) if inside else ""

    def body(self):
        if self.verb == "serve":
            return f"vgpu::nvml::{self.name}({self.arguments()})"
        return "vgpu::nvml::" + BODIES[self.verb].format(name=self.name, kinds=self.kinds)


def read(path):
    lines = {}
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            text = text.split("#")[0].strip()
            if not text:
                continue
            line = Line(f"{path}:{number}", text)
            if line.name in lines:
                sys.exit(f"{path}:{number}: {line.name} has a line already")
            lines[line.name] = line
    return lines


def resolved(lines, line):
    """The line whose function this one is."""
    if line.verb != "same":
        return line
    if line.other not in lines or lines[line.other].verb == "same":
        sys.exit(f"{line.name}: {line.other} is no function of its own")
    return lines[line.other]


def calls(lines):
    for line in lines.values():
        if line.verb == "serve":
            print(f"Result {line.name}{line.parameters};")


def exports(lines):
    for line in lines.values():
        meant = resolved(lines, line)
        if line.verb == "own":
            continue
        if line.verb == "refuse":
            print(f'NVML_REFUSED({line.name})')
        else:
            macro = "NVML_ALWAYS" if meant.always else "NVML_EXPORT"
            print(f"{macro}({line.name}, {meant.parameters}, {meant.body()})")


def readings(lines):
    shapes = {"reading": "one", "kinds": "kinds", "pair": "pair", "wide": "wide"}
    for line in lines.values():
        if line.verb in shapes:
            print(f'{{"{line.name}", Shape::{shapes[line.verb]}, {line.kinds or 1}}},')


def declared(header):
    if not header:
        return set()
    with open(header, encoding="utf-8", errors="replace") as file:
        text = file.read()
    return set(re.findall(r"\bDECLDIR\s+\*?\s*(nvml[A-Z]\w*)\s*\(", text))


def check(lines, header=None):
    names = declared(header)
    for line in lines.values():
        meant = resolved(lines, line)
        if line.name in names and meant.parameters.startswith("("):
            print(f"NVML_SAME({line.name}, {meant.parameters})")


def missing(lines, header):
    print("\n".join(sorted(declared(header) - set(lines))), end="")


def main():
    what, path, *header = sys.argv[1:]
    {"calls": calls, "exports": exports, "readings": readings, "check": check, "missing": missing}[what](read(path), *header)


main()
