// SPDX-License-Identifier: Apache-2.0
// What any cuBLAS of ours answers by itself, and copies, which are the driver's.
#include "remoting/libs/cublas-common.h"
#include "remoting/libs/cublas-status.h"

#include <cuda.h>

#include <cstdint>
#include <cstdio>

#define LIBRARY_ENTRY extern "C" __attribute__((visibility("default")))

using vgpu::cublas::driver_function;

namespace
{

enum Status { kNotInitialized = 1, kInvalid = 7, kMappingError = 11 };

// Vectors and columns are rows of a copy in two dimensions: `n` pieces of `bytes`, apart by their
// strides.
int copy(int64_t n, int64_t bytes, const void *from, int64_t from_stride, bool from_device,
         void *to, int64_t to_stride, bool to_device, bool waits, CUstream stream)
{
    using Copy = CUresult (*)(const CUDA_MEMCPY2D *, CUstream);
    using Wait = CUresult (*)(CUstream);
    static auto start = reinterpret_cast<Copy>(driver_function("cuMemcpy2DAsync_v2"));
    static auto wait = reinterpret_cast<Wait>(driver_function("cuStreamSynchronize"));
    if (!start || !wait)
        return kNotInitialized;
    if (n == 0 || bytes == 0)
        return 0;
    CUDA_MEMCPY2D what{};
    what.srcMemoryType = from_device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
    what.srcHost = from_device ? nullptr : from;
    what.srcDevice = from_device ? CUdeviceptr(from) : 0;
    what.srcPitch = size_t(from_stride);
    what.dstMemoryType = to_device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
    what.dstHost = to_device ? nullptr : to;
    what.dstDevice = to_device ? CUdeviceptr(to) : 0;
    what.dstPitch = size_t(to_stride);
    what.WidthInBytes = size_t(bytes);
    what.Height = size_t(n);
    CUresult result = start(&what, stream);
    if (result == CUDA_SUCCESS && waits)
        result = wait(stream);
    return result == CUDA_SUCCESS ? 0 : kMappingError;
}

int copy_vector(int64_t n, int64_t size, const void *x, int64_t incx, void *y, int64_t incy,
                bool to_device, bool waits, CUstream stream = nullptr)
{
    if (n < 0 || size <= 0 || incx <= 0 || incy <= 0)
        return kInvalid;
    // Packed on both sides, it is one piece.
    if (incx == 1 && incy == 1)
        return copy(n ? 1 : 0, n * size, x, n * size, !to_device, y, n * size, to_device, waits,
                    stream);
    return copy(n, size, x, incx * size, !to_device, y, incy * size, to_device, waits, stream);
}

int copy_matrix(int64_t rows, int64_t columns, int64_t size, const void *a, int64_t lda, void *b,
                int64_t ldb, bool to_device, bool waits, CUstream stream = nullptr)
{
    if (rows < 0 || columns < 0 || size <= 0 || lda <= 0 || ldb <= 0 || lda < rows || ldb < rows)
        return kInvalid;
    return copy(columns, rows * size, a, lda * size, !to_device, b, ldb * size, to_device, waits,
                stream);
}

} // namespace

#define COPIES(suffix, number)                                                                     \
    LIBRARY_ENTRY int cublasSetVector##suffix(number n, number size, const void *x, number incx,   \
                                              void *y, number incy)                                \
    {                                                                                              \
        return copy_vector(n, size, x, incx, y, incy, true, true);                                 \
    }                                                                                              \
    LIBRARY_ENTRY int cublasGetVector##suffix(number n, number size, const void *x, number incx,   \
                                              void *y, number incy)                                \
    {                                                                                              \
        return copy_vector(n, size, x, incx, y, incy, false, true);                                \
    }                                                                                              \
    LIBRARY_ENTRY int cublasSetMatrix##suffix(number rows, number columns, number size,            \
                                              const void *a, number lda, void *b, number ldb)      \
    {                                                                                              \
        return copy_matrix(rows, columns, size, a, lda, b, ldb, true, true);                       \
    }                                                                                              \
    LIBRARY_ENTRY int cublasGetMatrix##suffix(number rows, number columns, number size,            \
                                              const void *a, number lda, void *b, number ldb)      \
    {                                                                                              \
        return copy_matrix(rows, columns, size, a, lda, b, ldb, false, true);                      \
    }                                                                                              \
    LIBRARY_ENTRY int cublasSetVectorAsync##suffix(                                                \
        number n, number size, const void *x, number incx, void *y, number incy, CUstream stream)  \
    {                                                                                              \
        return copy_vector(n, size, x, incx, y, incy, true, false, stream);                        \
    }                                                                                              \
    LIBRARY_ENTRY int cublasGetVectorAsync##suffix(                                                \
        number n, number size, const void *x, number incx, void *y, number incy, CUstream stream)  \
    {                                                                                              \
        return copy_vector(n, size, x, incx, y, incy, false, false, stream);                       \
    }                                                                                              \
    LIBRARY_ENTRY int cublasSetMatrixAsync##suffix(number rows, number columns, number size,       \
                                                   const void *a, number lda, void *b, number ldb, \
                                                   CUstream stream)                                \
    {                                                                                              \
        return copy_matrix(rows, columns, size, a, lda, b, ldb, true, false, stream);              \
    }                                                                                              \
    LIBRARY_ENTRY int cublasGetMatrixAsync##suffix(number rows, number columns, number size,       \
                                                   const void *a, number lda, void *b, number ldb, \
                                                   CUstream stream)                                \
    {                                                                                              \
        return copy_matrix(rows, columns, size, a, lda, b, ldb, false, false, stream);             \
    }
COPIES(, int)
COPIES(_64, int64_t)

LIBRARY_ENTRY int cublasGetLoggerCallback(void **callback)
{
    if (!callback)
        return kInvalid;
    *callback = nullptr;
    return 0;
}

LIBRARY_ENTRY size_t cublasGetCudartVersion()
{
    return CUDA_VERSION;
}

LIBRARY_ENTRY void cublasXerbla(const char *name, int parameter)
{
    fprintf(stderr, "** On entry to %-6s parameter number %d had an illegal value\n", name,
            parameter);
}

LIBRARY_ENTRY const char *cublasGetStatusName(int status)
{
    return vgpu::cublas::status_name(status);
}

LIBRARY_ENTRY const char *cublasGetStatusString(int status)
{
    return vgpu::cublas::status_text(status);
}
