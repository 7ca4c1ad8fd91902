// SPDX-License-Identifier: Apache-2.0
// Graphs built node by node, asked about, changed, cloned and nested; and the code of every call
// that is given what it cannot take.
#include "check.h"

#include <algorithm>
#include <vector>

const char *const program = "graph-nodes";

constexpr int kCount = 1 << 12;

__global__ void scale(int *data, int factor, int add)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    data[i] = data[i] * factor + add;
}

static void said(const char *call, cudaError_t error)
{
    std::printf("%s: %s: %s\n", program, call, cudaGetErrorName(error));
    cudaGetLastError();
}

static int *data, *other;
static cudaStream_t stream;

// What is in `from`, all of one value; -1 if it is not.
static int value_of(const int *from)
{
    std::vector<int> out(kCount);
    CUDA(cudaStreamSynchronize(stream));
    CUDA(cudaMemcpy(out.data(), from, kCount * sizeof(int), cudaMemcpyDeviceToHost));
    return std::count(out.begin(), out.end(), out[0]) == kCount ? out[0] : -1;
}

static cudaMemsetParams fill_with(int *where, unsigned value)
{
    cudaMemsetParams set = {};
    set.dst = where;
    set.elementSize = 4;
    set.width = kCount;
    set.height = 1;
    set.value = value;
    return set;
}

int main()
{
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaMalloc(&data, kCount * sizeof(int)));
    CUDA(cudaMalloc(&other, kCount * sizeof(int)));

    // fill -> kernel -> copy, an empty node beside, events around.
    cudaGraph_t graph;
    cudaGraphNode_t fill, kernel, copy, empty, record, wait;
    cudaEvent_t event;
    CUDA(cudaEventCreate(&event));
    CUDA(cudaGraphCreate(&graph, 0));
    cudaMemsetParams set = fill_with(data, 5);
    CUDA(cudaGraphAddMemsetNode(&fill, graph, nullptr, 0, &set));
    int factor = 3, add = 1;
    void *arguments[] = {&data, &factor, &add};
    cudaKernelNodeParams launch = {};
    launch.func = reinterpret_cast<void *>(scale);
    launch.gridDim = dim3(kCount / 256);
    launch.blockDim = dim3(256);
    launch.kernelParams = arguments;
    CUDA(cudaGraphAddKernelNode(&kernel, graph, &fill, 1, &launch));
    CUDA(cudaGraphAddEventRecordNode(&record, graph, &kernel, 1, event));
    CUDA(cudaGraphAddMemcpyNode1D(&copy, graph, &kernel, 1, other, data, kCount * sizeof(int),
                                  cudaMemcpyDeviceToDevice));
    CUDA(cudaGraphAddEmptyNode(&empty, graph, nullptr, 0));
    CUDA(cudaGraphAddEventWaitNode(&wait, graph, &empty, 1, event));

    size_t nodes = 0, roots = 0, edges = 0, before = 0, after = 0;
    CUDA(cudaGraphGetNodes(graph, nullptr, &nodes));
    CUDA(cudaGraphGetRootNodes(graph, nullptr, &roots));
#if CUDART_VERSION >= 13000
    CUDA(cudaGraphGetEdges(graph, nullptr, nullptr, nullptr, &edges));
    CUDA(cudaGraphNodeGetDependencies(kernel, nullptr, nullptr, &before));
    CUDA(cudaGraphNodeGetDependentNodes(kernel, nullptr, nullptr, &after));
    cudaGraphNode_t follower[4] = {};
    size_t most = 4;
    CUDA(cudaGraphNodeGetDependentNodes(fill, follower, nullptr, &most));
    EXPECT(most == 1 && follower[0] == kernel && follower[1] == nullptr);
    CUDA(cudaGraphAddDependencies(graph, &empty, &copy, nullptr, 1));
    said("an edge twice", cudaGraphAddDependencies(graph, &empty, &copy, nullptr, 1));
    CUDA(cudaGraphRemoveDependencies(graph, &empty, &copy, nullptr, 1));
#else
    CUDA(cudaGraphGetEdges(graph, nullptr, nullptr, &edges));
    CUDA(cudaGraphNodeGetDependencies(kernel, nullptr, &before));
    CUDA(cudaGraphNodeGetDependentNodes(kernel, nullptr, &after));
#endif
    std::printf("%s: %zu nodes, %zu roots, %zu edges, %zu before, %zu after\n", program, nodes,
                roots, edges, before, after);
    cudaGraphNode_t list[8];
    nodes = 8;
    CUDA(cudaGraphGetNodes(graph, list, &nodes));
    EXPECT(std::count(list, list + nodes, kernel) == 1 &&
           std::count(list, list + nodes, wait) == 1);
    cudaGraphNodeType type;
    CUDA(cudaGraphNodeGetType(record, &type));
    EXPECT(type == cudaGraphNodeTypeEventRecord);
    cudaMemsetParams read = {};
    CUDA(cudaGraphMemsetNodeGetParams(fill, &read));
    EXPECT(read.dst == data && read.value == 5 && read.width == kCount);
    cudaGraphExec_t exec;
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphUpload(exec, stream));
    CUDA(cudaGraphLaunch(exec, stream));
    EXPECT(value_of(other) == 16);
    CUDA(cudaEventSynchronize(event));

    // Changed in the executable graph alone, then in the graph, from which it is taken over.
    factor = 2;
    CUDA(cudaGraphExecKernelNodeSetParams(exec, kernel, &launch));
    CUDA(cudaGraphLaunch(exec, stream));
    EXPECT(value_of(other) == 11);
    set.value = 100;
    CUDA(cudaGraphExecMemsetNodeSetParams(exec, fill, &set));
    CUDA(cudaGraphLaunch(exec, stream));
    EXPECT(value_of(other) == 201);
    CUDA(cudaGraphNodeSetEnabled(exec, kernel, 0));
    unsigned enabled = 1;
    CUDA(cudaGraphNodeGetEnabled(exec, kernel, &enabled));
    EXPECT(enabled == 0);
    CUDA(cudaGraphLaunch(exec, stream));
    EXPECT(value_of(other) == 100);
    CUDA(cudaGraphNodeSetEnabled(exec, kernel, 1));
    add = 7;
    CUDA(cudaGraphKernelNodeSetParams(kernel, &launch));
#if CUDART_VERSION >= 13000
    cudaGraphExecUpdateResultInfo outcome;
    CUDA(cudaGraphExecUpdate(exec, graph, &outcome));
    EXPECT(outcome.result == cudaGraphExecUpdateSuccess);
    CUDA(cudaGraphLaunch(exec, stream));
    EXPECT(value_of(other) == 17);
#endif

    // A clone is its own; a graph inside another runs there.
    cudaGraph_t clone, outer, inner;
    cudaGraphNode_t twin, child, last;
    CUDA(cudaGraphClone(&clone, graph));
    CUDA(cudaGraphNodeFindInClone(&twin, kernel, clone));
    EXPECT(twin != kernel);
    add = 1000;
    CUDA(cudaGraphKernelNodeSetParams(twin, &launch));
    CUDA(cudaGraphCreate(&outer, 0));
    CUDA(cudaGraphAddChildGraphNode(&child, outer, nullptr, 0, clone));
    CUDA(cudaGraphChildGraphNodeGetGraph(child, &inner));
    CUDA(cudaGraphGetNodes(inner, nullptr, &nodes));
    EXPECT(inner != clone && nodes == 6);
    set = fill_with(data, 1);
    CUDA(cudaGraphAddMemsetNode(&last, outer, &child, 1, &set));
    cudaGraphExec_t both;
    CUDA(cudaGraphInstantiate(&both, outer, 0));
    for (int i = 0; i < 10; i++)
        CUDA(cudaGraphLaunch(both, stream));
    EXPECT(value_of(other) == 1010 && value_of(data) == 1);
    CUDA(cudaGraphDestroy(clone));
    CUDA(cudaGraphLaunch(both, stream));
    EXPECT(value_of(other) == 1010);

    // What cannot be.
#if CUDART_VERSION >= 13000
    said("another shape", cudaGraphExecUpdate(exec, outer, &outcome));
    std::printf("%s: outcome %d\n", program, int(outcome.result));
    CUDA(cudaGraphAddDependencies(graph, &copy, &empty, nullptr, 1));
    CUDA(cudaGraphAddDependencies(graph, &wait, &fill, nullptr, 1));
#endif
    cudaGraphExec_t none = nullptr;
    said("a circle", cudaGraphInstantiate(&none, graph, 0));
    launch.blockDim = dim3(4096);
    said("a block too large", cudaGraphAddKernelNode(&last, graph, nullptr, 0, &launch));
    launch.blockDim = dim3(256);
    said("no parameters", cudaGraphAddKernelNode(&last, graph, nullptr, 0, nullptr));
    set.width = 0;
    said("nothing to fill", cudaGraphAddMemsetNode(&last, graph, nullptr, 0, &set));
    said("no graph", cudaGraphAddEmptyNode(&last, nullptr, nullptr, 0));
    said("a node of another graph", cudaGraphAddEmptyNode(&last, graph, &child, 1));
    said("another type", cudaGraphMemsetNodeGetParams(kernel, &read));
    said("no such flag", cudaGraphInstantiate(&none, outer, 1 << 20));
    said("a node that is not in it", cudaGraphNodeSetEnabled(both, kernel, 1));
    CUDA(cudaGraphDestroyNode(copy));
    said("a node that is gone", cudaGraphDestroyNode(copy));
    CUDA(cudaGraphDestroy(outer));
    said("a graph that is gone", cudaGraphDestroy(outer));
    said("a node of it", cudaGraphNodeGetType(child, &type));
    CUDA(cudaGraphExecDestroy(both));
    said("launching what is gone", cudaGraphLaunch(both, stream));
    said("destroying it again", cudaGraphExecDestroy(both));
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaStreamSynchronize(stream));
    passed(0);
    return 0;
}
