// SPDX-License-Identifier: Apache-2.0
// Graphs: captured from streams that fork and join, built by hand, updated, with memory of their
// own, one that loops until a kernel says stop, and some with branches of which a kernel chooses.
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

__global__ void choose(cudaGraphConditionalHandle handle, const unsigned *which)
{
    cudaGraphSetConditional(handle, *which);
}

__global__ void note(unsigned *which, int *notes, int branch)
{
    notes[*which] += branch;
}

__global__ void next(unsigned *which)
{
    ++*which;
}

// Of a node's bodies the one runs that a kernel's value says: with IF any value but 0 means the
// first, and 0 the second if there is one; with SWITCH it is the body's number, and none where
// there is no such. Each launch is with a value of its own, and what follows runs in any case.
static void branches(cudaStream_t stream, cudaGraphConditionalNodeType type, unsigned bodies,
                     const std::vector<int> &expected)
{
    unsigned *which;
    int *notes;
    size_t launches = expected.size();
    CUDA(cudaMalloc(&which, sizeof *which));
    CUDA(cudaMalloc(&notes, launches * sizeof(int)));
    CUDA(cudaMemset(which, 0, sizeof *which));
    CUDA(cudaMemset(notes, 0, launches * sizeof(int)));
    cudaGraph_t graph;
    cudaGraphConditionalHandle handle;
    CUDA(cudaGraphCreate(&graph, 0));
    CUDA(cudaGraphConditionalHandleCreate(&handle, graph, 0, 0));
    cudaGraphNode_t node;
    cudaGraphNodeParams chosen = {};
    chosen.type = cudaGraphNodeTypeConditional;
    chosen.conditional.handle = handle;
    chosen.conditional.type = type;
    chosen.conditional.size = bodies;
    CUDA(cudaStreamBeginCaptureToGraph(stream, graph, nullptr, nullptr, 0,
                                       cudaStreamCaptureModeGlobal));
    choose<<<1, 1, 0, stream>>>(handle, which);
    CUDA(cudaStreamEndCapture(stream, nullptr));
    cudaGraphNode_t first, last;
    size_t one = 1;
    CUDA(cudaGraphGetNodes(graph, &first, &one));
    EXPECT(one == 1);
    CUDA(cudaGraphAddNode(&node, graph, &first, nullptr, 1, &chosen));
    for (unsigned i = 0; i < bodies; i++) {
        CUDA(cudaStreamBeginCaptureToGraph(stream, chosen.conditional.phGraph_out[i], nullptr,
                                           nullptr, 0, cudaStreamCaptureModeGlobal));
        note<<<1, 1, 0, stream>>>(which, notes, int(i + 1));
        if (i == 1) // one body is longer than the others
            note<<<1, 1, 0, stream>>>(which, notes, 100);
        CUDA(cudaStreamEndCapture(stream, nullptr));
    }
    void *arguments[] = {&which};
    cudaKernelNodeParams after = {};
    after.func = reinterpret_cast<void *>(next);
    after.gridDim = after.blockDim = dim3(1);
    after.kernelParams = arguments;
    CUDA(cudaGraphAddKernelNode(&last, graph, &node, 1, &after));
    cudaGraphExec_t exec;
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    for (size_t i = 0; i < launches; i++)
        CUDA(cudaGraphLaunch(exec, stream));
    std::vector<int> got(launches);
    CUDA(cudaStreamSynchronize(stream));
    CUDA(cudaMemcpy(got.data(), notes, launches * sizeof(int), cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < launches; i++)
        if (got[i] != expected[i])
            fail("of %u bodies with %zu: %d, not %d", bodies, i, got[i], expected[i]);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaFree(which));
    CUDA(cudaFree(notes));
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
    branches(stream, cudaGraphCondTypeIf, 1, {0, 1, 1});
    branches(stream, cudaGraphCondTypeIf, 2, {102, 1, 1});
    branches(stream, cudaGraphCondTypeSwitch, 3, {1, 102, 3, 0});
#endif
    CUDA(cudaFree(a));
    CUDA(cudaFree(b));
    passed(checksum(out.data(), out.size() * sizeof(int)));
    return 0;
}
