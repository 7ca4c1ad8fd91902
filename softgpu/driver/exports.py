#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what follows from cuda.h alone, into the build tree:

  refused.cc     an entry point for each function of the header that no source file implements
  per-thread.cc  the _ptsz and _ptds forms of those that are implemented, and their older versions of the same form
  proc-table.inc (name, version, kind, symbol) for cuGetProcAddress
  error-table.inc (code, name) of every CUresult

usage: exports.py OUTDIR cuda.h cudaTypedefs.h HEADER.i... -- refused.txt SOURCE...

refused.txt says why. A reason against what is implemented ends the build; a function without one does not, since a newer cuda.h has more.

A HEADER.i is cuda.h through the preprocessor; several, made with different macros, give all symbols.
"""
import collections
import fnmatch
import pathlib
import re
import sys

KINDS = {"": "plain", "_ptsz": "per_thread", "_ptds": "per_thread"}

UNKNOWN = "it is newer than this driver"


def prototypes(texts):
    """symbol -> its parameters' text, over all views of the header"""
    found = {}
    for text in texts:
        for symbol, parameters in re.findall(r"CUresult\s+(cu\w+)\s*\(([^;{]*?)\)\s*;", text):
            found.setdefault(symbol, " ".join(parameters.split()))
    return found


def implemented(texts):
    names = set()
    for text in texts:
        names.update(re.findall(r"SOFT_EXPORT\s+CUresult\s+CUDAAPI\s+(cu\w+)\(", text))
    return names


def renamed(header):
    """The header's renames: 'cuMemAlloc' -> 'cuMemAlloc_v2'. A source that writes the short name gets the long one."""
    pattern = r"#\s*define\s+(cu\w+)\s+(?:__CUDA_API_PT(?:DS|SZ)\()?(cu\w+)\)?\s*$"
    return {a: b for a, b in re.findall(pattern, header, re.M) if re.fullmatch(re.escape(a) + r"(_v\d+)?", b)}


def arguments(parameters):
    if parameters in ("", "void"):
        return ""
    return ", ".join(re.search(r"(\w+)\s*(?:\[\])?$", part.strip())[1] for part in parameters.split(","))


def types(parameters):
    """A parameter list without the names."""
    return [re.sub(r"\s*\w+\s*(\[\])?$", r"\1", part.strip()).replace(" ", "") for part in parameters.split(",")]


def older(symbols, done):
    """Older versions whose parameters did not change -> the newest of them that a source implements."""
    for symbol in sorted(set(symbols) - done):
        base, number = re.fullmatch(r"(cu\w*?)(?:_v(\d+))?", symbol).groups()
        newer = [s for s in done if re.fullmatch(re.escape(base) + r"_v\d+", s) and int(s.rsplit("_v", 1)[1]) > int(number or 1)]
        newer = [s for s in newer if s in symbols and types(symbols[s]) == types(symbols[symbol])]
        if newer and not re.search(r"_pt(sz|ds)$", symbol):
            yield symbol, max(newer)


def proc_table(typedefs, symbols):
    """PFN_cuMemAlloc_v3020 -> cuMemAlloc_v2: the n-th version of a name is the n-th of its symbols."""
    versions = collections.defaultdict(set)
    for name, version, suffix in re.findall(r"\*PFN_(cu\w+?)_v(\d+)(_ptsz|_ptds)?\)", typedefs):
        versions[name, suffix].add(int(version))
    for (name, suffix), numbers in sorted(versions.items()):
        own = [s for s in symbols if re.fullmatch(re.escape(name) + r"(_v\d+)?" + suffix, s)]
        own.sort(key=lambda s: int((re.search(r"_v(\d+)", s[len(name):]) or [0, 1])[1]))
        if len(own) != len(numbers):
            raise SystemExit(f"exports.py: {name}{suffix}: {len(numbers)} versions in cudaTypedefs.h, but {own} in cuda.h")
        for number, symbol in zip(sorted(numbers), own):
            yield name, number, KINDS[suffix], symbol


def reasons(text):
    """Lines of a pattern and a reason -> [(pattern, reason)]"""
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, reason = line.split(None, 1)
            yield pattern, reason.strip()


def explain(refused, done, rows):
    """symbol -> why it is refused"""
    rows = list(rows)
    for pattern, _ in rows:
        if stale := fnmatch.filter(sorted(done), pattern):
            raise SystemExit(f"exports.py: {stale[0]} is implemented, but refused.txt has a reason against it")
    why = {}
    for symbol in refused:
        base = re.sub(r"_pt[sd][sz]$", "", symbol)
        found = [reason for pattern, reason in rows if fnmatch.fnmatchcase(base, pattern)]
        if not found and not re.search(r"_v\d+$", base) and base + "_v2" in done:
            found = ["its addresses and sizes have 32 bits"]
        why[symbol] = (found + [UNKNOWN])[0]
    return why


def main():
    split = sys.argv.index("--")
    out, header, typedefs, *views = sys.argv[1:split]
    read = lambda path: pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    out, why, *sources = pathlib.Path(out), *sys.argv[split + 1:]
    plain = read(header)
    symbols = prototypes(map(read, views))
    names = renamed(plain)
    done = {name if path.endswith("old-names.cc") else names.get(name, name)
            for path in sources for name in implemented([read(path)])}
    top = "// SPDX-License-Identifier: Apache-2.0\n// Generated by softgpu/driver/exports.py; do not edit.\n"

    old = dict(older(symbols, done))
    done |= set(old)
    per_thread = {s: re.sub(r"_pt[sd][sz]$", "", s) for s in symbols if re.search(r"_pt(sz|ds)$", s)}
    per_thread = {s: base for s, base in sorted(per_thread.items()) if base in done}
    text = top + '#include "softgpu/driver/stream.h"\n\n// The header renames the older forms, which are meant here by their own names.\n'
    text += "".join(f"#undef {base}\n" for base in sorted((set(per_thread.values()) | set(old)) & names.keys()))
    text += '\n// Some of the newer ones are deprecated too.\n#pragma GCC diagnostic ignored "-Wdeprecated-declarations"\n'
    for symbol, newer in old.items():
        text += (f"\nSOFT_EXPORT CUresult CUDAAPI {newer}({symbols[newer]});\n"
                 f"SOFT_EXPORT CUresult CUDAAPI {symbol}({symbols[symbol]})\n{{\n"
                 f"    return {newer}({arguments(symbols[symbol])});\n}}\n")
    for symbol, base in per_thread.items():
        # The header hides the declarations of older versions; they may be repeated.
        text += (f"\nSOFT_EXPORT CUresult CUDAAPI {base}({symbols[symbol]});\n"
                 f"SOFT_EXPORT CUresult CUDAAPI {symbol}({symbols[symbol]})\n{{\n"
                 f"    vgpu::soft::driver::PerThreadDefault own;\n    return {base}({arguments(symbols[symbol])});\n}}\n")
    (out / "per-thread.cc").write_text(text)

    refused = sorted(set(symbols) - done - set(per_thread))
    text = top + '#include "softgpu/driver/refuse.h"\n\n'
    text += "// Without their parameters: a refusal reads none of them.\n"
    text += "".join(f'SOFT_REFUSE({symbol}, "{reason}")\n' for symbol, reason in explain(refused, done, reasons(read(why))).items())
    (out / "refused.cc").write_text(text)

    have = done | set(per_thread)
    rows = [row for row in proc_table(read(typedefs), symbols)]
    declared = sorted({symbol for *_, symbol in rows if symbol in have})
    text = top + "".join(f"SOFT_SYMBOL({symbol})\n" for symbol in declared)
    for name, number, kind, symbol in rows:
        macro = "SOFT_PROC" if symbol in have else "SOFT_NO_PROC"
        text += f"{macro}({name}, {number}, {kind}, {symbol})\n"
    (out / "proc-table.inc").write_text(text)

    errors = re.search(r"typedef enum cudaError_enum \{(.*?)\} CUresult;", plain, re.S)[1]
    text = top + "".join(f"SOFT_ERROR({name})\n" for name in re.findall(r"^\s*(CUDA_\w+)\s*=", errors, re.M))
    (out / "error-table.inc").write_text(text)


main()
