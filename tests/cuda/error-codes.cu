// SPDX-License-Identifier: Apache-2.0
// What goes wrong must go wrong with the right code, and leave the rest working. Faults of kernels
// spoil the process's context, so each has a child process, forked before the first CUDA call.
#include "check.h"

#include <cassert>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

const char *const program = "error-codes";

__constant__ int table[8];
__device__ int sink;

__global__ void nothing() {}

__global__ void write_to(int *where)
{
    *where = 1;
}

__global__ void read_from(const int *where)
{
    sink = *where;
}

__global__ void stop()
{
    __trap();
}

__global__ void insist(int value)
{
    assert(value == 1);
}

#define EXPECT_CODE(call, code)                                                                    \
    do {                                                                                           \
        cudaError_t got_ = (call);                                                                 \
        if (got_ != (code))                                                                        \
            fail("%s: %s, not %s (line %d)", #call, cudaGetErrorName(got_),                        \
                 cudaGetErrorName(code), __LINE__);                                                \
    } while (0)

// The call fails with this code, which is the last error, once.
#define EXPECT_ERROR(call, code)                                                                   \
    do {                                                                                           \
        EXPECT_CODE(call, code);                                                                   \
        EXPECT_CODE(cudaPeekAtLastError(), code);                                                  \
        EXPECT_CODE(cudaGetLastError(), code);                                                     \
        EXPECT_CODE(cudaGetLastError(), cudaSuccess);                                              \
    } while (0)

// Runs a fault in a child: the fault shows at the synchronisation, and in every call after it.
static void in_child(const char *what, cudaError_t code, void (*fault)())
{
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        // What the driver says about the fault is not what is tested.
        if (!std::freopen("/dev/null", "w", stderr))
            _exit(2);
        CUDA(cudaFree(nullptr));
        fault();
        cudaError_t seen = cudaDeviceSynchronize();
        if (seen != code)
            fail("%s: %s, not %s", what, cudaGetErrorName(seen), cudaGetErrorName(code));
        void *pointer;
        EXPECT_CODE(cudaMalloc(&pointer, 1024), code);
        EXPECT_CODE(cudaGetLastError(), code);
        EXPECT_CODE(cudaDeviceSynchronize(), code);
        std::fflush(stdout);
        _exit(0);
    }
    int status = 0;
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        fail("%s: killed by signal %d", what, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        std::exit(1); // the child said why
}

static void faults()
{
    in_child("a wild store", cudaErrorIllegalAddress,
             [] { write_to<<<1, 1>>>(reinterpret_cast<int *>(0x40)); });
    in_child("a load far behind an allocation", cudaErrorIllegalAddress, [] {
        int *data;
        CUDA(cudaMalloc(&data, 4096));
        read_from<<<1, 1>>>(data + (1ll << 40));
    });
    in_child("a misaligned store", cudaErrorMisalignedAddress, [] {
        char *data;
        CUDA(cudaMalloc(&data, 4096));
        write_to<<<1, 1>>>(reinterpret_cast<int *>(data + 1));
    });
    in_child("a trap", cudaErrorLaunchFailure, [] { stop<<<1, 1>>>(); });
    in_child("an assertion", cudaErrorAssert, [] { insist<<<1, 32>>>(0); });
}

static void launches()
{
    EXPECT_CODE(cudaGetLastError(), cudaSuccess);
    EXPECT_ERROR((nothing<<<1, 2048>>>(), cudaPeekAtLastError()), cudaErrorInvalidConfiguration);
    EXPECT_ERROR((nothing<<<0, 32>>>(), cudaPeekAtLastError()), cudaErrorInvalidConfiguration);
    EXPECT_ERROR((nothing<<<1, 0>>>(), cudaPeekAtLastError()), cudaErrorInvalidConfiguration);
    EXPECT_ERROR((nothing<<<dim3(1, 70000), 32>>>(), cudaPeekAtLastError()),
                 cudaErrorInvalidConfiguration);
    EXPECT_ERROR((nothing<<<1, 32, 1 << 20>>>(), cudaPeekAtLastError()), cudaErrorInvalidValue);
    EXPECT_ERROR(
        cudaLaunchKernel(static_cast<const void *>(program), dim3(1), dim3(1), nullptr, 0, 0),
        cudaErrorInvalidDeviceFunction);
    nothing<<<1, 32>>>();
    CUDA(cudaGetLastError());
    CUDA(cudaDeviceSynchronize());
}

static void memory()
{
    int on_stack = 0;
    char *data;
    CUDA(cudaMalloc(&data, 4096));
    EXPECT_ERROR(cudaMalloc(reinterpret_cast<void **>(&data + 0), size_t(1) << 50),
                 cudaErrorMemoryAllocation);
    CUDA(cudaMalloc(&data, 4096));
    EXPECT_ERROR(cudaFree(&on_stack), cudaErrorInvalidValue);
    EXPECT_ERROR(cudaMemcpy(data, &on_stack, 4, static_cast<cudaMemcpyKind>(77)),
                 cudaErrorInvalidMemcpyDirection);
    EXPECT_ERROR(cudaMemcpyToSymbol(table, &on_stack, 4, sizeof table), cudaErrorInvalidValue);
    EXPECT_ERROR(cudaMemcpyToSymbol(static_cast<const void *>(program), &on_stack, 4),
                 cudaErrorInvalidSymbol);
    CUDA(cudaFree(nullptr));
    CUDA(cudaFreeHost(nullptr));
    CUDA(cudaMemcpy(nullptr, nullptr, 0, cudaMemcpyHostToDevice));
    CUDA(cudaFree(data));
    EXPECT_ERROR(cudaFree(data), cudaErrorInvalidValue);
    void *empty = data;
    CUDA(cudaMalloc(&empty, 0));
    EXPECT(empty == nullptr);
}

static void handles()
{
    int count = 0;
    CUDA(cudaGetDeviceCount(&count));
    EXPECT_ERROR(cudaSetDevice(count), cudaErrorInvalidDevice);
    EXPECT_ERROR(cudaSetDevice(-1), cudaErrorInvalidDevice);
    cudaDeviceProp properties;
    EXPECT_ERROR(cudaGetDeviceProperties(&properties, count), cudaErrorInvalidDevice);
    cudaEvent_t begun, ended, untimed;
    CUDA(cudaEventCreate(&begun));
    CUDA(cudaEventCreate(&ended));
    CUDA(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming));
    float milliseconds;
    EXPECT_ERROR(cudaEventElapsedTime(&milliseconds, begun, ended), cudaErrorInvalidResourceHandle);
    CUDA(cudaEventRecord(begun));
    CUDA(cudaEventRecord(untimed));
    CUDA(cudaDeviceSynchronize());
    EXPECT_ERROR(cudaEventElapsedTime(&milliseconds, begun, untimed),
                 cudaErrorInvalidResourceHandle);
    CUDA(cudaEventDestroy(begun));
    CUDA(cudaEventDestroy(ended));
    CUDA(cudaEventDestroy(untimed));
}

static void texts()
{
    EXPECT(std::strcmp(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation") ==
           0);
    EXPECT(std::strcmp(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory") == 0);
    EXPECT(std::strcmp(cudaGetErrorString(cudaSuccess), "no error") == 0);
    EXPECT(std::strcmp(cudaGetErrorName(static_cast<cudaError_t>(12345)),
                       "unrecognized error code") == 0);
}

int main()
{
    texts();
    faults();
    launches();
    memory();
    handles();
    passed(5);
    return 0;
}
