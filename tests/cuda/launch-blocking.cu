// SPDX-License-Identifier: Apache-2.0
// CUDA_LAUNCH_BLOCKING=1: every launch waits, and a fault is the error of the launch that has it.
#include "in-child.h"

const char *const program = "launch-blocking";

constexpr const char *kVariable = "CUDA_LAUNCH_BLOCKING";

__global__ void write_to(int *where)
{
    *where = 1;
}

__global__ void work_long(unsigned *where, unsigned rounds)
{
    unsigned x = 1;
    for (unsigned i = 0; i < rounds; i++)
        x = x * 1664525u + 1013904223u;
    atomicAdd(where, x | 1);
}

static void (*const wild)(cudaStream_t) = [](cudaStream_t stream) {
    write_to<<<1, 1, 0, stream>>>(reinterpret_cast<int *>(0x40));
};

static cudaGraphExec_t captured(void (*work)(cudaStream_t))
{
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    work(stream);
    CUDA(cudaGetLastError()); // nothing has run
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    return exec;
}

// launch() gives a kernel that faults, and its result.
static void fault(const char *value, const char *what, cudaError_t (*launch)())
{
    const bool blocks = value && value[0] == '1';
    in_child(kVariable, value, [&] {
        keep_quiet();
        CUDA(cudaFree(nullptr));
        cudaError_t code = launch();
        if (code != (blocks ? cudaErrorIllegalAddress : cudaSuccess))
            fail("%s: %s", what, cudaGetErrorName(code));
        EXPECT(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
    });
}

static void faults(const char *value)
{
    fault(value, "<<<>>>", [] { return wild(nullptr), cudaGetLastError(); });
    fault(value, "into a stream", [] {
        cudaStream_t stream;
        CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
        return wild(stream), cudaPeekAtLastError();
    });
    fault(value, "into the thread's stream",
          [] { return wild(cudaStreamPerThread), cudaGetLastError(); });
    fault(value, "cudaLaunchKernel", [] {
        int *where = reinterpret_cast<int *>(0x40);
        void *parameters[] = {&where};
        return cudaLaunchKernel(reinterpret_cast<const void *>(write_to), 1, 1, parameters, 0,
                                nullptr);
    });
    fault(value, "cudaLaunchCooperativeKernel", [] {
        int *where = reinterpret_cast<int *>(0x40);
        void *parameters[] = {&where};
        return cudaLaunchCooperativeKernel(reinterpret_cast<const void *>(write_to), 1, 1,
                                           parameters, 0, nullptr);
    });
    fault(value, "a graph", [] { return cudaGraphLaunch(captured(wild), nullptr); });
}

static unsigned *counter;
static unsigned calls;

// Launches are done when they return, captures and host functions go their ways.
static void work()
{
    constexpr unsigned kRounds = 1 << 16;
    cudaStream_t stream, other;
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    CUDA(cudaMalloc(&counter, sizeof *counter));
    CUDA(cudaMemset(counter, 0, sizeof *counter));
    for (int i = 0; i < 20; i++) {
        work_long<<<32, 32, 0, stream>>>(counter, kRounds);
        CUDA(cudaStreamQuery(stream));
    }
    CUDA(cudaLaunchHostFunc(
        stream, [](void *) { calls++; }, nullptr));
    work_long<<<1, 1, 0, stream>>>(counter, 1);
    EXPECT(calls == 1);

    // Others may launch while one captures.
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    work_long<<<32, 32, 0, stream>>>(counter, kRounds);
    CUDA(cudaLaunchHostFunc(
        stream, [](void *) { calls++; }, nullptr));
    work_long<<<1, 1, 0, other>>>(counter, 1);
    CUDA(cudaGetLastError());
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    EXPECT(calls == 1);
    for (unsigned i = 0; i < 5; i++) {
        CUDA(cudaGraphLaunch(exec, stream));
        CUDA(cudaStreamQuery(stream));
        EXPECT(calls == 2 + i);
    }
}

int main()
{
    faults("1");
    faults("0");
    faults(nullptr);
    in_child(kVariable, "1", work);
    std::printf("launch-blocking: ok %d values\n", 3);
    return 0;
}
