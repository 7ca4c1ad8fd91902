// SPDX-License-Identifier: Apache-2.0
// What a program learns when something is wrong around it: the code of each call, from cuInit to
// the last. Ends in `ok` where nothing is wrong. call-codes wait: waits in a call for a kernel that
// never ends.
#include "check.h"

#include <cstring>
#include <cuda.h>
#include <dlfcn.h>

const char *const program = "call-codes";

__global__ void never_end(volatile int *flag)
{
    while (*flag == 0) {
    }
}

static bool all_well = true;

static void said(const char *call, bool well, const char *name)
{
    std::printf("%s: %s %s\n", program, call, name);
    std::fflush(stdout); // whoever waits for the line may kill us next
    all_well = all_well && well;
}

static void said(const char *call, cudaError_t error)
{
    said(call, error == cudaSuccess, cudaGetErrorName(error));
}

static void init(const char *call)
{
    static void *driver = dlopen("libcuda.so.1", RTLD_NOW);
    EXPECT(driver != nullptr);
    auto init = reinterpret_cast<decltype(&cuInit)>(dlsym(driver, "cuInit"));
    auto get_name = reinterpret_cast<decltype(&cuGetErrorName)>(dlsym(driver, "cuGetErrorName"));
    EXPECT(init != nullptr && get_name != nullptr);
    CUresult result = init(0);
    const char *name = "no name";
    get_name(result, &name);
    said(call, result == CUDA_SUCCESS, name);
}

int main(int argc, char **argv)
{
    int devices = 0, *data = nullptr, host = 0;
    init("cuInit");
    init("cuInit again");
    said("cudaGetDeviceCount", cudaGetDeviceCount(&devices));
    const bool waits = argc > 1 && std::strcmp(argv[1], "wait") == 0; // with 64 MiB
    said("cudaMalloc", cudaMalloc(&data, waits ? 64 << 20 : sizeof *data));
    said("cudaMemset", cudaMemset(data, 0, sizeof *data));
    if (waits) {
        never_end<<<1, 1>>>(data);
        said("launch", cudaGetLastError());
        said("cudaDeviceSynchronize", cudaDeviceSynchronize());
        init("cuInit later");
        said("cudaMalloc later", cudaMalloc(&data, sizeof *data));
    }
    said("cudaMemcpy", cudaMemcpy(&host, data, sizeof host, cudaMemcpyDeviceToHost));
    if (!all_well)
        fail("a call did");
    passed(0);
    return 0;
}
