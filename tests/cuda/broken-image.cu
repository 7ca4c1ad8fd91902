// SPDX-License-Identifier: Apache-2.0
// Device code that no driver can compile: it fails where it is used, or with
// CUDA_MODULE_LOADING=EAGER at the first call that needs a context.
#include "in-child.h"

const char *const program = "broken-image";

__global__ void broken()
{
    asm("this.is.no.instruction;");
}

static void expect(const char *value, cudaError_t first, cudaError_t launched)
{
    in_child("CUDA_MODULE_LOADING", value, [&] {
        keep_quiet();
        int devices = 0;
        void *memory;
        CUDA(cudaGetDeviceCount(&devices));
        cudaError_t code = cudaMalloc(&memory, 1024);
        if (code != first)
            fail("cudaMalloc: %s", cudaGetErrorName(code));
        cudaGetLastError();
        broken<<<1, 1>>>();
        code = cudaGetLastError();
        if (code != launched)
            fail("the launch: %s", cudaGetErrorName(code));
    });
}

int main()
{
    expect(nullptr, cudaSuccess, cudaErrorInvalidPtx);
    expect("EAGER", cudaErrorInvalidPtx, cudaErrorInvalidPtx);
    std::printf("broken-image: ok %d ways\n", 2);
    return 0;
}
