# SPDX-License-Identifier: Apache-2.0
"""Numba's CUDA target. It links by nvJitLink, which gives machine code, or by the driver, which can link PTX: the software GPU needs
the latter, so nvJitLink is not to be found here."""
import warnings

import cuda.pathfinder as pathfinder


def without_nvjitlink(find):
    def found(name, *arguments, **options):
        if name == "nvJitLink":
            raise pathfinder.DynamicLibNotFoundError("left out by the test")
        return find(name, *arguments, **options)

    return found


pathfinder.load_nvidia_dynamic_lib = without_nvjitlink(pathfinder.load_nvidia_dynamic_lib)
warnings.simplefilter("ignore")

import math

import numpy as np
from numba import cuda, float32


@cuda.jit
def add(x, y, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = x[i] + y[i]


@cuda.jit
def total(x, out):
    part = cuda.shared.array(128, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    part[t] = x[i] if i < x.size else 0
    cuda.syncthreads()
    step = 64
    while step:
        if t < step:
            part[t] += part[t + step]
        cuda.syncthreads()
        step //= 2
    if t == 0:
        cuda.atomic.add(out, 0, part[0])


@cuda.jit
def multiply(a, b, out):
    row, column = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        value = 0.0
        for k in range(a.shape[1]):
            value += a[row, k] * b[k, column]
        out[row, column] = value


@cuda.jit
def roots(x):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        x[i] = math.sqrt(x[i]) + math.sin(x[i])


def main():
    n = 10000
    x = np.arange(n, dtype=np.float32)
    out = np.zeros(n, np.float32)
    add[(n + 127) // 128, 128](x, 2 * x, out)
    assert (out == 3 * x).all()

    whole = np.zeros(1, np.float32)
    total[(n + 127) // 128, 128](np.ones(n, np.float32), whole)
    assert whole[0] == n

    random = np.random.default_rng(1)
    a, b = random.random((33, 20)), random.random((20, 17))
    product = cuda.device_array((33, 17))
    multiply[(5, 3), (8, 8)](cuda.to_device(a), cuda.to_device(b), product)
    np.testing.assert_allclose(product.copy_to_host(), a @ b)

    streams = [cuda.stream() for _ in range(3)]
    values = [random.random(5000) for _ in streams]
    pinned = [cuda.pinned_array(5000) for _ in streams]
    for stream, value, host in zip(streams, values, pinned):
        host[:] = value
        device = cuda.to_device(host, stream=stream)
        roots[4, 64, stream](device)
        device.copy_to_host(host, stream=stream)
    for stream, value, host in zip(streams, values, pinned):
        stream.synchronize()
        np.testing.assert_allclose(host, np.sqrt(value) + np.sin(value))

    free, size = cuda.current_context().get_memory_info()
    assert 0 < free <= size
    print("ok")


main()
