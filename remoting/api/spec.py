# SPDX-License-Identifier: Apache-2.0
"""Reads `.api` files (the grammar is in HACKING.md) into a list of calls; refuses what is not right, with file and line."""

import re
from dataclasses import dataclass, field

CLASSES = ("sync", "async", "custom", "local", "refuse")
SHORT = {"u32": "uint32_t", "u64": "uint64_t", "uint": "unsigned int", "uchar": "unsigned char",
         "ushort": "unsigned short"}
PLAIN = {"int", "float", "double", "size_t", "void", "string"}
# C type of a handle -> its kind, as in kinds.h.
HANDLES = {"CUcontext": "context", "CUmodule": "module", "CUfunction": "function", "CUstream": "stream",
           "CUevent": "event", "CUlibrary": "library", "CUkernel": "kernel", "CUmemoryPool": "pool",
           "CUarray": "array", "CUmipmappedArray": "mipmap", "CUlinkState": "link", "CUgraph": "graph", "CUgraphExec": "graph_exec",
           "CUgraphNode": "graph_node", "CUuserObject": "user_object", "CUtexref": "texref", "CUsurfref": "surfref", "CUgreenCtx": "green",
           "CUdevResourceDesc": "resource_desc"}
KINDS = set(HANDLES.values()) | {"image", "host", "texture", "surface", "allocation"}
FLAGS = ("waits", "shadowed", "served")

LINE = re.compile(r'^(\d+)\s+(\w+)\s+(\w+)\s*(?:\(([^()]*)\))?\s*(.*)$')
PARAM = re.compile(r'^(?:(in|out|inout)\s+)?(\w+)(\?)?\s+(\w+)(?:\[(\w+)(\s+bytes)?\])?$')
EFFECT = re.compile(r'"([^"]*)"|(\w+)')


class SpecError(Exception):
    """A mistake in a description: `file:line: text`."""

    def __init__(self, where, text):
        super().__init__(f"{where}: {text}")


@dataclass
class Param:
    direction: str
    type: str
    nullable: bool
    name: str
    count: str = ""
    in_bytes: bool = False

    @property
    def kind(self):
        return HANDLES.get(self.type, "")

    @property
    def c_type(self):
        return SHORT.get(self.type, self.type)


@dataclass
class Call:
    where: str
    number: int
    cls: str
    name: str
    params: list = field(default_factory=list)
    creates: str = ""
    destroys: str = ""
    reason: str = ""
    forwards: str = ""
    flags: set = field(default_factory=set)
    tested: list = field(default_factory=list)  # files that name it (tested.py)

    @property
    def on_wire(self):
        return self.cls in ("sync", "async", "custom")

    @property
    def generated(self):
        """Whether its messages are encoded by generated code."""
        return self.cls in ("sync", "async")

    @property
    def session(self):
        """Whether it is one of the session's own calls, which the application never sees."""
        return self.name.startswith("vgpu")

    def index(self, name):
        return next((i for i, p in enumerate(self.params) if p.name == name), -1)

    def array_counted_by(self, name):
        """The place of the `in` array whose count this parameter is, or -1."""
        return next((i for i, p in enumerate(self.params) if p.count == name and p.direction == "in"), -1)


def parse_param(where, text):
    if re.search(r'[*&;{}<>=]|\bconst\b|\bstruct\b|\bunsigned\b', text):
        raise SpecError(where, f"'{text}' is C code: a parameter is [in|out|inout] TYPE[?] NAME[[COUNT]]; "
                               "what is a pointer in C has a direction here")
    match = PARAM.match(text)
    if not match:
        raise SpecError(where, f"'{text}' is no parameter: expected [in|out|inout] TYPE[?] NAME[[COUNT] | [COUNT bytes]]")
    direction, type_, nullable, name, count, in_bytes = match.groups()
    param = Param(direction or "", type_, bool(nullable), name, count or "", bool(in_bytes))
    if type_ not in SHORT and type_ not in PLAIN and not re.match(r'^(CU|cuuint)\w+$', type_):
        raise SpecError(where, f"unknown type '{type_}' of parameter '{name}'")
    if type_ == "void" and not (direction and param.in_bytes):
        raise SpecError(where, f"pointer '{name}' is unannotated: void needs a direction and [COUNT bytes]")
    if not direction and (count or (nullable and not param.kind and type_ != "string")):
        raise SpecError(where, f"pointer '{name}' is unannotated: say in, out or inout")
    if direction == "inout" and (count or type_ == "string"):
        raise SpecError(where, f"'{name}': inout is for one value, not for arrays and strings")
    if direction == "out" and type_ == "string" and not count:
        raise SpecError(where, f"'{name}': an out string needs the size of its buffer, [COUNT]")
    return param


def parse_effects(where, call, text):
    words = [m.group(2) if m.group(2) is not None else f'"{m.group(1)}' for m in EFFECT.finditer(text)]
    if EFFECT.sub("", text).strip():
        raise SpecError(where, f"'{text}' are no effects: expected creates KIND, destroys KIND, forwards NAME, {', '.join(FLAGS)} or a \"reason\"")
    while words:
        word = words.pop(0)
        if word.startswith('"'):
            call.reason = word[1:]
        elif word in ("creates", "destroys"):
            kind = words.pop(0) if words else ""
            if kind not in KINDS:
                raise SpecError(where, f"{word} needs a kind ({', '.join(sorted(KINDS))}), not '{kind}'")
            setattr(call, word, kind)
        elif word == "forwards":
            call.forwards = words.pop(0) if words else ""
            if not re.match(r'^cu[A-Z]\w*$', call.forwards) or call.cls != "local":
                raise SpecError(where, "forwards: a local call names the call that does its work")
        elif word in FLAGS:
            call.flags.add(word)
        else:
            raise SpecError(where, f"unknown effect '{word}'")


def check(call):
    """What a line must satisfy as a whole."""
    where, names = call.where, [p.name for p in call.params]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(where, f"parameter '{name}' is there twice")
    for p in call.params:
        if p.count:
            at = call.index(p.count)
            if at < 0:
                raise SpecError(where, f"unknown count '{p.count}' of '{p.name}': it is no parameter of {call.name}")
            if call.params[at].direction or call.params[at].kind or call.params[at].type == "string":
                raise SpecError(where, f"count '{p.count}' of '{p.name}' must be a number passed by value")
        if call.generated and p.kind and p.direction in ("out", "inout") and call.creates != p.kind:
            raise SpecError(where, f"out handle '{p.name}' needs 'creates {p.kind}'")
    if call.creates and call.generated and not any(p.kind == call.creates and p.direction == "out" for p in call.params):
        raise SpecError(where, f"creates {call.creates}, but no out parameter is a handle of that kind")
    if call.destroys and call.generated and not any(p.kind == call.destroys and not p.direction for p in call.params):
        raise SpecError(where, f"destroys {call.destroys}, but no parameter by value is a handle of that kind")
    if (call.cls == "refuse") != bool(call.reason):
        raise SpecError(where, 'a refused call needs a "reason" for the user, and only a refused call has one')
    if call.flags and not call.generated:
        raise SpecError(where, f"{', '.join(sorted(call.flags))}: only for sync and async calls")
    if "waits" in call.flags and call.cls != "sync":
        raise SpecError(where, "waits: only a sync call has somebody waiting for it")


def parse_line(where, line):
    match = LINE.match(line)
    if not match:
        raise SpecError(where, "expected NUMBER CLASS NAME (PARAMETERS) EFFECTS")
    number, cls, name, params, effects = match.groups()
    if cls not in CLASSES:
        raise SpecError(where, f"unknown class '{cls}': expected one of {', '.join(CLASSES)}")
    call = Call(where, int(number), cls, name)
    if params is None and call.generated:
        raise SpecError(where, f"a {cls} call needs its parameters in parentheses: {name} () if it has none")
    if params and params.strip():
        call.params = [parse_param(where, part.strip()) for part in params.split(",")]
    parse_effects(where, call, effects)
    check(call)
    return call


def parse(paths):
    """All calls of some files, in order. Numbers of a file are within its range and never used twice."""
    calls, numbers, names = [], {}, {}
    for path in paths:
        with open(path, encoding="utf-8") as text:
            for at, line in enumerate(text, 1):
                line = re.sub(r'(^|\s)#.*', '', line).strip()
                if not line:
                    continue
                call = parse_line(f"{path}:{at}", line)
                low, high = (1, 255) if call.session else (256, 65535)
                if not low <= call.number <= high:
                    raise SpecError(call.where, f"number {call.number} of {call.name} is not within {low}..{high}")
                if call.number in numbers:
                    raise SpecError(call.where, f"number {call.number} is taken by {numbers[call.number]}: numbers are never used again")
                if call.name in names:
                    raise SpecError(call.where, f"{call.name} is there already: {names[call.name]}")
                numbers[call.number] = call.name
                names[call.name] = call.where
                calls.append(call)
    for call in calls:
        if call.forwards and call.forwards not in names:
            raise SpecError(call.where, f"forwards {call.forwards}, which is in no line")
    return calls
