// SPDX-License-Identifier: Apache-2.0
// CUDA C++ compiled at run time by NVRTC, loaded and launched by the driver API.
#include "check.h"

#include <cuda.h>
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
    CUdevice device;
    CUcontext context;
    CUmodule module;
    CUfunction function;
    CUdeviceptr data;
    DRIVER(cuInit(0));
    DRIVER(cuDeviceGet(&device, 0));
    DRIVER(cuDevicePrimaryCtxRetain(&context, device));
    DRIVER(cuCtxSetCurrent(context));
    DRIVER(cuModuleLoadDataEx(&module, ptx.c_str(), 0, nullptr, nullptr));
    DRIVER(cuModuleGetFunction(&function, module, kernel.c_str()));
    DRIVER(cuMemAlloc(&data, n * sizeof(long long)));
    int count = n;
    void *parameters[] = {&data, &count};
    DRIVER(cuLaunchKernel(function, (n + 255) / 256, 1, 1, 256, 1, 1, 0, nullptr, parameters,
                          nullptr));
    std::vector<long long> host(n);
    DRIVER(cuMemcpyDtoH(host.data(), data, n * sizeof(long long)));
    for (long long i = 0; i < n; i++)
        if (host[i] != i * (i + 1) / 2)
            fail("[%lld] is %lld, not %lld", i, host[i], i * (i + 1) / 2);
    DRIVER(cuMemFree(data));
    DRIVER(cuModuleUnload(module));
    DRIVER(cuDevicePrimaryCtxRelease(device));
    passed(checksum(host.data(), n * sizeof(long long)));
    return 0;
}
