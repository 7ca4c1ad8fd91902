// SPDX-License-Identifier: Apache-2.0
// How hosts put work together: pipelines over streams, graphs launched again and again, pools,
// threads, several devices, times; what arrives is what plain C says.
#include "cases.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <numeric>
#include <thread>

const char *const program = "pipelines";

__global__ void affine(int *data, int factor, int add, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        data[i] = data[i] * factor + add;
}

__global__ void sum_into(const int *data, int *sum, int n)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        atomicAdd(sum, data[i]);
}

static void run(int *data, int factor, int add, int n, cudaStream_t stream)
{
    affine<<<unsigned(n + 255) / 256, 256, 0, stream>>>(data, factor, add, n);
    CUDA(cudaGetLastError());
}

struct Stream {
    // What was copied from pageable memory may still be on its way, and waits for no such stream.
    explicit Stream(unsigned flags = cudaStreamNonBlocking)
    {
        CUDA(cudaDeviceSynchronize());
        CUDA(cudaStreamCreateWithFlags(&it, flags));
    }
    Stream(const Stream &) = delete;
    ~Stream() { cudaStreamDestroy(it); }
    void wait() { CUDA(cudaStreamSynchronize(it)); }
    cudaStream_t it = nullptr;
};

struct Event {
    explicit Event(unsigned flags = cudaEventDisableTiming)
    {
        CUDA(cudaEventCreateWithFlags(&it, flags));
    }
    Event(const Event &) = delete;
    ~Event() { cudaEventDestroy(it); }
    cudaEvent_t it = nullptr;
};

// Blocks go through the device in turns: while one is computed, others are copied.
CASE(double_buffering)
{
    constexpr int kBlock = 4096, kBlocks = 12;
    int *pinned;
    CUDA(cudaMallocHost(&pinned, kBlock * kBlocks * sizeof(int)));
    for (int i = 0; i < kBlock * kBlocks; i++)
        pinned[i] = i;
    Array<int> buffers[2] = {Array<int>(kBlock), Array<int>(kBlock)};
    Stream streams[2];
    for (int block = 0; block < kBlocks; block++) {
        int *host = pinned + block * kBlock, *there = buffers[block % 2].at;
        cudaStream_t stream = streams[block % 2].it;
        CUDA(cudaMemcpyAsync(there, host, kBlock * 4, cudaMemcpyHostToDevice, stream));
        run(there, 3, block, kBlock, stream);
        CUDA(cudaMemcpyAsync(host, there, kBlock * 4, cudaMemcpyDeviceToHost, stream));
    }
    for (Stream &stream : streams)
        stream.wait();
    for (int i = 0; i < kBlock * kBlocks; i++)
        EXPECT(pinned[i] == 3 * i + i / kBlock);
    uint64_t sum = checksum(pinned, kBlock * kBlocks * 4);
    CUDA(cudaFreeHost(pinned));
    return sum;
}

// a -> (b, c) -> d in four streams, by events alone.
CASE(diamond_of_events)
{
    constexpr int n = 1000;
    Array<int> left(n, 1), right(n, 1), sum(1, 0);
    left.put();
    right.put();
    sum.put();
    Stream streams[4];
    Event begun, b, c;
    run(left.at, 5, 0, n, streams[0].it);
    CUDA(cudaEventRecord(begun.it, streams[0].it));
    CUDA(cudaStreamWaitEvent(streams[1].it, begun.it, 0));
    CUDA(cudaStreamWaitEvent(streams[2].it, begun.it, 0));
    CUDA(cudaMemcpyAsync(right.at, left.at, n * 4, cudaMemcpyDeviceToDevice, streams[2].it));
    run(right.at, 2, 0, n, streams[2].it);
    CUDA(cudaEventRecord(c.it, streams[2].it));
    CUDA(cudaStreamWaitEvent(streams[1].it, c.it, 0)); // so that left is read before it is changed
    run(left.at, 1, 7, n, streams[1].it);
    CUDA(cudaEventRecord(b.it, streams[1].it));
    CUDA(cudaStreamWaitEvent(streams[3].it, b.it, 0));
    CUDA(cudaStreamWaitEvent(streams[3].it, c.it, 0));
    sum_into<<<4, 128, 0, streams[3].it>>>(left.at, sum.at, n);
    sum_into<<<4, 128, 0, streams[3].it>>>(right.at, sum.at, n);
    streams[3].wait();
    sum.get();
    EXPECT(sum[0] == n * (12 + 10));
    return uint64_t(sum[0]);
}

CASE(thread_per_stream)
{
    constexpr int kThreads = 6, n = 3000;
    int results[kThreads] = {};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; t++)
        threads.emplace_back([t, &results] {
            CUDA(cudaSetDevice(0));
            Stream stream;
            int *data, *sum;
            CUDA(cudaMallocAsync(&data, n * 4, stream.it));
            CUDA(cudaMallocAsync(&sum, 4, stream.it));
            CUDA(cudaMemsetAsync(data, 0, n * 4, stream.it));
            CUDA(cudaMemsetAsync(sum, 0, 4, stream.it));
            for (int step = 0; step < 10; step++)
                run(data, 1, t, n, stream.it);
            sum_into<<<2, 128, 0, stream.it>>>(data, sum, n);
            CUDA(cudaMemcpyAsync(&results[t], sum, 4, cudaMemcpyDeviceToHost, stream.it));
            CUDA(cudaFreeAsync(data, stream.it));
            CUDA(cudaFreeAsync(sum, stream.it));
            stream.wait();
        });
    for (auto &thread : threads)
        thread.join();
    for (int t = 0; t < kThreads; t++)
        EXPECT(results[t] == 10 * t * n);
    return kThreads;
}

// One host thread per task, handed on by host functions.
CASE(functions_hand_on)
{
    struct Step {
        std::atomic<int> *order;
        int at;
        bool right;
    };
    std::atomic<int> order{0};
    std::vector<Step> steps(20);
    Array<int> data(100, 0);
    data.put();
    Stream streams[2];
    Event done;
    for (int i = 0; i < 20; i++) {
        cudaStream_t stream = streams[i % 2].it;
        steps[size_t(i)] = {&order, i, false};
        if (i)
            CUDA(cudaStreamWaitEvent(stream, done.it, 0));
        run(data.at, 1, 1, 100, stream);
        auto told = [](void *argument) {
            auto *step = static_cast<Step *>(argument);
            step->right = step->order->fetch_add(1) == step->at;
        };
        CUDA(cudaLaunchHostFunc(stream, told, &steps[size_t(i)]));
        CUDA(cudaEventRecord(done.it, stream));
    }
    CUDA(cudaDeviceSynchronize());
    EXPECT(std::all_of(steps.begin(), steps.end(), [](const Step &step) { return step.right; }));
    data.get();
    EXPECT(data[0] == 20 && data[99] == 20);
    return 20;
}

CASE(graph_again_and_again)
{
    constexpr int n = 500;
    Array<int> data(n, 0), sum(1, 0);
    data.put();
    sum.put();
    Stream stream;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CUDA(cudaStreamBeginCapture(stream.it, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < 5; i++)
        run(data.at, 1, i, n, stream.it);
    sum_into<<<1, 128, 0, stream.it>>>(data.at, sum.at, n);
    CUDA(cudaStreamEndCapture(stream.it, &graph));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    int expected = 0;
    for (int launch = 1; launch <= 30; launch++) {
        CUDA(cudaGraphLaunch(exec, stream.it));
        expected += 10 * launch * n;
    }
    stream.wait();
    sum.get();
    EXPECT(sum[0] == expected);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    return uint64_t(sum[0]);
}

CASE(graph_recaptured_each_step)
{
    constexpr int n = 200;
    Array<int> data(n, 0);
    data.put();
    Stream stream;
    cudaGraphExec_t exec = nullptr;
    for (int step = 1; step <= 6; step++) {
        cudaGraph_t graph;
        CUDA(cudaStreamBeginCapture(stream.it, cudaStreamCaptureModeGlobal));
        run(data.at, 1, step, n, stream.it);
        run(data.at, 2, 0, n, stream.it);
        CUDA(cudaStreamEndCapture(stream.it, &graph));
        cudaGraphExecUpdateResultInfo info{};
        if (!exec)
            CUDA(cudaGraphInstantiate(&exec, graph, 0));
        else
            CUDA(cudaGraphExecUpdate(exec, graph, &info));
        CUDA(cudaGraphLaunch(exec, stream.it));
        CUDA(cudaGraphDestroy(graph));
    }
    stream.wait();
    data.get();
    int expected = 0;
    for (int step = 1; step <= 6; step++)
        expected = (expected + step) * 2;
    EXPECT(data[0] == expected && data[n - 1] == expected);
    CUDA(cudaGraphExecDestroy(exec));
    return uint64_t(expected);
}

CASE(graph_across_streams)
{
    constexpr int n = 256;
    Array<int> a(n, 1), b(n, 1), sum(1, 0);
    for (auto *array : {&a, &b, &sum})
        array->put();
    Stream main, side;
    Event fork, join;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CUDA(cudaStreamBeginCapture(main.it, cudaStreamCaptureModeGlobal));
    CUDA(cudaEventRecord(fork.it, main.it));
    CUDA(cudaStreamWaitEvent(side.it, fork.it, 0));
    run(a.at, 3, 0, n, main.it);
    run(b.at, 4, 0, n, side.it);
    CUDA(cudaEventRecord(join.it, side.it));
    CUDA(cudaStreamWaitEvent(main.it, join.it, 0));
    sum_into<<<1, 64, 0, main.it>>>(a.at, sum.at, n);
    sum_into<<<1, 64, 0, main.it>>>(b.at, sum.at, n);
    CUDA(cudaStreamEndCapture(main.it, &graph));
    size_t nodes = 0, roots = 0;
    CUDA(cudaGraphGetNodes(graph, nullptr, &nodes));
    CUDA(cudaGraphGetRootNodes(graph, nullptr, &roots));
    EXPECT(nodes == 4 && roots == 2);
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphLaunch(exec, main.it));
    main.wait();
    sum.get();
    EXPECT(sum[0] == 7 * n);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    return uint64_t(sum[0]);
}

CASE(pool_counts_and_gives_back)
{
    cudaMemPool_t pool;
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    CUDA(cudaMemPoolCreate(&pool, &properties));
    uint64_t threshold = ~uint64_t(0), reserved = 0, used = 1, high = 0;
    CUDA(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
    Stream stream;
    for (int round = 0; round < 5; round++) {
        std::vector<void *> blocks(8);
        for (size_t i = 0; i < blocks.size(); i++) {
            CUDA(cudaMallocFromPoolAsync(&blocks[i], (i + 1) << 16, pool, stream.it));
            CUDA(cudaMemsetAsync(blocks[i], int(i), (i + 1) << 16, stream.it));
        }
        for (void *block : blocks)
            CUDA(cudaFreeAsync(block, stream.it));
    }
    stream.wait();
    CUDA(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
    CUDA(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemHigh, &high));
    CUDA(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved));
    EXPECT(used == 0);
    EXPECT(high == 36u << 16);
    EXPECT(reserved >= used); // what is kept is the driver's affair
    CUDA(cudaMemPoolTrimTo(pool, 0));
    CUDA(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved));
    EXPECT(reserved == 0);
    CUDA(cudaMemPoolDestroy(pool));
    return high;
}

// Freed in one stream, used again in another behind an event.
CASE(memory_that_changes_streams)
{
    constexpr int n = 1 << 14;
    Stream first, second;
    Event freed;
    std::vector<int> out(n);
    int *data, *again;
    CUDA(cudaMallocAsync(&data, n * 4, first.it));
    CUDA(cudaMemsetAsync(data, 1, n * 4, first.it));
    CUDA(cudaFreeAsync(data, first.it));
    CUDA(cudaEventRecord(freed.it, first.it));
    CUDA(cudaStreamWaitEvent(second.it, freed.it, 0));
    CUDA(cudaMallocAsync(&again, n * 4, second.it));
    CUDA(cudaMemsetAsync(again, 2, n * 4, second.it));
    CUDA(cudaMemcpyAsync(out.data(), again, n * 4, cudaMemcpyDeviceToHost, second.it));
    CUDA(cudaFreeAsync(again, second.it));
    second.wait();
    EXPECT(std::count(out.begin(), out.end(), 0x02020202) == n);
    return n;
}

CASE(times_go_forward)
{
    Array<int> data(1 << 14, 0);
    data.put();
    Stream stream;
    std::vector<std::unique_ptr<Event>> events;
    for (int i = 0; i < 6; i++) {
        events.push_back(std::make_unique<Event>(cudaEventDefault));
        CUDA(cudaEventRecord(events.back()->it, stream.it));
        run(data.at, 1, 1, int(data.size()), stream.it);
    }
    stream.wait();
    float all = 0, sum = 0;
    for (size_t i = 1; i < events.size(); i++) {
        float part = -1;
        CUDA(cudaEventElapsedTime(&part, events[i - 1]->it, events[i]->it));
        EXPECT(part >= 0);
        sum += part;
    }
    CUDA(cudaEventElapsedTime(&all, events.front()->it, events.back()->it));
    EXPECT(all > 0 && sum <= all * 1.01f + 0.01f && all <= sum * 1.01f + 0.01f);
    return 0;
}

// The legacy stream waits for blocking streams, and they for it.
CASE(legacy_order)
{
    constexpr int n = 4096;
    Array<int> data(n, 1);
    data.put();
    Stream blocking(cudaStreamDefault);
    for (int i = 0; i < 10; i++) {
        run(data.at, 2, 0, n, blocking.it);
        run(data.at, 1, 1, n, nullptr);
        run(data.at, 1, -1, n, cudaStreamLegacy);
    }
    run(data.at, 1, 5, n, blocking.it);
    data.get(); // in the legacy stream too
    EXPECT(data[0] == 1024 + 5 && data[n - 1] == 1024 + 5);
    return uint64_t(data[0]);
}

CASE(every_device_its_part)
{
    int devices = 0;
    CUDA(cudaGetDeviceCount(&devices));
    devices = std::min(devices, 2);
    constexpr int n = 2000;
    std::vector<int> all(n);
    std::iota(all.begin(), all.end(), 0);
    std::vector<int *> parts(2);
    int each = n / devices;
    for (int d = 0; d < devices; d++) {
        CUDA(cudaSetDevice(d));
        CUDA(cudaMalloc(&parts[size_t(d)], size_t(each) * 4));
        CUDA(cudaMemcpy(parts[size_t(d)], &all[size_t(d * each)], size_t(each) * 4,
                        cudaMemcpyHostToDevice));
        run(parts[size_t(d)], 2, 1, each, nullptr);
    }
    if (devices ==
        2) { // half of the first one's part to the second and back, through the device's own copies
        CUDA(cudaMemcpyPeer(parts[1], 1, parts[0], 0, size_t(each) * 2));
        CUDA(cudaSetDevice(1));
        run(parts[1], 1, 3, each, nullptr);
        CUDA(cudaMemcpyPeer(parts[0], 0, parts[1], 1, size_t(each) * 2));
    }
    std::vector<int> out(static_cast<size_t>(each));
    CUDA(cudaSetDevice(0));
    CUDA(cudaMemcpy(out.data(), parts[0], size_t(each) * 4, cudaMemcpyDeviceToHost));
    for (int i = 0; i < each; i++)
        EXPECT(out[size_t(i)] == 2 * i + 1 + (devices == 2 && i < each / 2 ? 3 : 0));
    for (int d = 0; d < devices; d++)
        CUDA(cudaFree(parts[size_t(d)]));
    return 0;
}

CASE(launch_with_attributes)
{
    constexpr int n = 640;
    Array<int> data(n, 1);
    data.put();
    Stream stream;
    cudaLaunchAttribute attribute[1] = {};
    attribute[0].id = cudaLaunchAttributePriority;
    attribute[0].val.priority = 0;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(5);
    config.blockDim = dim3(128);
    config.stream = stream.it;
    config.attrs = attribute;
    config.numAttrs = 1;
    CUDA(cudaLaunchKernelEx(&config, affine, data.at, 4, 2, n));
    config.numAttrs = 0;
    CUDA(cudaLaunchKernelEx(&config, affine, data.at, 2, 0, n));
    config.blockDim = dim3(4096);
    EXPECT(cudaLaunchKernelEx(&config, affine, data.at, 2, 0, n) == cudaErrorInvalidConfiguration);
    cudaGetLastError();
    stream.wait();
    data.get();
    EXPECT(data[0] == 12 && data[n - 1] == 12);
    return data.sum();
}

CASE(pageable_copies_in_order)
{
    int host[4] = {1, 2, 3, 4};
    Array<int> data(64, 0);
    data.put();
    Stream stream;
    // Pageable memory is read before the call returns.
    for (int i = 0; i < 4; i++) {
        int value = host[i];
        CUDA(cudaMemcpyAsync(data.at + i, &value, 4, cudaMemcpyHostToDevice, stream.it));
        value = -1;
    }
    run(data.at, 10, 0, 64, stream.it);
    stream.wait();
    data.get();
    EXPECT(data[0] == 10 && data[3] == 40 && data[4] == 0);
    return data.sum();
}

CASE(zero_copy_results)
{
    Array<int> data(500, 2);
    data.put();
    // The last word of much: what makes new memory zeros is not done yet when the kernel comes.
    constexpr size_t count = (16 << 20) / sizeof(int);
    int *all, *device;
    CUDA(cudaHostAlloc(&all, count * sizeof(int), cudaHostAllocMapped));
    CUDA(cudaHostGetDevicePointer(&device, all, 0));
    int *counter = all + count - 1;
    *counter = 0;
    for (int round = 1; round <= 3; round++) {
        sum_into<<<2, 64>>>(data.at, device + count - 1, 500);
        CUDA(cudaDeviceSynchronize());
        EXPECT(*counter == round * 1000);
    }
    CUDA(cudaFreeHost(all));
    return 3000;
}

CASE(look_until_done)
{
    Array<int> data(1 << 12, 0);
    data.put();
    Stream stream;
    Event done;
    for (int i = 0; i < 20; i++)
        run(data.at, 1, 1, 1 << 12, stream.it);
    CUDA(cudaEventRecord(done.it, stream.it));
    cudaError_t state;
    while ((state = cudaEventQuery(done.it)) == cudaErrorNotReady)
        std::this_thread::yield();
    CUDA(state);
    CUDA(cudaStreamQuery(stream.it));
    EXPECT(cudaPeekAtLastError() == cudaSuccess || cudaGetLastError() == cudaErrorNotReady);
    cudaGetLastError();
    data.get();
    EXPECT(data[17] == 20);
    return 20;
}

int main()
{
    return run_cases();
}
