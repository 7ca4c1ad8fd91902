#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Moves large copies for as long as it lives: to the device, or with --out from it. Prints "moving" when it begins."""
import ctypes
import sys

cuda = ctypes.CDLL("libcuda.so.1")
BYTES = 4 << 20


def call(name, *arguments):
    code = getattr(cuda, name)(*arguments)
    if code:
        print(f"{name}: error {code}", flush=True)
        sys.exit(1)


def main():
    context, address = ctypes.c_void_p(), ctypes.c_uint64()
    call("cuInit", 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
    call("cuCtxSetCurrent", context)
    call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(BYTES))
    host = ctypes.create_string_buffer(BYTES)
    print("moving", flush=True)
    while True:
        if "--out" in sys.argv:
            call("cuMemcpyDtoH_v2", host, address, ctypes.c_size_t(BYTES))
        else:
            call("cuMemcpyHtoD_v2", address, host, ctypes.c_size_t(BYTES))


if __name__ == "__main__":
    main()
