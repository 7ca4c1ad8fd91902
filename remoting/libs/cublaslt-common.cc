// SPDX-License-Identifier: Apache-2.0
// What each of our cuBLASLt libraries answers by itself.
#include "remoting/libs/cublas-status.h"

#include <cuda.h>

#include <cstddef>

#define ENTRY extern "C" __attribute__((visibility("default")))

ENTRY const char *cublasLtGetStatusName(int status)
{
    return vgpu::cublas::status_name(status);
}

ENTRY const char *cublasLtGetStatusString(int status)
{
    return vgpu::cublas::status_text(status);
}

ENTRY size_t cublasLtGetCudartVersion()
{
    return CUDA_VERSION;
}

extern "C" int cublasLtGetProperty(int type, void *value);

ENTRY size_t cublasLtGetVersion()
{
    int parts[3] = {};
    for (int i = 0; i < 3; ++i)
        if (cublasLtGetProperty(i, &parts[i]) != 0)
            return 0;
    return size_t(parts[0]) * 10000 + size_t(parts[1]) * 100 + size_t(parts[2]);
}
