# SPDX-License-Identifier: Apache-2.0
"""PyCUDA: the driver by hand, and its arrays. Its SourceModule, and with it GPUArray, has nvcc make machine code; the software GPU
runs PTX, so that is what nvcc is asked for here."""
import functools

import pycuda.compiler

pycuda.compiler.compile = functools.partial(pycuda.compiler.compile, target="ptx")

import numpy as np
import pycuda.autoinit
import pycuda.driver as cuda
import pycuda.gpuarray as gpuarray
from pycuda.compiler import SourceModule

SOURCE = """
__constant__ float factor;
__device__ int calls;
__global__ void scale(const float *x, float *y, int n)
{
    extern __shared__ float part[];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    part[threadIdx.x] = i < n ? x[i] : 0;
    __syncthreads();
    if (i < n)
        y[i] = factor * part[threadIdx.x];
    if (i == 0)
        atomicAdd(&calls, 1);
}
__global__ void count(int *total) { atomicAdd(total, 1); }
"""


def device():
    one = pycuda.autoinit.device
    assert cuda.Device.count() == 1
    assert one.compute_capability() == (8, 0)
    assert one.get_attribute(cuda.device_attribute.WARP_SIZE) == 32
    attributes = one.get_attributes()
    assert attributes[cuda.device_attribute.MAX_THREADS_PER_BLOCK] == one.max_threads_per_block == 1024
    assert one.name() and cuda.get_driver_version() >= 12000
    free, total = cuda.mem_get_info()
    assert 0 < free <= total <= one.total_memory()


def launches(module):
    """A kernel between asynchronous copies of pinned memory, in a stream, timed by events."""
    n = 1000
    scale = module.get_function("scale")
    assert scale.num_regs >= 0 and scale.max_threads_per_block >= 128
    address, size = module.get_global("factor")
    assert size == 4
    cuda.memcpy_htod(address, np.float32(2.5))
    stream, start, end = cuda.Stream(), cuda.Event(), cuda.Event()
    source = cuda.pagelocked_empty(n, np.float32)
    target = cuda.pagelocked_zeros(n, np.float32)
    source[:] = np.arange(n)
    x, y = cuda.mem_alloc(source.nbytes), cuda.mem_alloc(target.nbytes)
    start.record(stream)
    cuda.memcpy_htod_async(x, source, stream)
    scale(x, y, np.int32(n), block=(128, 1, 1), grid=(8, 1), shared=512, stream=stream)
    cuda.memcpy_dtoh_async(target, y, stream)
    end.record(stream)
    end.synchronize()
    assert stream.is_done() and end.time_since(start) >= 0
    assert (target == np.float32(2.5) * source).all()

    scale.prepare("PPi")
    scale.prepared_call((8, 1), (128, 1, 1), x, y, n, shared_size=512)
    calls = np.zeros(1, np.int32)
    cuda.memcpy_dtoh(calls, module.get_global("calls")[0])
    assert calls[0] == 2

    # Arrays handed over by the call itself.
    doubled = np.empty(n, np.float32)
    cuda.memcpy_htod(address, np.float32(2))
    scale(cuda.In(source), cuda.Out(doubled), np.int32(n), block=(128, 1, 1), grid=(8, 1), shared=512)
    assert (doubled == 2 * source).all()

    cuda.memset_d32(y, 7, n)
    cuda.memcpy_dtod(x, y, 4 * n)
    assert (cuda.from_device(x, (n,), np.int32) == 7).all()
    x.free()


def mapped(module):
    """Host memory that the device writes, and managed memory."""
    host = cuda.pagelocked_zeros(1, np.int32, mem_flags=cuda.host_alloc_flags.DEVICEMAP)
    module.get_function("count")(np.intp(host.base.get_device_pointer()), block=(32, 1, 1), grid=(2, 1))
    cuda.Context.synchronize()
    assert host[0] == 64
    managed = cuda.managed_zeros(1, np.int32, mem_flags=cuda.mem_attach_flags.GLOBAL)
    module.get_function("count")(managed, block=(32, 1, 1), grid=(3, 1))
    cuda.Context.synchronize()
    assert managed[0] == 96


def box():
    """A part of a matrix there and back, by pitched copies."""
    matrix = np.random.default_rng(2).random((20, 30), dtype=np.float32)
    memory, pitch = cuda.mem_alloc_pitch(30 * 4, 20, 4)
    copy = cuda.Memcpy2D()
    copy.set_src_host(matrix)
    copy.set_dst_device(memory)
    copy.src_pitch, copy.dst_pitch = matrix.strides[0], pitch
    copy.width_in_bytes, copy.height = 30 * 4, 20
    copy(aligned=True)
    part = np.zeros((10, 8), np.float32)
    copy = cuda.Memcpy2D()
    copy.set_src_device(memory)
    copy.set_dst_host(part)
    copy.src_pitch, copy.dst_pitch = pitch, part.strides[0]
    copy.src_x_in_bytes, copy.src_y = 5 * 4, 3
    copy.width_in_bytes, copy.height = 8 * 4, 10
    copy(aligned=True)
    assert (part == matrix[3:13, 5:13]).all()


def arrays():
    """What GPUArray compiles for itself: an elementwise kernel and a reduction."""
    values = np.random.default_rng(1).random(3000, dtype=np.float32)
    array = gpuarray.to_gpu(values)
    np.testing.assert_allclose((2 * array + 1).get(), 2 * values + 1, rtol=1e-6)
    np.testing.assert_allclose(gpuarray.sum(array).get(), values.sum(), rtol=1e-5)


def errors(module):
    try:
        module.get_function("absent")
    except cuda.LogicError as error:
        assert "not found" in str(error), error
    else:
        raise AssertionError("a kernel that is not there was found")
    try:
        cuda.mem_alloc(1 << 50)
    except cuda.MemoryError:
        pass
    else:
        raise AssertionError("a petabyte was allocated")


def main():
    device()
    module = SourceModule(SOURCE)
    launches(module)
    mapped(module)
    box()
    arrays()
    errors(module)
    print("ok")


main()
