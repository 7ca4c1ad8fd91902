// SPDX-License-Identifier: Apache-2.0
// Graphs: captured from streams that fork and join, built by hand, updated, with memory of their
// own, and one that loops until a kernel says stop.
#include "check.h"

#include <vector>

const char *const program = "graphs";

constexpr int kCount = 1 << 14;

__global__ void scale(int *data, int factor, int add)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    data[i] = data[i] * factor + add;
}

__global__ void join(const int *left, const int *right, int *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = left[i] - right[i];
}

#if CUDART_VERSION >= 13000
__global__ void count_down(cudaGraphConditionalHandle handle, int *left, int *rounds)
{
    ++*rounds;
    cudaGraphSetConditional(handle, --*left > 0);
}
#endif

static int calls = 0;

static void CUDART_CB called(void *by)
{
    calls += *static_cast<int *>(by);
}

static void expect_all(const std::vector<int> &data, int value)
{
    for (int i = 0; i < kCount; i++)
        if (data[i] != value)
            fail("[%d] is %d, not %d", i, data[i], value);
}

int main()
{
    cudaStream_t stream, side;
    cudaEvent_t forked, joined;
    int *a, *b, *c;
    std::vector<int> in(kCount, 3), out(kCount);
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
    CUDA(cudaEventCreateWithFlags(&forked, cudaEventDisableTiming));
    CUDA(cudaEventCreateWithFlags(&joined, cudaEventDisableTiming));
    CUDA(cudaMalloc(&a, kCount * sizeof(int)));
    CUDA(cudaMalloc(&b, kCount * sizeof(int)));

    // Captured: two branches, memory that the graph allocates, a call of the host.
    cudaGraph_t graph;
    int by = 5;
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    CUDA(cudaMallocAsync(&c, kCount * sizeof(int), stream));
    CUDA(cudaMemcpyAsync(a, in.data(), kCount * sizeof(int), cudaMemcpyHostToDevice, stream));
    CUDA(cudaEventRecord(forked, stream));
    CUDA(cudaStreamWaitEvent(side, forked, 0));
    CUDA(cudaMemsetAsync(b, 0, kCount * sizeof(int), side));
    scale<<<kCount / 256, 256, 0, side>>>(b, 1, 4);
    CUDA(cudaEventRecord(joined, side));
    scale<<<kCount / 256, 256, 0, stream>>>(a, 10, 1);
    CUDA(cudaStreamWaitEvent(stream, joined, 0));
    join<<<kCount / 256, 256, 0, stream>>>(a, b, c);
    CUDA(cudaMemcpyAsync(out.data(), c, kCount * sizeof(int), cudaMemcpyDeviceToHost, stream));
    CUDA(cudaFreeAsync(c, stream));
    CUDA(cudaLaunchHostFunc(stream, called, &by));
    CUDA(cudaStreamEndCapture(stream, &graph));
    size_t nodes = 0;
    CUDA(cudaGraphGetNodes(graph, nullptr, &nodes));
    EXPECT(nodes == 9);
    EXPECT(calls == 0 && out[0] == 0);

    cudaGraphExec_t exec;
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    expect_all(out, 27);
    EXPECT(calls == 5);
    std::fill(in.begin(), in.end(), 4);
    for (int i = 0; i < 20; i++)
        CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    expect_all(out, 37);
    EXPECT(calls == 105);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));

    // Built by hand, then changed: a kernel's parameters, then the whole.
    CUDA(cudaGraphCreate(&graph, 0));
    cudaGraphNode_t fill, kernel, copy;
    cudaMemsetParams set = {};
    set.dst = a;
    set.elementSize = 4;
    set.width = kCount;
    set.height = 1;
    set.value = 2;
    CUDA(cudaGraphAddMemsetNode(&fill, graph, nullptr, 0, &set));
    int factor = 3, add = 1;
    void *arguments[] = {&a, &factor, &add};
    cudaKernelNodeParams launch = {};
    launch.func = reinterpret_cast<void *>(scale);
    launch.gridDim = dim3(kCount / 256);
    launch.blockDim = dim3(256);
    launch.kernelParams = arguments;
    CUDA(cudaGraphAddKernelNode(&kernel, graph, &fill, 1, &launch));
    CUDA(cudaGraphAddMemcpyNode1D(&copy, graph, &kernel, 1, out.data(), a, kCount * sizeof(int),
                                  cudaMemcpyDeviceToHost));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    expect_all(out, 7);
    factor = 5;
    CUDA(cudaGraphExecKernelNodeSetParams(exec, kernel, &launch));
    CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    expect_all(out, 11);
    add = 100;
    CUDA(cudaGraphKernelNodeSetParams(kernel, &launch));
#if CUDART_VERSION >= 13000
    cudaGraphExecUpdateResultInfo result;
    CUDA(cudaGraphExecUpdate(exec, graph, &result));
    CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    expect_all(out, 110);
#endif
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));

#if CUDART_VERSION >= 13000
    // A loop: its body is a graph that runs as long as the handle says so.
    cudaGraphConditionalHandle handle;
    int numbers[2] = {6, 0};
    CUDA(cudaMemcpy(b, numbers, sizeof numbers, cudaMemcpyHostToDevice));
    CUDA(cudaGraphCreate(&graph, 0));
    CUDA(cudaGraphConditionalHandleCreate(&handle, graph, 1, cudaGraphCondAssignDefault));
    cudaGraphNodeParams loop = {};
    loop.type = cudaGraphNodeTypeConditional;
    loop.conditional.handle = handle;
    loop.conditional.type = cudaGraphCondTypeWhile;
    loop.conditional.size = 1;
    cudaGraphNode_t node;
    CUDA(cudaGraphAddNode(&node, graph, nullptr, nullptr, 0, &loop));
    cudaGraph_t body = loop.conditional.phGraph_out[0];
    CUDA(cudaStreamBeginCaptureToGraph(stream, body, nullptr, nullptr, 0,
                                       cudaStreamCaptureModeGlobal));
    count_down<<<1, 1, 0, stream>>>(handle, b, b + 1);
    CUDA(cudaStreamEndCapture(stream, nullptr));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    CUDA(cudaMemcpy(numbers, b, sizeof numbers, cudaMemcpyDeviceToHost));
    EXPECT(numbers[0] == 0 && numbers[1] == 6);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
#endif
    CUDA(cudaFree(a));
    CUDA(cudaFree(b));
    passed(checksum(out.data(), out.size() * sizeof(int)));
    return 0;
}
