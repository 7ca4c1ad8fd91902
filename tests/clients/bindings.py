# SPDX-License-Identifier: Apache-2.0
"""cuda-python's driver bindings: NVRTC makes PTX here, the device runs it there."""
import ctypes

import numpy as np
from cuda.bindings import driver, nvrtc

SOURCE = rb"""
extern "C" __global__ void axpy(float a, const float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] += a * x[i];
}
__device__ int counter;
extern "C" __global__ void count(int n) { if (threadIdx.x < n) atomicAdd(&counter, 1); }
"""


def ok(answer):
    assert int(answer[0]) == 0, answer
    return answer[1] if len(answer) == 2 else answer[1:]


def compiled(source):
    program = ok(nvrtc.nvrtcCreateProgram(source, b"source.cu", 0, [], []))
    ok(nvrtc.nvrtcCompileProgram(program, 1, [b"--gpu-architecture=compute_80"]))
    ptx = b" " * ok(nvrtc.nvrtcGetPTXSize(program))
    ok(nvrtc.nvrtcGetPTX(program, ptx))
    ok(nvrtc.nvrtcDestroyProgram(program))
    return ptx


def main():
    ok(driver.cuInit(0))
    device = ok(driver.cuDeviceGet(0))
    ok(driver.cuCtxSetCurrent(ok(driver.cuDevicePrimaryCtxRetain(device))))
    module = ok(driver.cuModuleLoadData(compiled(SOURCE)))
    stream, start, end = ok(driver.cuStreamCreate(0)), ok(driver.cuEventCreate(0)), ok(driver.cuEventCreate(0))

    n = 1000
    x, y = np.arange(n, dtype=np.float32), np.ones(n, np.float32)
    device_x, device_y = ok(driver.cuMemAlloc(x.nbytes)), ok(driver.cuMemAllocAsync(y.nbytes, stream))
    ok(driver.cuMemcpyHtoDAsync(device_x, x.ctypes.data, x.nbytes, stream))
    ok(driver.cuMemcpyHtoDAsync(device_y, y.ctypes.data, y.nbytes, stream))
    ok(driver.cuEventRecord(start, stream))
    ok(driver.cuLaunchKernel(ok(driver.cuModuleGetFunction(module, b"axpy")), 8, 1, 1, 128, 1, 1, 0, stream,
                             ((2.0, device_x, device_y, n), (ctypes.c_float, None, None, ctypes.c_int)), 0))
    ok(driver.cuEventRecord(end, stream))
    ok(driver.cuMemcpyDtoHAsync(y.ctypes.data, device_y, y.nbytes, stream))
    ok(driver.cuStreamSynchronize(stream))
    assert (y == 1 + 2 * x).all()
    assert ok(driver.cuEventElapsedTime(start, end)) >= 0

    address, size = ok(driver.cuModuleGetGlobal(module, b"counter"))
    assert size == 4
    ok(driver.cuLaunchKernel(ok(driver.cuModuleGetFunction(module, b"count")), 3, 1, 1, 32, 1, 1, 0, stream, ((5,), (ctypes.c_int,)), 0))
    ok(driver.cuStreamSynchronize(stream))
    counter = np.zeros(1, np.int32)
    ok(driver.cuMemcpyDtoH(counter.ctypes.data, address, 4))
    assert counter[0] == 15

    assert driver.cuModuleGetFunction(module, b"absent")[0] == driver.CUresult.CUDA_ERROR_NOT_FOUND
    ok(driver.cuMemFreeAsync(device_y, stream))
    ok(driver.cuMemFree(device_x))
    ok(driver.cuModuleUnload(module))
    ok(driver.cuDevicePrimaryCtxRelease(device))
    print("ok")


main()
