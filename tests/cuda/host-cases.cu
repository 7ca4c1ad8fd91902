// SPDX-License-Identifier: Apache-2.0
// What hosts ask of the runtime: occupancy, priorities, pitched and peer copies, attributes, pools,
// events, graphs that are updated, errors that stay and that do not.
#include "cases.h"

#include <algorithm>
#include <atomic>
#include <cstring>

const char *const program = "host-cases";

__global__ void add(int *data, int value, int n)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n)
        data[i] += value;
}

__global__ void __launch_bounds__(128) bounded(int *data)
{
    __shared__ int mine[64];
    mine[threadIdx.x % 64] = data[threadIdx.x];
    __syncthreads();
    data[threadIdx.x] = mine[(threadIdx.x + 1) % 64];
}

__global__ void reverse(int *data)
{
    extern __shared__ int shared[];
    int last = int(blockDim.x) - 1;
    shared[threadIdx.x] = data[threadIdx.x];
    shared[16384 + threadIdx.x] = 1; // far behind what every device has without being asked
    __syncthreads();
    data[threadIdx.x] = shared[last - int(threadIdx.x)] * shared[16384 + threadIdx.x];
}

static void expect_all(Array<int> &data, int value)
{
    data.get();
    EXPECT(std::count(data.host.begin(), data.host.end(), value) == long(data.size()));
}

CASE(occupancy)
{
    int grid = 0, block = 0, blocks = 0;
    CUDA(cudaOccupancyMaxPotentialBlockSize(&grid, &block, add));
    CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add, block, 0));
    EXPECT(grid > 0 && block >= 32 && block % 32 == 0 && blocks >= 1);
    size_t dynamic = 0;
    CUDA(cudaOccupancyAvailableDynamicSMemPerBlock(&dynamic, add, 1, 128));
    EXPECT(dynamic >= 48 << 10);
    EXPECT(cudaOccupancyMaxActiveBlocksPerMultiprocessor(nullptr, add, 128, 0) ==
           cudaErrorInvalidValue);
    cudaGetLastError();
    return 0;
}

CASE(function_attributes)
{
    cudaFuncAttributes attributes{};
    CUDA(cudaFuncGetAttributes(&attributes, bounded));
    EXPECT(attributes.maxThreadsPerBlock <= 128 && attributes.sharedSizeBytes == 256);
    EXPECT(cudaFuncGetAttributes(&attributes, nullptr) != cudaSuccess);
    cudaGetLastError();
    Array<int> data(256);
    bounded<<<1, 256>>>(data.at);
    EXPECT(cudaGetLastError() == cudaErrorLaunchOutOfResources);
    return attributes.sharedSizeBytes;
}

CASE(dynamic_shared_memory)
{
    constexpr int kBytes = 80 << 10, kThreads = 256;
    Array<int> data(kThreads);
    for (int i = 0; i < kThreads; i++)
        data[i] = i;
    data.put();
    reverse<<<1, kThreads, kBytes>>>(data.at);
    EXPECT(cudaGetLastError() == cudaErrorInvalidValue); // not before it was asked for
    CUDA(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
    reverse<<<1, kThreads, kBytes>>>(data.at);
    data.get();
    for (int i = 0; i < kThreads; i++)
        EXPECT(data[i] == kThreads - 1 - i);
    return data.sum();
}

CASE(priorities)
{
    int least = 0, greatest = 0, own = 99;
    CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest));
    EXPECT(least >= greatest);
    cudaStream_t stream;
    CUDA(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest));
    CUDA(cudaStreamGetPriority(stream, &own));
    EXPECT(own == greatest);
    unsigned flags = 0;
    CUDA(cudaStreamGetFlags(stream, &flags));
    EXPECT(flags == cudaStreamNonBlocking);
    CUDA(cudaStreamDestroy(stream));
    return 0;
}

CASE(pitched_memory)
{
    int *data = nullptr;
    size_t pitch = 0;
    constexpr int kWidth = 37, kHeight = 11;
    CUDA(cudaMallocPitch(&data, &pitch, kWidth * sizeof(int), kHeight));
    EXPECT(pitch >= kWidth * sizeof(int) && pitch % 32 == 0);
    std::vector<int> in(kWidth * kHeight), out(kWidth * kHeight);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = int(scramble(unsigned(i)));
    CUDA(cudaMemset2D(data, pitch, 0x11, kWidth * sizeof(int), kHeight));
    CUDA(cudaMemcpy2D(data, pitch, in.data(), kWidth * 4, kWidth * 4, kHeight - 1,
                      cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy2D(out.data(), kWidth * 4, data, pitch, kWidth * 4, kHeight,
                      cudaMemcpyDeviceToHost));
    EXPECT(std::equal(in.begin(), in.end() - kWidth, out.begin()) && out.back() == 0x11111111);
    EXPECT(cudaMemcpy2D(data, 8, in.data(), kWidth * 4, kWidth * 4, kHeight,
                        cudaMemcpyHostToDevice) == cudaErrorInvalidPitchValue);
    cudaGetLastError();
    CUDA(cudaFree(data));
    return checksum(out.data(), out.size() * 4);
}

CASE(boxes)
{
    cudaExtent extent = make_cudaExtent(20 * sizeof(int), 6, 5);
    cudaPitchedPtr box{};
    CUDA(cudaMalloc3D(&box, extent));
    CUDA(cudaMemset3D(box, 0, extent));
    std::vector<int> in(20 * 6 * 5), out(in.size());
    for (size_t i = 0; i < in.size(); i++)
        in[i] = int(i);
    cudaMemcpy3DParms copy{};
    copy.srcPtr = make_cudaPitchedPtr(in.data(), 80, 20, 6);
    copy.dstPtr = box;
    copy.dstPos = make_cudaPos(0, 0, 1);
    copy.extent = make_cudaExtent(80, 6, 4);
    copy.kind = cudaMemcpyHostToDevice;
    CUDA(cudaMemcpy3D(&copy));
    cudaMemcpy3DParms back{};
    back.srcPtr = box;
    back.dstPtr = make_cudaPitchedPtr(out.data(), 80, 20, 6);
    back.extent = extent;
    back.kind = cudaMemcpyDeviceToHost;
    CUDA(cudaMemcpy3D(&back));
    EXPECT(out[0] == 0 && out[119] == 0 &&
           std::equal(in.begin(), in.end() - 120, out.begin() + 120));
    CUDA(cudaFree(box.ptr));
    return checksum(out.data(), out.size() * 4);
}

__device__ int symbol[100];

CASE(symbols)
{
    std::vector<int> in(50, 7), out(100, 1);
    CUDA(cudaMemcpyToSymbol(symbol, in.data(), 200, 100));
    CUDA(cudaMemcpyFromSymbol(out.data(), symbol, 400));
    EXPECT(std::count(out.begin() + 25, out.begin() + 75, 7) == 50 && out[24] == 0 && out[75] == 0);
    void *address = nullptr;
    size_t size = 0;
    CUDA(cudaGetSymbolAddress(&address, symbol));
    CUDA(cudaGetSymbolSize(&size, symbol));
    EXPECT(size == 400);
    add<<<1, 128>>>(static_cast<int *>(address), 5, 100);
    CUDA(cudaMemcpyFromSymbol(out.data(), symbol, 400));
    EXPECT(out[0] == 5 && out[30] == 12);
    EXPECT(cudaMemcpyToSymbol(symbol, in.data(), 200, 300) == cudaErrorInvalidValue);
    cudaGetLastError();
    return checksum(out.data(), 400);
}

CASE(pointer_attributes)
{
    int *device = nullptr, *pinned = nullptr, plain = 0;
    CUDA(cudaMalloc(&device, 64));
    CUDA(cudaMallocHost(&pinned, 64));
    cudaPointerAttributes of{};
    CUDA(cudaPointerGetAttributes(&of, device + 3));
    EXPECT(of.type == cudaMemoryTypeDevice && of.device == 0 && of.devicePointer == device + 3);
    CUDA(cudaPointerGetAttributes(&of, pinned));
    EXPECT(of.type == cudaMemoryTypeHost && of.hostPointer == pinned);
    CUDA(cudaPointerGetAttributes(&of, &plain));
    EXPECT(of.type == cudaMemoryTypeUnregistered);
    CUDA(cudaFreeHost(pinned));
    CUDA(cudaFree(device));
    return 0;
}

CASE(memory_balance)
{
    size_t before = 0, during = 0, after = 0, total = 0;
    CUDA(cudaMemGetInfo(&before, &total));
    void *block = nullptr;
    CUDA(cudaMalloc(&block, 32 << 20));
    CUDA(cudaMemGetInfo(&during, &total));
    CUDA(cudaFree(block));
    CUDA(cudaMemGetInfo(&after, &total));
    EXPECT(before - during >= 32 << 20 && after >= during + (32 << 20) && total >= before);
    EXPECT(cudaMalloc(&block, size_t(1) << 46) == cudaErrorMemoryAllocation);
    EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess);
    return 0;
}

CASE(pools)
{
    cudaMemPool_t pool;
    CUDA(cudaDeviceGetDefaultMemPool(&pool, 0));
    uint64_t keep = 1 << 20, told = 0;
    CUDA(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep));
    CUDA(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &told));
    EXPECT(told == keep);
    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    std::vector<int> out(1000);
    for (int round = 0; round < 3; round++) {
        int *data = nullptr;
        CUDA(cudaMallocAsync(&data, 4000, stream));
        CUDA(cudaMemsetAsync(data, 0, 4000, stream));
        add<<<4, 256, 0, stream>>>(data, round, 1000);
        CUDA(cudaMemcpyAsync(out.data(), data, 4000, cudaMemcpyDeviceToHost, stream));
        CUDA(cudaFreeAsync(data, stream));
        CUDA(cudaStreamSynchronize(stream));
        EXPECT(std::count(out.begin(), out.end(), round) == 1000);
    }
    CUDA(cudaStreamDestroy(stream));
    return 0;
}

CASE(events_between_streams)
{
    cudaStream_t a, b;
    cudaEvent_t done, start, end;
    Array<int> data(1 << 12);
    data.put();
    CUDA(cudaDeviceSynchronize()); // these streams wait for no other
    CUDA(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
    CUDA(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking));
    CUDA(cudaEventCreateWithFlags(&done, cudaEventDisableTiming));
    CUDA(cudaEventCreate(&start));
    CUDA(cudaEventCreate(&end));
    CUDA(cudaEventRecord(start, a));
    for (int i = 0; i < 20; i++) { // now one stream, now the other
        cudaStream_t now = i % 2 ? b : a, next = i % 2 ? a : b;
        add<<<16, 256, 0, now>>>(data.at, i, 1 << 12);
        CUDA(cudaEventRecord(done, now));
        CUDA(cudaStreamWaitEvent(next, done, 0));
    }
    CUDA(cudaEventRecord(end, a));
    CUDA(cudaEventSynchronize(end));
    float ms = -1;
    CUDA(cudaEventElapsedTime(&ms, start, end));
    EXPECT(ms >= 0 && cudaEventQuery(end) == cudaSuccess);
    expect_all(data, 190);
    EXPECT(cudaEventElapsedTime(&ms, start, done) == cudaErrorInvalidResourceHandle);
    cudaGetLastError();
    for (cudaEvent_t event : {done, start, end})
        CUDA(cudaEventDestroy(event));
    CUDA(cudaStreamDestroy(a));
    CUDA(cudaStreamDestroy(b));
    return data.sum();
}

CASE(callbacks_in_order)
{
    static std::vector<int> order;
    static std::atomic<int> number{0};
    auto note = [](void *) { order.push_back(number++); };
    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    Array<int> data(256);
    data.put();
    for (int i = 0; i < 10; i++) {
        add<<<1, 256, 0, stream>>>(data.at, 1, 256);
        CUDA(cudaLaunchHostFunc(stream, note, nullptr));
    }
    CUDA(cudaStreamSynchronize(stream));
    EXPECT(order.size() == 10 && std::is_sorted(order.begin(), order.end()));
    expect_all(data, 10);
    CUDA(cudaStreamDestroy(stream));
    return order.size();
}

CASE(launch_by_configuration)
{
    Array<int> data(512);
    data.put();
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(4);
    config.blockDim = dim3(128);
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributePriority;
    attribute.val.priority = 0;
    config.attrs = &attribute;
    config.numAttrs = 1;
    CUDA(cudaLaunchKernelEx(&config, add, data.at, 9, 512));
    expect_all(data, 9);
    int value = 4, n = 512;
    void *arguments[] = {&data.at, &value, &n};
    CUDA(
        cudaLaunchKernel(reinterpret_cast<void *>(add), dim3(4), dim3(128), arguments, 0, nullptr));
    expect_all(data, 13);
    return data.sum();
}

CASE(launch_errors)
{
    Array<int> data(64);
    data.put();
    add<<<1, 5000>>>(data.at, 1, 64);
    EXPECT(cudaPeekAtLastError() == cudaErrorInvalidConfiguration);
    EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration &&
           cudaGetLastError() == cudaSuccess);
    add<<<0, 32>>>(data.at, 1, 64);
    EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
    EXPECT(!std::strcmp(cudaGetErrorName(cudaErrorInvalidConfiguration),
                        "cudaErrorInvalidConfiguration"));
    expect_all(data, 0);
    return std::strlen(cudaGetErrorString(cudaErrorInvalidConfiguration)) > 5;
}

CASE(graph_update)
{
    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    Array<int> data(256);
    data.put();
    cudaGraphExec_t exec = nullptr;
    for (int round = 1; round <= 3; round++) {
        cudaGraph_t graph;
        CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
        for (int i = 0; i < 4; i++)
            add<<<1, 256, 0, stream>>>(data.at, round * 10, 256);
        CUDA(cudaStreamEndCapture(stream, &graph));
        cudaGraphExecUpdateResult result = cudaGraphExecUpdateError;
#if CUDART_VERSION >= 12000
        cudaGraphExecUpdateResultInfo info{};
        if (exec && cudaGraphExecUpdate(exec, graph, &info) == cudaSuccess)
            result = info.result;
#endif
        EXPECT(!exec || result == cudaGraphExecUpdateSuccess);
        if (!exec)
            CUDA(cudaGraphInstantiate(&exec, graph, 0));
        CUDA(cudaGraphDestroy(graph));
        CUDA(cudaGraphLaunch(exec, stream));
    }
    CUDA(cudaStreamSynchronize(stream));
    expect_all(data, 240);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaStreamDestroy(stream));
    return data.sum();
}

CASE(graph_memory)
{
    cudaGraph_t graph;
    cudaGraphNode_t alloc, set, run, gone;
    cudaGraphExec_t exec;
    CUDA(cudaGraphCreate(&graph, 0));
    cudaMemAllocNodeParams wanted{};
    wanted.poolProps.allocType = cudaMemAllocationTypePinned;
    wanted.poolProps.location.type = cudaMemLocationTypeDevice;
    wanted.bytesize = 4096;
    CUDA(cudaGraphAddMemAllocNode(&alloc, graph, nullptr, 0, &wanted));
    cudaMemsetParams fill{};
    fill.dst = wanted.dptr;
    fill.elementSize = 4;
    fill.width = 1024;
    fill.height = 1;
    CUDA(cudaGraphAddMemsetNode(&set, graph, &alloc, 1, &fill));
    int value = 6, n = 1024;
    void *arguments[] = {&wanted.dptr, &value, &n};
    cudaKernelNodeParams launch{};
    launch.func = reinterpret_cast<void *>(add);
    launch.gridDim = dim3(4);
    launch.blockDim = dim3(256);
    launch.kernelParams = arguments;
    CUDA(cudaGraphAddKernelNode(&run, graph, &set, 1, &launch));
    Array<int> out(1024);
    cudaGraphNode_t copy;
    CUDA(cudaGraphAddMemcpyNode1D(&copy, graph, &run, 1, out.at, wanted.dptr, 4096,
                                  cudaMemcpyDeviceToDevice));
    CUDA(cudaGraphAddMemFreeNode(&gone, graph, &copy, 1, wanted.dptr));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    for (int i = 0; i < 2; i++)
        CUDA(cudaGraphLaunch(exec, nullptr));
    CUDA(cudaDeviceSynchronize());
    expect_all(out, 6);
    uint64_t used = 1;
    CUDA(cudaDeviceGetGraphMemAttribute(0, cudaGraphMemAttrUsedMemCurrent, &used));
    EXPECT(used == 0);
    CUDA(cudaDeviceGraphMemTrim(0));
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    return out.sum();
}

CASE(peer_copies)
{
    int devices = 0, same = -1;
    CUDA(cudaGetDeviceCount(&devices));
    Array<int> here(1000, 3), there(1000);
    here.put();
    there.put();
    // Between one device's own memories where there is no other.
    CUDA(cudaMemcpyPeer(there.at, 0, here.at, 0, 4000));
    expect_all(there, 3);
    EXPECT(cudaDeviceCanAccessPeer(&same, 0, 0) == cudaSuccess && same == 0);
    EXPECT(cudaDeviceEnablePeerAccess(0, 0) == cudaErrorInvalidDevice);
    cudaGetLastError();
    EXPECT(cudaMemcpyPeer(there.at, 99, here.at, 0, 4000) == cudaErrorInvalidDevice);
    cudaGetLastError();
    return there.sum();
}

CASE(registered_memory)
{
    std::vector<int> host(5000, 1);
    CUDA(cudaHostRegister(host.data(), host.size() * 4, cudaHostRegisterDefault));
    Array<int> data(5000);
    CUDA(cudaMemcpyAsync(data.at, host.data(), 20000, cudaMemcpyHostToDevice));
    add<<<20, 256>>>(data.at, 41, 5000);
    CUDA(cudaMemcpyAsync(host.data(), data.at, 20000, cudaMemcpyDeviceToHost));
    CUDA(cudaDeviceSynchronize());
    EXPECT(std::count(host.begin(), host.end(), 42) == 5000);
    EXPECT(cudaHostRegister(host.data(), 20000, 0) == cudaErrorHostMemoryAlreadyRegistered);
    cudaGetLastError();
    CUDA(cudaHostUnregister(host.data()));
    EXPECT(cudaHostUnregister(host.data()) == cudaErrorHostMemoryNotRegistered);
    cudaGetLastError();
    return 0;
}

CASE(device_properties)
{
    cudaDeviceProp properties{};
    int value = 0, driver = 0, runtime = 0;
    CUDA(cudaGetDeviceProperties(&properties, 0));
    CUDA(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 0));
    CUDA(cudaDriverGetVersion(&driver));
    CUDA(cudaRuntimeGetVersion(&runtime));
    EXPECT(value == 32 && properties.warpSize == 32 && properties.major >= 7 && properties.name[0]);
    EXPECT(properties.maxThreadsPerBlock == 1024 && driver >= runtime / 1000 * 1000);
    EXPECT(cudaSetDevice(99) == cudaErrorInvalidDevice);
    cudaGetLastError();
    EXPECT(cudaDeviceGetAttribute(&value, cudaDeviceAttr(9999), 0) == cudaErrorInvalidValue);
    cudaGetLastError();
    return 0;
}

int main()
{
    return run_cases();
}
