// SPDX-License-Identifier: Apache-2.0
// What 10,000 launches allocate once 20,000 have gone before, as count-allocations.c has counted it: a line for the
// thread that launches, and one for each thread of each other process that allocated meanwhile.
#include <cuda.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <unistd.h>
#include <utility>

#define CHECK(call)                                                                                                              \
    if (CUresult e = (call)) {                                                                                                   \
        std::printf("%s: %d\n", #call, int(e));                                                                                  \
        return 1;                                                                                                                \
    }

extern "C" unsigned long long allocations_here() __attribute__((weak)); // count-allocations.c

namespace
{

constexpr const char *kPtx = ".version 7.0\n.target sm_75\n.address_size 64\n"
                             ".visible .entry k(.param .u64 a, .param .u32 n, .param .align 16 .b8 s[48]) { ret; }\n";

// By process and thread.
using Counts = std::map<std::pair<std::string, uint64_t>, uint64_t>;

Counts counts()
{
    Counts all;
    for (const auto &file : std::filesystem::directory_iterator(std::getenv("ALLOCATIONS"))) {
        std::ifstream in(file.path(), std::ios::binary);
        for (uint64_t one[2]; in.read(reinterpret_cast<char *>(one), sizeof one) && one[0];)
            all[{file.path().filename(), one[0]}] = one[1];
    }
    return all;
}

std::string word(const std::string &path)
{
    std::ifstream in(path);
    std::string text;
    std::getline(in, text);
    return text;
}

} // namespace

int main()
{
    CUdevice device;
    CUcontext context;
    CUmodule module;
    CUfunction kernel;
    CUstream stream;
    CUdeviceptr memory;
    CHECK(cuInit(0));
    CHECK(cuDeviceGet(&device, 0));
    CHECK(cuDevicePrimaryCtxRetain(&context, device));
    CHECK(cuCtxSetCurrent(context));
    CHECK(cuModuleLoadData(&module, kPtx));
    CHECK(cuModuleGetFunction(&kernel, module, "k"));
    CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    CHECK(cuMemAlloc(&memory, 4096));
    unsigned char structure[48] = {};
    auto launch = [&](unsigned times) {
        for (unsigned i = 0; i < times; ++i) {
            void *arguments[] = {&memory, &i, structure};
            if (CUresult e = cuLaunchKernel(kernel, 1 + i % 7, 2, 1, 32, 4, 1, 256 * (i % 3), i % 4 ? stream : nullptr, arguments, nullptr))
                return e;
        }
        return CUDA_SUCCESS;
    };
    // More than is counted: by then everything is as large as it gets.
    CHECK(launch(20000));
    CHECK(cuCtxSynchronize());
    Counts before = counts();
    const unsigned long long own = allocations_here();
    CHECK(launch(10000));
    std::printf("launching thread: %llu\n", allocations_here() - own);
    CHECK(cuCtxSynchronize());
    for (auto &[thread, count] : counts())
        if (thread.first != std::to_string(getpid()) && count != before[thread]) {
            const std::string process = "/proc/" + thread.first, task = process + "/task/" + std::to_string(thread.second);
            std::printf("%s, thread %s: %llu\n", word(process + "/comm").c_str(), word(task + "/comm").c_str(),
                        (unsigned long long)(count - before[thread]));
        }
}
