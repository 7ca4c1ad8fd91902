#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Moves large copies for as long as it lives, or three with --few: to the device, or with --out from it; of zeros, or with
--noise of bytes that nothing makes smaller. Prints "moving" when it begins."""
import ctypes
import os
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
    host = ctypes.create_string_buffer(os.urandom(BYTES) if "--noise" in sys.argv else bytes(BYTES), BYTES)
    print("moving", flush=True)
    left = 3 if "--few" in sys.argv else -1
    while left != 0:
        left -= 1
        if "--out" in sys.argv:
            call("cuMemcpyDtoH_v2", host, address, ctypes.c_size_t(BYTES))
        else:
            call("cuMemcpyHtoD_v2", address, host, ctypes.c_size_t(BYTES))


if __name__ == "__main__":
    main()
