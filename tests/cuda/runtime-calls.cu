// SPDX-License-Identifier: Apache-2.0
// Calls of the runtime that few programs make: batches, nodes of any kind, what is told of nodes,
// textures, arrays and pools, and the per-thread forms of old copies.
#include "cases.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

const char *const program = "runtime-calls";

constexpr int kCount = 1024;
constexpr size_t kBytes = kCount * sizeof(int);

__device__ int variable[kCount];

__global__ void scale(int *data, int factor, int add)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    data[i] = data[i] * factor + add;
}

__global__ void negate(int *data, int, int)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    data[i] = -data[i];
}

#define FAILS(code, call) CHECK_WITH((call, cudaGetLastError()), code, cudaGetErrorName)

static uint64_t all_are(Array<int> &data, int value)
{
    data.get();
    EXPECT(std::count(data.host.begin(), data.host.end(), value) == long(data.size()));
    return data.sum();
}

#if CUDART_VERSION >= 13000
CASE(batches)
{
    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    Array<int> first(kCount), second(kCount);
    std::iota(first.host.begin(), first.host.end(), 5);
    std::vector<int> back(kCount);
    void *to[] = {first.at, second.at, back.data()};
    const void *from[] = {first.host.data(), first.at, second.at};
    size_t sizes[] = {kBytes, kBytes, kBytes}, begins[] = {0};
    cudaMemcpyAttributes attributes{};
    attributes.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
    CUDA(cudaMemcpyBatchAsync(to, from, sizes, 1, &attributes, begins, 1, stream));
    CUDA(cudaMemcpyBatchAsync(to + 1, from + 1, sizes, 1, &attributes, begins, 1, stream));
    CUDA(cudaMemcpyBatchAsync(to + 2, from + 2, sizes, 1, &attributes, begins, 1, stream));
    CUDA(cudaStreamSynchronize(stream));
    EXPECT(back == first.host);
    FAILS(cudaErrorInvalidValue,
          cudaMemcpyBatchAsync(to, from, sizes, 0, &attributes, begins, 1, stream));

    // A box of rows, out of the middle of the one into the other.
    CUDA(cudaMemset(second.at, 0, kBytes));
    cudaMemcpy3DBatchOp box{};
    box.src.type = box.dst.type = cudaMemcpyOperandTypePointer;
    box.src.op.ptr = {first.at + 40, 128, 8, {}};
    box.dst.op.ptr = {second.at, 64, 16, {}};
    box.extent = {64, 4, 1};
    box.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
    CUDA(cudaMemcpy3DBatchAsync(1, &box, 0, stream));
    CUDA(cudaStreamSynchronize(stream));
    FAILS(cudaErrorInvalidValue, cudaMemcpy3DBatchAsync(1, nullptr, 0, stream));
    second.get();
    uint64_t sum = second.sum();

    int *managed;
    CUDA(cudaMallocManaged(&managed, kBytes));
    std::fill_n(managed, kCount, 3);
    void *ranges[] = {managed};
    cudaMemLocation here{cudaMemLocationTypeDevice, 0};
    // What cannot be moved to and fro says so.
    cudaError_t moved = cudaMemPrefetchBatchAsync(ranges, sizes, 1, &here, begins, 1, 0, stream);
    cudaGetLastError();
    EXPECT(moved == cudaSuccess || moved == cudaErrorInvalidDevice ||
           moved == cudaErrorNotSupported);
    if (moved == cudaSuccess) {
        scale<<<4, 256, 0, stream>>>(managed, 2, 1);
        CUDA(cudaStreamSynchronize(stream));
        EXPECT(std::count(managed, managed + kCount, 7) == kCount);
        CUDA(cudaMemDiscardBatchAsync(ranges, sizes, 1, 0, stream));
        CUDA(cudaMemDiscardAndPrefetchBatchAsync(ranges, sizes, 1, &here, begins, 1, 0, stream));
        CUDA(cudaStreamSynchronize(stream));
    }
    FAILS(cudaErrorInvalidValue, cudaMemDiscardBatchAsync(nullptr, sizes, 1, 0, stream));
    CUDA(cudaFree(managed));
    CUDA(cudaStreamDestroy(stream));
    return sum;
}

CASE(pools_by_place)
{
    cudaMemLocation place{cudaMemLocationTypeDevice, 0};
    cudaMemPool_t standard, current;
    CUDA(cudaMemGetDefaultMemPool(&standard, &place, cudaMemAllocationTypePinned));
    CUDA(cudaMemGetMemPool(&current, &place, cudaMemAllocationTypePinned));
    EXPECT(standard == current);
    CUDA(cudaMemSetMemPool(&place, cudaMemAllocationTypePinned, standard));
    FAILS(cudaErrorInvalidValue, cudaMemGetMemPool(&current, nullptr, cudaMemAllocationTypePinned));
    return 0;
}

CASE(atomic_capabilities)
{
    cudaAtomicOperation operations[] = {cudaAtomicOperationIntegerAdd};
    unsigned told = 99;
    cudaError_t error = cudaDeviceGetHostAtomicCapabilities(&told, operations, 1, 0);
    cudaGetLastError();
    EXPECT(error == cudaErrorNotSupported || (error == cudaSuccess && told != 99));
    FAILS(cudaErrorInvalidDevice, cudaDeviceGetP2PAtomicCapabilities(&told, operations, 1, 0, 99));
    return 0;
}
#endif

static cudaGraphNodeParams kernel_node(const void *func, dim3 grid, dim3 block, void **arguments)
{
    cudaGraphNodeParams node{};
    node.type = cudaGraphNodeTypeKernel;
    node.kernel.func = const_cast<void *>(func);
    node.kernel.gridDim = grid;
    node.kernel.blockDim = block;
    node.kernel.kernelParams = arguments;
    return node;
}

CASE(nodes_of_any_kind)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    cudaGraphNode_t node, fill;
    Array<int> data(kCount);
    int factor = 3, add = 1;
    void *arguments[] = {&data.at, &factor, &add};
    CUDA(cudaGraphCreate(&graph, 0));
    cudaMemsetParams set{};
    set.dst = data.at;
    set.elementSize = 4;
    set.value = 10;
    set.width = kCount;
    set.height = 1;
    CUDA(cudaGraphAddMemsetNode(&fill, graph, nullptr, 0, &set));
    cudaGraphNodeParams launch = kernel_node(reinterpret_cast<void *>(scale), 4, 256, arguments);
#if CUDART_VERSION < 13000
    CUDA(cudaGraphAddNode(&node, graph, &fill, 1, &launch));
#else
    CUDA(cudaGraphAddNode(&node, graph, &fill, nullptr, 1, &launch));
#endif
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphLaunch(exec, nullptr));
    uint64_t sum = all_are(data, 31);
    // In what was made of the graph.
    factor = 5;
    CUDA(cudaGraphExecNodeSetParams(exec, node, &launch));
    cudaGraphNodeParams other{};
    other.type = cudaGraphNodeTypeMemset;
    other.memset = {};
    other.memset.dst = data.at;
    other.memset.elementSize = 4;
    other.memset.value = 2;
    other.memset.width = kCount;
    other.memset.height = 1;
    CUDA(cudaGraphExecNodeSetParams(exec, fill, &other));
    CUDA(cudaGraphLaunch(exec, nullptr));
    sum ^= all_are(data, 11);
    // In the graph itself.
    factor = 7;
    CUDA(cudaGraphNodeSetParams(node, &launch));
    cudaGraphExec_t again;
    CUDA(cudaGraphInstantiate(&again, graph, 0));
    CUDA(cudaGraphLaunch(again, nullptr));
    sum ^= all_are(data, 71);
    FAILS(cudaErrorInvalidValue, cudaGraphNodeSetParams(node, nullptr));
    FAILS(cudaErrorInvalidValue, cudaGraphExecNodeSetParams(exec, node, nullptr));
    CUDA(cudaGraphExecDestroy(again));
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    return sum;
}

// What a node is told to have: the same launch can be made of it.
CASE(told_of_kernels)
{
    cudaGraph_t graph;
    cudaGraphNode_t node, twin;
    Array<int> data(kCount, 6);
    data.put();
    int factor = 3, add = 1;
    void *arguments[] = {&data.at, &factor, &add};
    CUDA(cudaGraphCreate(&graph, 0));
    cudaKernelNodeParams launch{}, told{};
    launch.func = reinterpret_cast<void *>(scale);
    launch.gridDim = {2, 2, 1};
    launch.gridDim = {4, 1, 1};
    launch.blockDim = {256, 1, 1};
    launch.kernelParams = arguments;
    CUDA(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &launch));
    CUDA(cudaGraphKernelNodeGetParams(node, &told));
    EXPECT(told.func == launch.func && told.gridDim.x == 4 && told.blockDim.x == 256);
    EXPECT(*static_cast<int *>(told.kernelParams[1]) == 3);
    CUDA(cudaGraphAddKernelNode(&twin, graph, &node, 1, &told));
    told.func = reinterpret_cast<void *>(negate);
    CUDA(cudaGraphKernelNodeSetParams(node, &told));
    CUDA(cudaGraphKernelNodeGetParams(node, &told));
    EXPECT(told.func == reinterpret_cast<void *>(negate));
    cudaGraphExec_t exec;
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphLaunch(exec, nullptr));
    uint64_t sum = all_are(data, -17);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));

    // A launch that was captured.
    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    negate<<<4, 256, 0, stream>>>(data.at, 0, 0);
    CUDA(cudaStreamEndCapture(stream, &graph));
    size_t count = 1;
    CUDA(cudaGraphGetNodes(graph, &node, &count));
    EXPECT(count == 1);
    CUDA(cudaGraphKernelNodeGetParams(node, &told));
    EXPECT(told.func == reinterpret_cast<void *>(negate) && told.gridDim.x == 4);
    FAILS(cudaErrorInvalidValue, cudaGraphKernelNodeGetParams(node, nullptr));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaStreamDestroy(stream));
    return sum;
}

CASE(told_of_copies)
{
    cudaGraph_t graph;
    cudaGraphNode_t row, box, node;
    Array<int> data(kCount), other(kCount);
    cudaMemcpy3DParms told{};
    CUDA(cudaGraphCreate(&graph, 0));
    CUDA(cudaGraphAddMemcpyNode1D(&row, graph, nullptr, 0, data.at, data.host.data(), kBytes,
                                  cudaMemcpyHostToDevice));
    CUDA(cudaGraphMemcpyNodeGetParams(row, &told));
    EXPECT(told.kind == cudaMemcpyHostToDevice && told.srcPtr.ptr == data.host.data() &&
           told.dstPtr.ptr == data.at && told.extent.width == kBytes && !told.srcArray);

    // Through an array, whose elements are what positions and widths count.
    cudaArray_t array;
    cudaChannelFormatDesc format = cudaCreateChannelDesc<int2>();
    CUDA(cudaMallocArray(&array, &format, 32, 8));
    cudaMemcpy3DParms copy{};
    copy.srcPtr = make_cudaPitchedPtr(data.at, 16 * sizeof(int2), 16, 4);
    copy.dstArray = array;
    copy.dstPos = make_cudaPos(3, 2, 0);
    copy.extent = make_cudaExtent(16, 4, 1);
    copy.kind = cudaMemcpyDeviceToDevice;
    CUDA(cudaGraphAddMemcpyNode(&box, graph, &row, 1, &copy));
    CUDA(cudaGraphMemcpyNodeGetParams(box, &told));
    EXPECT(told.dstArray == array && told.dstPos.x == 3 && told.dstPos.y == 2 &&
           told.extent.width == 16 && told.extent.height == 4 && told.srcPtr.ptr == data.at &&
           told.srcPtr.pitch == 16 * sizeof(int2) && told.kind == cudaMemcpyDeviceToDevice);
    // Back again, by what was told.
    std::swap(told.srcArray, told.dstArray);
    std::swap(told.srcPos, told.dstPos);
    told.dstPtr = make_cudaPitchedPtr(other.at, 16 * sizeof(int2), 16, 4);
    told.srcPtr = {};
    CUDA(cudaGraphAddMemcpyNode(&node, graph, &box, 1, &told));
    cudaGraphExec_t exec;
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    std::iota(data.host.begin(), data.host.end(), 9);
    CUDA(cudaGraphLaunch(exec, nullptr));
    CUDA(cudaDeviceSynchronize());
    other.get();
    EXPECT(std::equal(other.host.begin(), other.host.begin() + 128, data.host.begin()));
    FAILS(cudaErrorInvalidValue, cudaGraphMemcpyNodeGetParams(box, nullptr));
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaFreeArray(array));
    return other.sum();
}

CASE(copies_of_variables_changed)
{
    cudaGraph_t graph;
    cudaGraphNode_t in, out;
    std::vector<int> from(kCount, 4), to(kCount);
    CUDA(cudaGraphCreate(&graph, 0));
    CUDA(cudaGraphAddMemcpyNodeToSymbol(&in, graph, nullptr, 0, variable, from.data(), kBytes, 0,
                                        cudaMemcpyHostToDevice));
    CUDA(cudaGraphAddMemcpyNodeFromSymbol(&out, graph, &in, 1, to.data(), variable, kBytes, 0,
                                          cudaMemcpyDeviceToHost));
    std::vector<int> second(kCount, 5), home(kCount);
    CUDA(cudaGraphMemcpyNodeSetParamsToSymbol(in, variable, second.data(), kBytes, 0,
                                              cudaMemcpyHostToDevice));
    CUDA(cudaGraphMemcpyNodeSetParamsFromSymbol(out, home.data(), variable, kBytes, 0,
                                                cudaMemcpyDeviceToHost));
    cudaGraphExec_t exec;
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphLaunch(exec, nullptr));
    CUDA(cudaDeviceSynchronize());
    EXPECT(home == second && to[0] == 0);
    CUDA(cudaGraphExecMemcpyNodeSetParamsToSymbol(exec, in, variable, from.data(), kBytes, 0,
                                                  cudaMemcpyHostToDevice));
    CUDA(cudaGraphExecMemcpyNodeSetParamsFromSymbol(exec, out, to.data(), variable, kBytes, 0,
                                                    cudaMemcpyDeviceToHost));
    CUDA(cudaGraphLaunch(exec, nullptr));
    CUDA(cudaDeviceSynchronize());
    EXPECT(to == from && home == second);
    FAILS(cudaErrorInvalidValue, cudaGraphMemcpyNodeSetParamsToSymbol(
                                     in, variable, from.data(), kBytes, 1, cudaMemcpyHostToDevice));
    FAILS(cudaErrorInvalidSymbol,
          cudaGraphExecMemcpyNodeSetParamsFromSymbol(exec, out, to.data(), &program, 4, 0,
                                                     cudaMemcpyDeviceToHost));
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    return checksum(to.data(), kBytes);
}

CASE(told_of_textures)
{
    Array<float> data(64);
    cudaResourceDesc resource{};
    resource.resType = cudaResourceTypeLinear;
    resource.res.linear = {data.at, cudaCreateChannelDesc<float>(), 64 * sizeof(float)};
    cudaTextureDesc made{}, told;
    made.readMode = cudaReadModeElementType;
    made.addressMode[0] = cudaAddressModeClamp;
    cudaTextureObject_t texture;
    CUDA(cudaCreateTextureObject(&texture, &resource, &made, nullptr));
    CUDA(cudaGetTextureObjectTextureDesc(&told, texture));
    EXPECT(told.readMode == made.readMode && told.addressMode[0] == cudaAddressModeClamp &&
           told.normalizedCoords == 0 && told.sRGB == 0);
    CUDA(cudaDestroyTextureObject(texture));

    cudaArray_t array;
    cudaChannelFormatDesc format = cudaCreateChannelDesc<uchar4>();
    CUDA(cudaMallocArray(&array, &format, 16, 16));
    resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    made.readMode = cudaReadModeNormalizedFloat;
    made.normalizedCoords = 1;
    made.filterMode = cudaFilterModeLinear;
    made.addressMode[1] = cudaAddressModeMirror;
    made.maxAnisotropy = 4;
    made.borderColor[2] = 0.5f;
    CUDA(cudaCreateTextureObject(&texture, &resource, &made, nullptr));
    CUDA(cudaGetTextureObjectTextureDesc(&told, texture));
    EXPECT(told.readMode == made.readMode && told.normalizedCoords == 1 &&
           told.filterMode == cudaFilterModeLinear &&
           told.addressMode[1] == cudaAddressModeMirror && told.maxAnisotropy == 4 &&
           told.borderColor[2] == 0.5f);
    FAILS(cudaErrorInvalidValue, cudaGetTextureObjectTextureDesc(nullptr, texture));
    CUDA(cudaDestroyTextureObject(texture));
    CUDA(cudaFreeArray(array));
    return 0;
}

// Arrays of the usual kind need no memory of their owner's and are not sparse: the codes say so.
CASE(told_of_arrays)
{
    cudaArray_t array;
    cudaMipmappedArray_t mipmap;
    cudaChannelFormatDesc format = cudaCreateChannelDesc<int>();
    CUDA(cudaMallocArray(&array, &format, 64, 64));
    CUDA(cudaMallocMipmappedArray(&mipmap, &format, make_cudaExtent(64, 64, 0), 3));
    auto said = [](const char *call, cudaError_t error) {
        std::printf("%s: %s: %s\n", program, call, cudaGetErrorName(error));
        cudaGetLastError();
    };
    cudaArrayMemoryRequirements need{};
    cudaArraySparseProperties sparse{};
    said("needs", cudaArrayGetMemoryRequirements(&need, array, 0));
    said("mipmap needs", cudaMipmappedArrayGetMemoryRequirements(&need, mipmap, 0));
    said("sparse", cudaArrayGetSparseProperties(&sparse, array));
    said("mipmap sparse", cudaMipmappedArrayGetSparseProperties(&sparse, mipmap));
    said("of no device", cudaArrayGetMemoryRequirements(&need, array, 99));
    CUDA(cudaFreeMipmappedArray(mipmap));
    CUDA(cudaFreeArray(array));
    return 0;
}

CASE(notifications)
{
    cudaAsyncCallbackHandle_t handle = nullptr;
    auto told = [](cudaAsyncNotificationInfo_t *, void *, cudaAsyncCallbackHandle_t) {};
    cudaError_t error = cudaDeviceRegisterAsyncNotification(0, told, nullptr, &handle);
    cudaGetLastError();
    EXPECT(error == cudaSuccess || error == cudaErrorNotSupported);
    if (error == cudaSuccess)
        CUDA(cudaDeviceUnregisterAsyncNotification(0, handle));
    FAILS(cudaErrorInvalidDevice, cudaDeviceRegisterAsyncNotification(99, told, nullptr, &handle));
    return 0;
}

// What --default-stream per-thread makes of the old copies' names.
extern "C" {
cudaError_t cudaMemcpyToArray_ptds(cudaArray_t, size_t, size_t, const void *, size_t,
                                   cudaMemcpyKind);
cudaError_t cudaMemcpyFromArray_ptds(void *, cudaArray_const_t, size_t, size_t, size_t,
                                     cudaMemcpyKind);
cudaError_t cudaMemcpyToArrayAsync_ptsz(cudaArray_t, size_t, size_t, const void *, size_t,
                                        cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemcpyFromArrayAsync_ptsz(void *, cudaArray_const_t, size_t, size_t, size_t,
                                          cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemcpyArrayToArray_ptds(cudaArray_t, size_t, size_t, cudaArray_const_t, size_t,
                                        size_t, size_t, cudaMemcpyKind);
cudaError_t cudaMemcpy2DArrayToArray_ptds(cudaArray_t, size_t, size_t, cudaArray_const_t, size_t,
                                          size_t, size_t, size_t, cudaMemcpyKind);
cudaError_t cudaMemcpy3DPeer_ptds(const cudaMemcpy3DPeerParms *);
}

CASE(old_copies)
{
    cudaArray_t first, second, third;
    cudaChannelFormatDesc format = cudaCreateChannelDesc<int>();
    for (cudaArray_t *array : {&first, &second, &third})
        CUDA(cudaMallocArray(array, &format, 32, 32));
    std::vector<int> from(kCount), to(kCount);
    std::iota(from.begin(), from.end(), 1);
    CUDA(cudaMemcpyToArray_ptds(first, 0, 0, from.data(), kBytes, cudaMemcpyHostToDevice));
    CUDA(cudaMemcpyArrayToArray(second, 0, 0, first, 0, 0, kBytes, cudaMemcpyDeviceToDevice));
    CUDA(cudaMemcpyFromArray_ptds(to.data(), second, 0, 0, kBytes, cudaMemcpyDeviceToHost));
    EXPECT(to == from);
    // Part of a row.
    CUDA(cudaMemcpyArrayToArray_ptds(third, 8, 3, first, 4, 1, 16, cudaMemcpyDeviceToDevice));
    CUDA(
        cudaMemcpyFromArrayAsync_ptsz(to.data(), third, 8, 3, 16, cudaMemcpyDeviceToHost, nullptr));
    CUDA(cudaStreamSynchronize(cudaStreamPerThread));
    EXPECT(std::equal(to.begin(), to.begin() + 4, from.begin() + 33));
    FAILS(cudaErrorInvalidValue,
          cudaMemcpyArrayToArray(third, 4, 0, first, 0, 0, kBytes, cudaMemcpyDeviceToDevice));
    CUDA(cudaMemcpyToArrayAsync_ptsz(third, 0, 0, from.data(), kBytes, cudaMemcpyHostToDevice,
                                     nullptr));
    CUDA(cudaStreamSynchronize(cudaStreamPerThread));
    CUDA(
        cudaMemcpy2DArrayToArray_ptds(second, 0, 5, third, 0, 2, 128, 3, cudaMemcpyDeviceToDevice));
    CUDA(cudaMemcpyFromArray(to.data(), second, 0, 5, 3 * 128, cudaMemcpyDeviceToHost));
    EXPECT(std::equal(to.begin(), to.begin() + 96, from.begin() + 64));
    for (cudaArray_t array : {first, second, third})
        CUDA(cudaFreeArray(array));

    Array<int> one(kCount, 8), two(kCount);
    one.put();
    cudaMemcpy3DPeerParms peer{};
    peer.srcPtr = make_cudaPitchedPtr(one.at, kBytes, kBytes, 1);
    peer.dstPtr = make_cudaPitchedPtr(two.at, kBytes, kBytes, 1);
    peer.extent = make_cudaExtent(kBytes, 1, 1);
    CUDA(cudaMemcpy3DPeer_ptds(&peer));
    all_are(two, 8);
    return checksum(to.data(), 96 * sizeof(int));
}

// The runtime hands on what the driver knows of tables; nobody knows this one.
CASE(tables)
{
    const void *table = nullptr;
    cudaUUID_t id{};
    std::memset(&id, 0x5a, sizeof id);
    EXPECT(cudaGetExportTable(&table, &id) != cudaSuccess && !table);
    cudaGetLastError();
    return 0;
}

int main()
{
    return run_cases();
}
