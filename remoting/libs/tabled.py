# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of a library that is `tabled`: for the wrapper, the worker and the recording library, each with its stubs."""

import re

import write

FORMS = {"int": "i32", "nat": "i32", "uint": "u32", "char": "i8", "schar": "i8", "uchar": "u8", "float": "real", "double": "real64"}


def field(library, call, p, functions):
    kind, form, nullable, type_, bytes_ = p.kind, "wide", p.nullable, 0, "nullptr"
    if kind == "enum":
        kind, form = "number", "i32"
    elif kind == "number":
        form = FORMS.get(p.type, "wide")
    elif kind == "handle":
        kind, type_ = "new_handle" if p.direction else "handle", library.objects[p.type]
    elif kind == "devices":
        kind = "device"
    elif kind == "pointer":
        kind = "out_pointer"
    elif kind in ("scaling", "value"):
        type_ = call.index(p.size)
    elif kind in ("scalar", "host", "addresses", "work"):
        kind = {"scalar": f"scalar_{p.direction}", "host": p.direction}.get(kind, kind)
        text = write.sized(library, p, lambda name: word_of(call, name))
        if p.kind == "work":
            text = text.replace("count(", "work_bytes(")
        bytes_ = functions.setdefault(text, f"bytes_{len(functions)}")
    # Of a call that sets the type, or keeps what it is given, that parameter is marked so: neither is negative.
    natural = p.kind == "number" and p.type.startswith("nat") or call.effects.get("sets") == "type" and "DataType" in p.type or \
        call.effects.get("keeps") == p.name
    return f"{{Field::{kind}, Field::{form}, {str(natural).lower()}, {str(nullable).lower()}, {type_}, {bytes_}}}"


def word_of(call, name):
    """A number among the words, for a size."""
    at = call.index(name)
    p = call.params[at]
    if p.kind not in ("number", "enum") or p.type in ("float", "double"):
        raise ValueError(f"{call.where}: '{name}' is no number that a size could be made of")
    unsigned = p.type in ("uint", "u64", "ullong", "size_t", "uchar")
    return f"w[{at}]" if unsigned else f"int64_t(w[{at}])"


def effects(call):
    names = ["asks"] if call.cls == "sync" else []
    if write.fetched(call):
        names.append("fetches")
    if "destroys" in call.effects:
        names.append("destroys")
    if "sets" in call.effects:
        names.append(f"sets_{call.effects['sets']}")
    names += [effect for effect in ("always", "keeps") if effect in call.effects]
    return " | ".join(f"Row::{n}" for n in names) or "0"


def rows(library):
    """`fields_N`, and `calls`: the rows by number. Parameters that several calls have are there once."""
    functions, lists, lines = {}, {}, []
    for c in write.carried(library):
        # Of one by types there is the name alone.
        fields = "" if c.typed else ", ".join(field(library, c, p, functions) for p in c.params)
        name = lists.setdefault(fields, f"fields_{len(lists)}") if fields else "{}"
        names = ",".join(p.name for p in c.params)
        lines.append(f'    {{{c.number}, "{c.name}", "{names}", {name}, {effects(c)}}},')
    out = ["using vgpu::api::lib::Field;", "using vgpu::api::lib::Row;", "using vgpu::api::lib::Word;",
           write.usings(library) + "using vgpu::api::lib::work_bytes;\n"]
    for text, name in functions.items():
        out.append(f"uint64_t {name}([[maybe_unused]] const Word *w) {{ return {text}; }}")
    out += [f"const Field {name}[] = {{{fields}}};" for fields, name in lists.items()]
    return out + ["const Row calls[] = {"] + lines + ["};\n"]


def stubs(library, entry, call, typed):
    out = []
    for at, c in enumerate(write.carried(library)):
        if c.typed:
            out += typed(c)
            continue
        words = ", ".join(f"word({p.name})" for p in c.params)
        given = f"    const Word words[] = {{{words}}};" if words else "    const Word words[] = {0};"
        if "plays" in c.effects and entry == "RECORD_ENTRY":
            out += write.entry_point(c, entry, library) + [given, f"    {call.format(at)};"]
            out += [f"    return play_{c.name}({', '.join(p.name for p in c.params)});", "}\n"]
            continue
        head = write.entry_point(c, entry, library) if entry != "RECORD_ENTRY" else [f"{entry} int {c.name}({write.our_params(c, library)})\n{{"]
        out += head + [given, f"    return {call.format(at)};", "}\n"]
    return out


def client(library, source):
    out = [write.TOP.format(source)] + write.includes(library) + \
        ['#include "remoting/libs/tabled.h"\n', "using namespace vgpu::libs;", "using namespace vgpu::api;", "using vgpu::api::lib::word;\n",
           "namespace\n{\n"] + rows(library) + ["} // namespace\n"]
    out += stubs(library, "LIBRARY_ENTRY", "make_call(calls[{}], words)",
                 lambda c: write.entry_point(c, "LIBRARY_ENTRY") + write.stub(library, c) + ["}\n"]) + write.refusals(library)
    out += [f"const Tabled vgpu::libs::the_calls = {{calls, {str(library.small).lower()}}};"]
    return "\n".join(out + write.wrapper_description(library, "row_name")) + "\n"


def server(library):
    out = (["using namespace vgpu::api;"] if any(c.typed for c in library.calls) else []) + rows(library)
    for at, c in enumerate(write.carried(library)):
        if c.typed:
            out += write.sizes(library, c)
    out += ["constexpr LibraryRow rows[] = {"]
    for at, c in enumerate(write.carried(library)):
        if c.typed:
            out.append(write.typed_row(library, c))
            continue
        types = ", ".join(p.type if p.kind == "number" and p.type in ("float", "double") else "Word" for p in c.params)
        older = f', "{c.effects["was"]}"' if "was" in c.effects else ""
        out.append(f'    {{{c.number}, "{c.name}", serve_tabled, {write.row_effects(c)}, &calls[{at}], invoke<{types}>{older}}},')
    return out + ["};\n"]


def record(library, source):
    own = [f'#include "remoting/libs/{library.name[3:].lower()}-record.h"'] if library.includes else []
    out = [write.TOP.format(source)] + own + ['#include "remoting/libs/tabled-record.h"\n', "using namespace vgpu::record;\n", "namespace\n{\n"]
    out += rows(library) + ["} // namespace\n"]
    return "\n".join(out + stubs(library, "RECORD_ENTRY", f"record_call(calls[{{}}], words, {str(library.small).lower()})",
                                  lambda c: write.recorded(library, c)) + write.not_recorded(library)) + "\n"
