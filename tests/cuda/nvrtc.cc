// SPDX-License-Identifier: Apache-2.0
// CUDA C++ compiled at run time by NVRTC, loaded and launched by the driver API on memory of the
// runtime's, in the context that the two share.
#include "check.h"

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <nvrtc.h>
#include <string>
#include <vector>

const char *const program = "nvrtc";

static const char *const source = R"(
template <typename T>
__global__ void triangle(T *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        out[i] = T(i) * (i + 1) / 2;
}
)";

static const char *name_of(CUresult result)
{
    const char *name = "unknown error";
    cuGetErrorName(result, &name);
    return name;
}

#define DRIVER(call) CHECK_WITH(call, CUDA_SUCCESS, name_of)
#define NVRTC(call) CHECK_WITH(call, NVRTC_SUCCESS, nvrtcGetErrorString)

// The PTX of `source`, and the mangled name of the kernel for long long.
static std::string compile(std::string *kernel)
{
    const char *expression = "triangle<long long>";
    nvrtcProgram unit;
    NVRTC(nvrtcCreateProgram(&unit, source, "triangle.cu", 0, nullptr, nullptr));
    NVRTC(nvrtcAddNameExpression(unit, expression));
    const char *options[] = {"--gpu-architecture=compute_75", "--std=c++17"};
    if (nvrtcCompileProgram(unit, 2, options) != NVRTC_SUCCESS) {
        size_t size = 0;
        NVRTC(nvrtcGetProgramLogSize(unit, &size));
        std::string log(size, '\0');
        NVRTC(nvrtcGetProgramLog(unit, log.data()));
        fail("NVRTC: %s", log.c_str());
    }
    const char *mangled = nullptr;
    NVRTC(nvrtcGetLoweredName(unit, expression, &mangled));
    *kernel = mangled;
    size_t size = 0;
    NVRTC(nvrtcGetPTXSize(unit, &size));
    std::string ptx(size, '\0');
    NVRTC(nvrtcGetPTX(unit, ptx.data()));
    NVRTC(nvrtcDestroyProgram(&unit));
    return ptx;
}

int main()
{
    const int n = 50000;
    std::string kernel;
    std::string ptx = compile(&kernel);
    CUcontext context = nullptr;
    CUmodule module;
    CUfunction function;
    long long *data;
    CUDA(cudaMalloc(reinterpret_cast<void **>(&data), n * sizeof(long long)));
    DRIVER(cuCtxGetCurrent(&context));
    EXPECT(context != nullptr); // the runtime's, which is the device's primary one
    DRIVER(cuModuleLoadDataEx(&module, ptx.c_str(), 0, nullptr, nullptr));
    DRIVER(cuModuleGetFunction(&function, module, kernel.c_str()));
    int count = n;
    void *parameters[] = {&data, &count};
    DRIVER(cuLaunchKernel(function, (n + 255) / 256, 1, 1, 256, 1, 1, 0, nullptr, parameters,
                          nullptr));
    std::vector<long long> host(n);
    CUDA(cudaMemcpy(host.data(), data, n * sizeof(long long), cudaMemcpyDeviceToHost));
    for (long long i = 0; i < n; i++)
        if (host[i] != i * (i + 1) / 2)
            fail("[%lld] is %lld, not %lld", i, host[i], i * (i + 1) / 2);
    DRIVER(cuModuleUnload(module));
    CUDA(cudaFree(data));
    passed(checksum(host.data(), n * sizeof(long long)));
    return 0;
}
