#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program of the driver API: sends text to the device and back, and checks it; with --export it prints the handle by which
other processes can open that memory, as digits; with --hold it then waits to be ended, with --steps SIZE it begins anew, with so many bytes, for each line that it is given, and then says "step"."""
import ctypes
import signal
import sys

cuda = ctypes.CDLL("libcuda.so.1")


def call(name, *arguments):
    code = getattr(cuda, name)(*arguments)
    if code:
        print(f"{name}: error {code}", flush=True)
        sys.exit(1)


def main():
    text = b"nobody else shall read this. " * 8000
    steps = "--steps" in sys.argv
    if steps:
        text = text[:int(sys.argv[-1])]
    context, address = ctypes.c_void_p(), ctypes.c_uint64()
    call("cuInit", 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
    call("cuCtxSetCurrent", context)
    call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(len(text)))
    back = ctypes.create_string_buffer(len(text))
    if steps:
        print("holding", flush=True)
    for line in sys.stdin if steps else range(3):
        call("cuMemcpyHtoD_v2", address, text, ctypes.c_size_t(len(text)))
        call("cuMemcpyDtoH_v2", back, address, ctypes.c_size_t(len(text)))
        if back.raw != text:
            print("other bytes came back", flush=True)
            sys.exit(1)
        if steps:
            print("step", line.strip(), flush=True)
    if "--export" in sys.argv:
        handle = ctypes.create_string_buffer(64)
        call("cuIpcGetMemHandle", handle, address)
        print("exported", handle.raw.hex(), flush=True)
    print("holding" if "--hold" in sys.argv else "ok", flush=True)
    if "--hold" in sys.argv:
        signal.pause()


if __name__ == "__main__":
    main()
