# SPDX-License-Identifier: Apache-2.0
"""Reads the `.api` file of a CUDA library (the grammar is in HACKING.md); refuses what is not right, with file and line."""

import re
from dataclasses import dataclass, field

# Numbers by value: C type in the header, and in our own code.
NUMBERS = {"int": "int", "nat": "int", "i64": "int64_t", "nat64": "int64_t", "llong": "long long", "size_t": "size_t", "float": "float",
           "double": "double", "uint": "unsigned int", "u64": "uint64_t", "ullong": "unsigned long long", "char": "char", "schar": "signed char", "uchar": "unsigned char"}
# Bytes of what pointers point to.
ELEMENTS = {"int": 4, "i64": 8, "llong": 8, "size_t": 8, "float": 4, "double": 8, "uint": 4, "u64": 8, "ullong": 8, "char": 1, "uchar": 1,
            "cuComplex": 8, "cuDoubleComplex": 16, "cufftReal": 4, "cufftDoubleReal": 8, "cufftComplex": 8, "cufftDoubleComplex": 16, "__half": 2, "__nv_bfloat16": 2, "void": 1}
CLASSES = ("sync", "async", "local", "refuse")
EFFECTS = ("wide", "creates", "destroys", "sets", "waits", "wrapped", "always", "gives", "works", "light", "plays", "keeps", "was")

LINE = re.compile(r'^(\d+|-)\s+(\w+)\s+(\w+)\s*(.*)$')
NAME = re.compile(r'^(.*?)\s+(\w+)(?:\[(.*)\])?$')


class ApiError(Exception):
    """A mistake in a description: `file:line: text`."""

    def __init__(self, where, text):
        super().__init__(f"{where}: {text}")


@dataclass
class Param:
    kind: str  # number enum handle stream device devices scalar host addresses pointer string plain factor work scaling value attribute
    type: str
    name: str
    direction: str = ""
    const: bool = False
    nullable: bool = False
    size: str = ""  # elements, or bytes for void
    var: bool = False  # not const in the header, though nothing is written there


@dataclass
class Call:
    where: str
    number: int
    cls: str
    name: str
    params: list = field(default_factory=list)
    effects: dict = field(default_factory=dict)
    reason: str = ""
    tested: list = field(default_factory=list)  # files that name it (remoting/api/tested.py)

    @property
    def on_wire(self):
        return self.cls in ("sync", "async")

    @property
    def typed(self):
        """In a tabled library: what its parameters are, types say and no table."""
        return any(p.kind in ("plain", "factor", "attribute") for p in self.params)

    def index(self, name):
        return next((i for i, p in enumerate(self.params) if p.name == name), -1)


@dataclass
class Library:
    name: str = ""
    number: int = 0
    majors: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    prefix: str = ""
    status: str = ""
    statuses: dict = field(default_factory=dict)
    results: list = field(default_factory=list)
    set_mode: str = ""
    tabled: bool = False
    small: bool = False  # objects are ints to programs
    enums: set = field(default_factory=set)
    objects: dict = field(default_factory=dict)
    aliases: dict = field(default_factory=dict)  # the object that may stand for one
    plains: dict = field(default_factory=dict)
    elements: dict = field(default_factory=dict)
    includes: list = field(default_factory=list)
    functions: list = field(default_factory=lambda: ["element_bytes", "scale_bytes"])  # that sizes may call
    calls: list = field(default_factory=list)
    absent: set = field(default_factory=set)

    def size_of(self, type_):
        return 4 if type_ in self.enums else self.elements.get(type_) or ELEMENTS[type_]


def split(text):
    """At the commas that are in no parentheses or brackets."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += c
    return parts + [part.strip()] if part.strip() else parts


def parse_param(library, where, text):
    match = NAME.match(text)
    if not match:
        raise ApiError(where, f"'{text}' is no parameter")
    words, name, size = match[1].split(), match[2], match[3] or ""
    const, var = "const" in words, "var" in words
    words = [w for w in words if w not in ("const", "var")]
    first = words[0]

    def element(type_):
        if type_ not in ELEMENTS and type_ not in library.enums and type_ not in library.elements:
            raise ApiError(where, f"unknown type '{type_}' of parameter '{name}'")
        return type_

    if text.startswith("stream "):
        return Param("stream", "cudaStream_t", name)
    if first in ("device", "devices") and len(words) == 2:
        return Param(first, element(words[1]), name, const=const, var=var)
    if first == "scalar" and len(words) == 3 and words[1] in ("in", "out", "inout"):
        if words[2] == "void" and not size:
            raise ApiError(where, f"scalar '{name}' is void: say how many bytes, [BYTES]")
        return Param("scalar", element(words[2]), name, words[1], size=size, var=var)
    if first == "out" and len(words) == 3 and words[1] == "pointer":
        return Param("pointer", element(words[2]), name, "out", const=const)
    if first == "out" and len(words) == 2 and words[1] in library.objects:
        return Param("handle", words[1], name, "out")
    if first in ("in", "out", "inout", "in?", "out?") and len(words) == 2:
        if words[1] == "void" and not size:
            raise ApiError(where, f"'{name}' is void: say how many bytes, [BYTES]")
        return Param("host", element(words[1]), name, first.rstrip("?"), nullable=first.endswith("?"), size=size, var=var)
    if first in ("in", "in?") and len(words) == 3 and words[1] == "pointer" and library.tabled:
        if not size:
            raise ApiError(where, f"say how many addresses '{name}' has, [COUNT]")
        return Param("addresses", element(words[2]), name, "in", nullable=first.endswith("?"), size=size, var=var)
    if first == "plain" and len(words) == 2 and words[1] in library.plains:
        return Param("plain", words[1], name)
    if words in (["factor"], ["scaling"], ["value"]) and size:
        return Param(words[0], "void", name, "in", size=size)
    if first == "attribute" and len(words) == 2 and words[1] in ("in", "out") and size:
        return Param("attribute", "void", name, words[1], size=size)
    if first == "work" and len(words) == 2 and library.tabled:
        if not size:
            raise ApiError(where, f"say how many bytes '{name}' has, [BYTES]")
        return Param("work", element(words[1]), name, size=size)
    if len(words) == 1 and not size:
        bare = first.rstrip("?")
        if bare in library.objects:
            return Param("handle", bare, name, nullable=first.endswith("?"))
        if first in NUMBERS:
            return Param("number", first, name)
        if first in library.enums:
            return Param("enum", first, name)
        if first == "string":
            return Param("string", first, name)
    raise ApiError(where, f"'{text}' is no parameter: unknown type, or a pointer without a word that says what it points to")


def parse_effects(library, call, words):
    while words:
        word = words.pop(0)
        if word not in EFFECTS:
            raise ApiError(call.where, f"unknown effect '{word}': expected one of {', '.join(EFFECTS)}, or a \"reason\"")
        value = ""
        if word in ("creates", "destroys", "sets", "gives", "keeps", "was"):
            value = words.pop(0) if words else ""
            if word == "gives" and not (value in library.enums and library.tabled and call.cls == "sync"):
                raise ApiError(call.where, f"gives needs an enum that a tabled call is waited for, not '{value}'")
            if word in ("keeps", "was") and not library.tabled:
                raise ApiError(call.where, f"{word} is for tabled libraries")
            if word == "keeps" and not any(p.kind == "enum" and p.name == value for p in call.params):
                raise ApiError(call.where, f"keeps needs a parameter of an enum, which says in whose place, not '{value}'")
            if word == "was" and not re.fullmatch(r"[A-Za-z_]\w*", value):
                raise ApiError(call.where, f"was needs the function's name in older majors, not '{value}'")
            if word in ("creates", "destroys") and value not in library.objects:
                raise ApiError(call.where, f"{word} needs a type of object, not '{value}'")
            if word == "sets" and value not in ("mode", "stream", "type"):
                raise ApiError(call.where, "sets: mode, stream or type")
        call.effects[word] = value


def parse_call(library, where, line):
    match = LINE.match(line)
    if not match:
        raise ApiError(where, "expected NUMBER CLASS NAME (PARAMETERS) EFFECTS")
    number, cls, name, rest = match.groups()
    if cls not in CLASSES:
        raise ApiError(where, f"unknown class '{cls}': expected one of {', '.join(CLASSES)}")
    call = Call(where, 0 if number == "-" else int(number), cls, name)
    if call.on_wire == (number == "-"):
        raise ApiError(where, "a number is for what is on the wire, and only for that")
    if call.on_wire:
        if not rest.startswith("("):
            raise ApiError(where, f"a {cls} call needs its parameters in parentheses")
        depth = 0
        for end, c in enumerate(rest):
            depth += (c == "(") - (c == ")")
            if depth == 0:
                break
        call.params = [parse_param(library, where, part) for part in split(rest[1:end])]
        rest = rest[end + 1:]
    if reason := re.search(r'"([^"]*)"', rest):
        call.reason = reason[1]
        rest = rest.replace(reason[0], "")
    if (cls == "refuse") != bool(call.reason):
        raise ApiError(where, 'a refused call needs a "reason" for the user, and only a refused call has one')
    parse_effects(library, call, rest.split())
    if library.tabled:
        check_tabled(call)
    for p in call.params:
        for word in re.findall(r"[A-Za-z_]\w*", p.size):
            if word not in library.functions and call.index(word) < 0:
                raise ApiError(where, f"'{word}' in the size of '{p.name}' is no parameter of {name}")
    return call


def check_tabled(call):
    """What the functions that serve all rows count on."""
    first = call.params[0] if call.params else None
    scalars = [p for p in call.params if p.kind == "scalar"]
    if scalars and not (first.kind == "handle" and not first.direction):
        raise ApiError(call.where, "scalars need an object in front, whose pointer mode says where they lie")
    if call.cls == "async":
        results = [p for p in call.params if p.kind == "pointer" or p.direction in ("out", "inout") and p.kind != "handle"]
        if len(results) > 1 or any(p.kind != "scalar" or p.direction != "out" for p in results):
            raise ApiError(call.where, f"{call.name} is not waited for, and has results on the host")
        if results and len(scalars) > 1: # the worker turns the mode over for the call: of all its scalars
            raise ApiError(call.where, f"{call.name} has a scalar beside its result: it has to be waited for")
    if len(call.params) > 40:
        raise ApiError(call.where, f"{call.name} has more than 40 parameters")


def widened(call):
    """The variant with 64-bit integers, under the next number."""
    wide = {"int": "i64", "nat": "nat64"}
    params = [Param(p.kind, wide.get(p.type, p.type), p.name, p.direction, p.const, p.nullable, p.size) for p in call.params]
    effects = {k: v for k, v in call.effects.items() if k != "wide"}
    return Call(call.where, call.number + 1 if call.number else 0, call.cls, call.name + "_64", params, effects, call.reason)


def directive(library, where, words):
    """What stands above the calls. True if it was one."""
    word, *rest = words
    if word == "library":
        library.name, library.number = rest[0], int(rest[1])
    elif word == "majors":
        library.majors = [int(one) for one in rest]
    elif word == "header":
        library.headers = rest
    elif word == "returns":
        library.status = rest[0]
    elif word == "status":
        library.statuses[rest[0]] = int(rest[1])
    elif word == "result":
        library.results.append((int(rest[0]), rest[1]))
    elif word == "mode":
        library.set_mode = rest[0]
    elif word == "enum":
        library.enums.update(rest)
    elif word == "tabled":
        library.tabled = True
    elif word == "object": # TYPE NUMBER, and perhaps the number of a type that may stand for it
        library.objects[rest[0]] = int(rest[1])
        if rest[2:] == ["int"]: # programs hold the library's objects as ints
            library.small = True
        elif len(rest) > 2:
            library.aliases[rest[0]] = int(rest[2])
    elif word == "plain": # a descriptor that travels whole, and its kind in the included header
        library.plains[rest[0]] = rest[1]
    elif word == "bytes": # a structure without pointers
        library.elements[rest[0]] = int(rest[1])
    elif word == "function": # of the included header
        library.functions += rest
    elif word == "include":
        library.includes = rest
    elif word == "absent": # in the header, but no library exports it
        library.absent.update(rest)
    elif word == "refused": # NAME... "reason" for many
        reason = " ".join(rest).split('"')[1]
        for name in " ".join(rest).split('"')[0].split():
            library.calls.append(Call(where, 0, "refuse", name, reason=reason))
    else:
        return False
    return True


def load(path):
    library, numbers, names = Library(), {}, set()
    with open(path, encoding="utf-8") as text:
        for at, line in enumerate(text, 1):
            line, where = re.sub(r'(^|\s)#.*', '', line).strip(), f"{path}:{at}"
            if not line:
                continue
            before = len(library.calls)
            if not directive(library, where, line.split()):
                call = parse_call(library, where, line)
                library.calls.append(call)
                if "wide" in call.effects:
                    library.calls.append(widened(call))
            for call in library.calls[before:]:
                if call.number in numbers and call.number:
                    raise ApiError(where, f"number {call.number} is taken by {numbers[call.number]}: numbers are never used again")
                if call.name in names:
                    raise ApiError(where, f"{call.name} is there already")
                numbers[call.number] = call.name
                names.add(call.name)
    return library
