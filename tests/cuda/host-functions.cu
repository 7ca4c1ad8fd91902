// SPDX-License-Identifier: Apache-2.0
// Functions of the host in streams: in order, while the calling thread goes on; what they see has
// arrived, what they write is what is copied next.
#include "check.h"

#include <atomic>
#include <cstring>
#include <vector>

const char *const program = "host-functions";

constexpr int kCount = 1 << 14;

__global__ void scale(int *data, int factor, int add)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    data[i] = data[i] * factor + add;
}

static std::atomic<bool> gate{false};
static std::atomic<int> done{0};
static int *pinned;
static cudaError_t inside = cudaSuccess;

static void CUDART_CB wait_for_gate(void *)
{
    while (!gate) {
    }
    ++done;
}

// What was copied before is there; what is written here is copied next.
static void CUDART_CB add_one(void *)
{
    for (int i = 0; i < kCount; i++)
        pinned[i] += 1;
    ++done;
}

static void CUDART_CB call_cuda(void *)
{
    inside = cudaDeviceSynchronize();
}

static void CUDART_CB told(cudaStream_t stream, cudaError_t status, void *data)
{
    *static_cast<bool *>(data) = status == cudaSuccess && stream != nullptr;
    ++done;
}

static std::vector<int> order;

static void CUDART_CB note(void *number)
{
    order.push_back(int(reinterpret_cast<size_t>(number)));
}

int main()
{
    cudaStream_t stream, other;
    int *data;
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    CUDA(cudaMalloc(&data, kCount * sizeof(int)));
    CUDA(cudaMallocHost(&pinned, kCount * sizeof(int)));
    for (int i = 0; i < kCount; i++)
        pinned[i] = i;

    // The calling thread goes on, the stream does not, another one does.
    CUDA(cudaMemcpyAsync(data, pinned, kCount * sizeof(int), cudaMemcpyHostToDevice, stream));
    CUDA(cudaLaunchHostFunc(stream, wait_for_gate, nullptr));
    scale<<<kCount / 256, 256, 0, stream>>>(data, 2, 0);
    EXPECT(cudaStreamQuery(stream) == cudaErrorNotReady);
    CUDA(cudaStreamSynchronize(other));
    EXPECT(done == 0);
    gate = true;
    CUDA(cudaStreamSynchronize(stream));
    EXPECT(done == 1);

    // There and back through a function, several times.
    for (int i = 0; i < 5; i++) {
        CUDA(cudaMemcpyAsync(pinned, data, kCount * sizeof(int), cudaMemcpyDeviceToHost, stream));
        CUDA(cudaLaunchHostFunc(stream, add_one, nullptr));
        CUDA(cudaMemcpyAsync(data, pinned, kCount * sizeof(int), cudaMemcpyHostToDevice, stream));
        scale<<<kCount / 256, 256, 0, stream>>>(data, 1, 1);
    }
    CUDA(cudaMemcpyAsync(pinned, data, kCount * sizeof(int), cudaMemcpyDeviceToHost, stream));
    CUDA(cudaStreamSynchronize(stream));
    EXPECT(done == 6);
    for (int i = 0; i < kCount; i++)
        if (pinned[i] != 2 * i + 10)
            fail("[%d] is %d", i, pinned[i]);

    // One after the other; a callback; none may call CUDA.
    for (size_t i = 0; i < 100; i++)
        CUDA(cudaLaunchHostFunc(stream, note, reinterpret_cast<void *>(i)));
    bool right = false;
    CUDA(cudaStreamAddCallback(stream, told, &right, 0));
    CUDA(cudaLaunchHostFunc(stream, call_cuda, nullptr));
    CUDA(cudaDeviceSynchronize());
    EXPECT(order.size() == 100 && right && done == 7);
    for (int i = 0; i < 100; i++)
        EXPECT(order[size_t(i)] == i);
    std::printf("%s: inside a function: %s\n", program, cudaGetErrorName(inside));
    std::printf("%s: no function: %s\n", program,
                cudaGetErrorName(cudaLaunchHostFunc(stream, nullptr, nullptr)));

    // In a graph, between two fills.
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    cudaGraphNode_t node, first;
    cudaHostNodeParams call = {};
    call.fn = note;
    call.userData = reinterpret_cast<void *>(7);
    CUDA(cudaGraphCreate(&graph, 0));
    CUDA(cudaGraphAddHostNode(&first, graph, nullptr, 0, &call));
    call.userData = reinterpret_cast<void *>(8);
    CUDA(cudaGraphAddHostNode(&node, graph, &first, 1, &call));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    order.clear();
    for (int i = 0; i < 10; i++)
        CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    EXPECT(order.size() == 20);
    for (size_t i = 0; i < order.size(); i++)
        EXPECT(order[i] == (i % 2 ? 8 : 7));
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaFreeHost(pinned));
    CUDA(cudaFree(data));
    passed(checksum(order.data(), order.size() * sizeof(int)));
    return 0;
}
