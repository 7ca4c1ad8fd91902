# SPDX-License-Identifier: Apache-2.0
"""Triton without PyTorch: its launcher, a C module that it compiles against libcuda.so.1, and a kernel. Triton makes machine
code of its PTX; the software GPU runs PTX, so that is what it is given here."""
import ctypes

import numpy as np
import triton
import triton.language as tl
from triton.backends.nvidia.compiler import CUDABackend

CUDABackend.make_cubin = lambda self, ptx, metadata, options, capability: ptx.encode() + b"\0"

cuda = ctypes.CDLL("libcuda.so.1")


def driver(name, *arguments):
    result = getattr(cuda, name)(*arguments)
    assert result == 0, f"{name}: {result}"


class Array:
    """What Triton asks of a tensor: where it is, and of what."""

    dtype = "float32"

    def __init__(self, host):
        self.host, self.address = host, ctypes.c_uint64()
        driver("cuMemAlloc_v2", ctypes.byref(self.address), ctypes.c_size_t(host.nbytes))
        driver("cuMemcpyHtoD_v2", self.address, host.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(host.nbytes))

    def data_ptr(self):
        return self.address.value

    def get(self):
        driver("cuMemcpyDtoH_v2", self.host.ctypes.data_as(ctypes.c_void_p), self.address, ctypes.c_size_t(self.host.nbytes))
        return self.host


@triton.jit
def scaled_sum(x, y, out, n, factor, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    tl.store(out + at, factor * tl.load(x + at, mask=inside) + tl.load(y + at, mask=inside), mask=inside)


@triton.jit
def row_sums(x, out, width, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    tl.store(out + row, tl.sum(tl.load(x + row * width + at, mask=at < width, other=0.0)))


def main():
    context = ctypes.c_void_p()
    driver("cuInit", 0)
    driver("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
    driver("cuCtxSetCurrent", context)
    n = 1000  # no multiple of a block
    dice = np.random.default_rng(3)
    x, y = (Array(dice.random(n, dtype=np.float32)) for _ in range(2))
    out = Array(np.full(n + 24, -1, dtype=np.float32))
    for factor in (0.5, 3.0):  # the second by what the first compiled
        scaled_sum[(triton.cdiv(n, 128),)](x, y, out, n, factor, BLOCK=128)
        got = out.get()
        np.testing.assert_allclose(got[:n], np.float32(factor) * x.host + y.host, rtol=1e-6)
        assert (got[n:] == -1).all()
    rows = Array(np.zeros(10, dtype=np.float32))
    row_sums[(10,)](x, rows, 100, BLOCK=128)
    np.testing.assert_allclose(rows.get(), x.host.reshape(10, 100).sum(axis=1), rtol=1e-5)
    print("ok")


main()
