#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the runtime takes from the toolkit's headers.

usage: generate.py (errors|unsupported|versions) INCLUDE_DIRECTORY OUTPUT

errors       the table of cudaError enumerators: code, name, text
unsupported  one weak function for every public entry point; what the sources define takes its place, and the
             rest answers cudaErrorNotSupported, with its name on stderr once
versions     for each name in calls.inc, the forms that the driver has had, each with the version it came with
"""
import os
import re
import sys

HEADERS = ("cuda_runtime_api.h", "cuda_gl_interop.h", "cuda_vdpau_interop.h", "cuda_egl_interop.h",
           "cuda_profiler_api.h")
# Called by no stub of nvcc 12 or 13, yet exported by the genuine library.
UNDOCUMENTED = ("__cudaGetProcAddress", "__cudaRegisterUnifiedTable")

# Texts that people know and search for; all others are read off the enumerator's name.
ESTABLISHED = {
    0: "no error",
    1: "invalid argument",
    2: "out of memory",
    3: "initialization error",
    9: "invalid configuration argument",
    35: "CUDA driver version is insufficient for CUDA runtime version",
    98: "invalid device function",
    100: "no CUDA-capable device is detected",
    101: "invalid device ordinal",
    209: "no kernel image is available for execution on the device",
    400: "invalid resource handle",
    700: "an illegal memory access was encountered",
    701: "too many resources requested for launch",
    710: "device-side assert triggered",
    716: "misaligned address",
    719: "unspecified launch failure",
    801: "operation not supported",
}


def read(directory, name):
    """A header without comments, '' if the toolkit lacks it."""
    try:
        with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
            text = file.read()
    except FileNotFoundError:
        return ""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"//.*", "", text)


def words(name):
    """cudaErrorNoKernelImageForDevice -> no kernel image for device"""
    name = name.removeprefix("cuda").removeprefix("Error")
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return " ".join(p if len(p) > 1 and p.isupper() else p.lower() for p in parts)


def errors(directory):
    enum = re.search(r"enum\s+(?:__device_builtin__\s+)?cudaError\s*\{(.*?)\}",
                     read(directory, "driver_types.h"), re.S)
    if not enum:
        sys.exit(f"generate.py: no enum cudaError in {directory}/driver_types.h")
    table = {}
    for name, code in re.findall(r"(cuda\w+)\s*=\s*(\d+)", enum.group(1)):
        # Two names of one number: the first is the one to print.
        table.setdefault(int(code), name)
    return "".join(f'{{{code}, "{name}", "{ESTABLISHED.get(code, words(name))}"}},\n'
                   for code, name in sorted(table.items()))


def unsupported(directory):
    names = set(UNDOCUMENTED)
    for header in HEADERS:
        text = read(directory, header)
        found = re.findall(r"CUDARTAPI\s+(cuda\w+)\s*\(", text)
        if header == HEADERS[0] and not found:
            sys.exit(f"generate.py: no functions in {directory}/{header}")
        names.update(name for name in found if not name.startswith("cudaWGL"))
        # What an older version of a call is still called by, and the per-thread default stream's forms.
        names.update(re.findall(r"#\s*define\s+cuda\w+\s+(cuda\w+_v\d+)\b", text))
        for form in ("PTSZ", "PTDS"):
            found = re.findall(r"__CUDART_API_%s\((cuda\w+)\)" % form, text)
            names.update(f"{name}_{form.lower()}" for name in found)
    out = ["/* SPDX-License-Identifier: Apache-2.0 */",
           "int vgpu_cudart_refuse(const char *name, char *said);",
           "#define REFUSE(name) \\",
           "    __attribute__((weak, visibility(\"default\"))) int name(void) \\",
           "    { static char said; return vgpu_cudart_refuse(#name, &said); }"]
    out += [f"REFUSE({name})" for name in sorted(names)]
    return "\n".join(out) + "\n"


def versions(directory):
    # What follows the mark is declared to nobody: forms that cuda.h has dropped.
    text = read(directory, "cudaTypedefs.h").split("#if defined(__CUDA_API_VERSION_INTERNAL)")[0]
    forms = {}
    for name, version in re.findall(r"\bPFN_(cu\w+)_v(\d+)\)", text):
        forms.setdefault(name, set()).add(int(version))
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "calls.inc"), encoding="utf-8") as file:
        calls = re.findall(r"^DRIVER_CALL\((\w+)\)", file.read(), re.M)
    lines = []
    for name in calls:
        plain = re.sub(r"_v\d$", "", name)
        # A name that cudaTypedefs.h does not know (the profiler's) has had one form.
        if plain in forms:
            known = "".join(f", Form<PFN_{plain}_v{v}>{{{v}}}" for v in sorted(forms[plain]))
            lines.append(f"CALL_FORMS({name}{known})\n")
    return "".join(lines)


MODES = {"errors": errors, "unsupported": unsupported, "versions": versions}


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in MODES:
        sys.exit(__doc__)
    text = MODES[sys.argv[1]](sys.argv[2])
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
