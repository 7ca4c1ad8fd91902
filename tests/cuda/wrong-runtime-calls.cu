// SPDX-License-Identifier: Apache-2.0
// Calls of the runtime API with one wrong argument each (wrong.h), and what the thread's last error
// then is.
#include "check.h"
#include "wrong.h"

#include <cuda_runtime.h>
#include <unistd.h>

const char *const program = "wrong-runtime-calls";

static cudaError_t last = cudaSuccess;

template<>
wrong::Code wrong::code_of(cudaError_t result)
{
    last = result;
    return {cudaGetErrorName(result), result == cudaSuccess};
}

using wrong::dead;

static cudaStream_t stream;
static bool copying; // null is a stream too: one copy at a time, or they would race
static cudaEvent_t event;
static void *data;
static cudaArray_t array;
static cudaMipmappedArray_t pyramid;
static constexpr size_t kBytes = 4096;
static char host[kBytes];

__global__ void add(unsigned *numbers, unsigned n)
{
    numbers[threadIdx.x] += n;
}
__device__ unsigned counter;

// Many have a second form in C++.
#define WALK_AS(but, signature, function, ...)                                                     \
    wrong::walk(#function, but, static_cast<signature>(function), __VA_ARGS__)

static void CUDART_CB nothing(void *) {}
static void CUDART_CB told(cudaStream_t, cudaError_t, void *) {}

static void devices()
{
    int number = 0, least = 0, greatest = 0;
    unsigned flags = 0;
    size_t bytes = 0;
    char text[64] = {};
    static cudaDeviceProp properties;
    cudaMemPool_t pool{};
    WALK(cudaGetDeviceCount, &number);
    WALK(cudaGetDevice, &number);
    WALK(cudaSetDevice, 0);
    WALK(cudaGetDeviceProperties, &properties, 0);
    WALK(cudaDeviceGetAttribute, &number, cudaDevAttrWarpSize, 0);
    WALK(cudaChooseDevice, &number, &properties);
    WALK(cudaDeviceGetLimit, &bytes, cudaLimitStackSize);
    WALK_BUT(2, cudaDeviceSetLimit, cudaLimitStackSize, bytes);
    cudaFuncCache cache{};
    WALK(cudaDeviceGetCacheConfig, &cache);
    WALK(cudaDeviceSetCacheConfig, cache);
    WALK(cudaDeviceGetStreamPriorityRange, &least, &greatest);
    WALK_BUT(2, cudaDeviceGetPCIBusId, text, int(sizeof text), 0);
    WALK(cudaDeviceGetByPCIBusId, &number, text);
    WALK(cudaDeviceCanAccessPeer, &number, 0, 0);
    WALK(cudaDeviceEnablePeerAccess, 0, 0);
    WALK(cudaDeviceDisablePeerAccess, 0);
    WALK(cudaDeviceGetP2PAttribute, &number, cudaDevP2PAttrAccessSupported, 0, 0);
    WALK(cudaDeviceGetDefaultMemPool, &pool, 0);
    WALK(cudaDeviceGetMemPool, &pool, 0);
    WALK(cudaDeviceSetMemPool, 0, pool);
    WALK(cudaGetDeviceFlags, &flags);
    WALK(cudaSetDeviceFlags, 0);
    WALK(cudaInitDevice, 0, 0, 0);
    WALK(cudaDriverGetVersion, &number);
    WALK(cudaRuntimeGetVersion, &number);
    uint64_t used = 0;
    WALK(cudaDeviceGetGraphMemAttribute, 0, cudaGraphMemAttrUsedMemCurrent, &used);
    WALK(cudaDeviceSetGraphMemAttribute, 0, cudaGraphMemAttrUsedMemHigh, &used);
    WALK(cudaDeviceGraphMemTrim, 0);
}

static void memory()
{
    void *at = nullptr, *pinned = nullptr, *managed = nullptr, *seen = nullptr;
    size_t size = 0;
    unsigned flags = 0;
    using One = cudaError_t (*)(void **, size_t);
    WALK_AS(0, One, cudaMalloc, &at, kBytes);
    WALK_AS(0, One, cudaMallocHost, &pinned, kBytes);
    using Flagged = cudaError_t (*)(void **, size_t, unsigned);
    WALK_AS(0, Flagged, cudaHostAlloc, &pinned, kBytes, 0);
    WALK_AS(0, Flagged, cudaMallocManaged, &managed, kBytes, cudaMemAttachGlobal);
    WALK_AS(0, cudaError_t(*)(void **, size_t *, size_t, size_t), cudaMallocPitch, &at, &size, 100,
            10);
    cudaPitchedPtr pitched{};
    WALK(cudaMalloc3D, &pitched, cudaExtent{64, 4, 2});
    WALK(cudaMalloc3D, &pitched, cudaExtent{0, 4, 2});
    WALK(cudaMalloc3D, &pitched, cudaExtent{size_t(1) << 60, 4, 2});
    WALK(cudaMemGetInfo, &size, &size);
    WALK_AS(0, cudaError_t(*)(void **, void *, unsigned), cudaHostGetDevicePointer, &seen, pinned,
            0);
    WALK(cudaHostGetFlags, &flags, pinned);
    static char own[kBytes];
    WALK_BUT(2, cudaHostRegister, own, kBytes, 0);
    WALK_AS(0, cudaError_t(*)(void **, size_t, cudaStream_t), cudaMallocAsync, &at, kBytes, stream);
    CUDA(cudaMallocAsync(&at, kBytes, stream));
    WALK(cudaFreeAsync, at, stream);
    cudaPointerAttributes attributes{};
    WALK(cudaPointerGetAttributes, &attributes, data);
    cudaMemLocation here{};
    here.type = cudaMemLocationTypeDevice;
#if CUDART_VERSION >= 13000
    WALK_AS(1, cudaError_t(*)(const void *, size_t, cudaMemoryAdvise, cudaMemLocation),
            cudaMemAdvise, managed, kBytes, cudaMemAdviseSetReadMostly, here);
    WALK_AS(1, cudaError_t(*)(const void *, size_t, cudaMemLocation, unsigned, cudaStream_t),
            cudaMemPrefetchAsync, managed, kBytes, here, 0, stream);
#endif
    int answer = 0;
    WALK(cudaMemRangeGetAttribute, &answer, sizeof answer, cudaMemRangeAttributeReadMostly, managed,
         kBytes);
    WALK_AS(2, cudaError_t(*)(cudaStream_t, void *, size_t, unsigned), cudaStreamAttachMemAsync,
            stream, managed, 0, cudaMemAttachGlobal);
    for (void *none : {static_cast<void *>(&answer), static_cast<void *>(own + 16),
                       static_cast<void *>(static_cast<char *>(data) + 16)}) {
        WALK_BUT(1, cudaFree, none);
        WALK_BUT(1, cudaFreeHost, none);
        WALK_BUT(1, cudaHostUnregister, none);
        WALK_BUT(1, cudaHostGetFlags, &flags, none);
    }
    REFUSE(cudaFree);
    REFUSE(cudaFreeHost);
    REFUSE(cudaHostUnregister);
    cudaIpcMemHandle_t handle{};
    WALK(cudaIpcGetMemHandle, &handle, data);
    WALK(cudaIpcOpenMemHandle, &at, cudaIpcMemHandle_t{}, cudaIpcMemLazyEnablePeerAccess);
}

static void copies()
{
    copying = true;
    constexpr cudaMemcpyKind kIn = cudaMemcpyHostToDevice, kOut = cudaMemcpyDeviceToHost;
    WALK(cudaMemcpy, data, host, 16, kIn);
    WALK(cudaMemcpy, host, data, 16, kOut);
    WALK(cudaMemcpyAsync, data, host, 16, kIn, stream);
    WALK(cudaMemcpyAsync, host, data, 16, kOut, stream);
    WALK(cudaMemcpy2D, data, 64, host, 32, 16, 2, kIn);
    WALK(cudaMemcpy2DAsync, host, 64, data, 32, 16, 2, kOut, stream);
    WALK(cudaMemcpy2DToArray, array, 0, 0, host, 64, 16, 2, kIn);
    WALK(cudaMemcpy2DFromArray, host, 64, array, 0, 0, 16, 2, kOut);
    WALK(cudaMemcpy2DArrayToArray, array, 0, 0, array, 0, 4, 16, 1, cudaMemcpyDeviceToDevice);
    WALK(cudaMemcpy2DToArrayAsync, array, 0, 0, host, 64, 16, 2, kIn, stream);
    WALK(cudaMemcpy2DFromArrayAsync, host, 64, array, 0, 0, 16, 2, kOut, stream);
    WALK(cudaMemcpyPeer, data, 0, static_cast<char *>(data) + 64, 0, 16);
    WALK(cudaMemcpyPeerAsync, data, 0, static_cast<char *>(data) + 64, 0, 16, stream);
    WALK(cudaMemset, data, 1, 16);
    WALK(cudaMemsetAsync, data, 1, 16, stream);
    WALK(cudaMemset2D, data, 64, 1, 16, 2);
    WALK(cudaMemset2DAsync, data, 64, 1, 16, 2, stream);
    cudaPitchedPtr pitched{data, 64, 64, 4};
    WALK(cudaMemset3D, pitched, 1, cudaExtent{64, 4, 2});
    WALK(cudaMemset3D, pitched, 1, cudaExtent{65, 4, 2});
    WALK(cudaMemset3DAsync, cudaPitchedPtr{}, 1, cudaExtent{64, 4, 2}, stream);
    cudaMemcpy3DParms box{};
    box.srcPtr = {host, 64, 64, 4};
    box.dstPtr = pitched;
    box.extent = {16, 2, 1};
    box.kind = kIn;
    WALK(cudaMemcpy3D, &box);
    WALK(cudaMemcpy3DAsync, &box, stream);
    cudaMemcpy3DParms other = box;
    other.dstArray = array; // two of them
    WALK_BUT(1, cudaMemcpy3D, &other);
    other = box;
    other.kind = cudaMemcpyKind(9);
    WALK_BUT(1, cudaMemcpy3D, &other);
    other = {};
    other.extent = {16, 2, 1};
    WALK_BUT(1, cudaMemcpy3D, &other);
    cudaMemcpy3DPeerParms peers{};
    peers.extent = {16, 2, 1};
    WALK(cudaMemcpy3DPeer, &peers);
    WALK(cudaMemcpy3DPeerAsync, &peers, stream);

    void *at = nullptr;
    size_t size = 0;
    unsigned value = 0;
    WALK_AS(2, cudaError_t(*)(void **, const void *), cudaGetSymbolAddress, &at, &counter);
    WALK_AS(2, cudaError_t(*)(size_t *, const void *), cudaGetSymbolSize, &size, &counter);
    WALK_AS(0, cudaError_t(*)(const void *, const void *, size_t, size_t, cudaMemcpyKind),
            cudaMemcpyToSymbol, &counter, &value, 4, 0, kIn);
    WALK_AS(0, cudaError_t(*)(void *, const void *, size_t, size_t, cudaMemcpyKind),
            cudaMemcpyFromSymbol, &value, &counter, 4, 0, kOut);
    copying = false;
}

static void streams()
{
    cudaStream_t made = nullptr;
    cudaEvent_t record = nullptr, timed;
    unsigned flags = 0;
    int number = 0;
    unsigned long long id = 0;
    float time = 0;
    CUDA(cudaEventCreate(&timed));
    CUDA(cudaEventRecord(timed, stream));
    CUDA(cudaEventSynchronize(timed));
    WALK(cudaStreamCreate, &made);
    WALK(cudaStreamCreateWithFlags, &made, 0);
    WALK(cudaStreamCreateWithPriority, &made, 0, 0);
    WALK(cudaStreamGetPriority, stream, &number);
    WALK(cudaStreamGetFlags, stream, &flags);
    WALK_BUT(1, cudaStreamGetId, stream, &id);
    WALK(cudaStreamGetDevice, stream, &number);
    WALK(cudaStreamWaitEvent, stream, event, 0);
    WALK(cudaStreamAddCallback, stream, told, nullptr, 0);
    WALK(cudaLaunchHostFunc, stream, nothing, nullptr);
    CUDA(cudaDeviceSynchronize());
    // Seen once to be not ready here, on a busy machine: what is asked is the codes of wrong calls.
    for (int i = 0; cudaStreamQuery(stream) == cudaErrorNotReady && i < 10000; i++)
        usleep(1000);
    WALK(cudaStreamQuery, stream);
    WALK(cudaStreamSynchronize, stream);
    cudaStreamCaptureStatus capturing{};
    WALK(cudaStreamIsCapturing, stream, &capturing);
    WALK(cudaStreamCopyAttributes, stream, made);
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    WALK(cudaThreadExchangeStreamCaptureMode, &mode);
    cudaGraph_t captured = nullptr;
    WALK(cudaStreamEndCapture, stream, &captured);
    WALK_AS(0, cudaError_t(*)(cudaEvent_t *), cudaEventCreate, &record);
    WALK(cudaEventCreateWithFlags, &record, 0);
    WALK(cudaEventRecord, event, stream);
    WALK(cudaEventRecordWithFlags, event, stream, 0);
    WALK(cudaEventSynchronize, event);
    WALK(cudaEventQuery, event);
    WALK(cudaEventElapsedTime, &time, timed, timed);
    REFUSE(cudaStreamDestroy);
    REFUSE(cudaEventDestroy);
}

static void functions()
{
    const auto kernel = reinterpret_cast<const void *>(add);
    const void *none = host;
    cudaFuncAttributes attributes{};
    int blocks = 0;
    size_t size = 0;
    using Attributes = cudaError_t (*)(cudaFuncAttributes *, const void *);
    WALK_AS(0, Attributes, cudaFuncGetAttributes, &attributes, kernel);
    WALK_AS(0, Attributes, cudaFuncGetAttributes, &attributes, none);
    using Set = cudaError_t (*)(const void *, cudaFuncAttribute, int);
    WALK_AS(0, Set, cudaFuncSetAttribute, kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 64);
    WALK_AS(0, Set, cudaFuncSetAttribute, none, cudaFuncAttributeMaxDynamicSharedMemorySize, 64);
    WALK_AS(0, cudaError_t(*)(const void *, cudaFuncCache), cudaFuncSetCacheConfig, kernel,
            cudaFuncCachePreferL1);
    WALK_AS(0, cudaError_t(*)(int *, const void *, int, size_t),
            cudaOccupancyMaxActiveBlocksPerMultiprocessor, &blocks, kernel, 32, 0);
    WALK_AS(0, cudaError_t(*)(size_t *, const void *, int, int),
            cudaOccupancyAvailableDynamicSMemPerBlock, &size, kernel, 1, 32);
    unsigned n = 1;
    void *arguments[] = {&data, &n};
    using Launch = cudaError_t (*)(const void *, dim3, dim3, void **, size_t, cudaStream_t);
    WALK_AS(8, Launch, cudaLaunchKernel, kernel, dim3(1), dim3(1), arguments, 0, stream);
    WALK_AS(8, Launch, cudaLaunchCooperativeKernel, kernel, dim3(1), dim3(1), arguments, 0, stream);
    for (dim3 size :
         {dim3(0), dim3(1, 0), dim3(1, 1, 0), dim3(1025), dim3(1, 65536), dim3(1, 1, 65536)})
        WALK_AS(63, Launch, cudaLaunchKernel, kernel, size, size, arguments, 0, stream);
    WALK_AS(63, Launch, cudaLaunchKernel, none, dim3(1), dim3(1), arguments, 0, stream);
    cudaFunction_t function = nullptr;
    WALK_AS(2, cudaError_t(*)(cudaFunction_t *, const void *), cudaGetFuncBySymbol, &function,
            kernel);
    cudaKernel_t of = nullptr;
    WALK_AS(2, cudaError_t(*)(cudaKernel_t *, const void *), cudaGetKernel, &of, kernel);
    void *entry = nullptr;
    cudaDriverEntryPointQueryResult how{};
    WALK_AS(0,
            cudaError_t(*)(const char *, void **, unsigned, unsigned long long,
                           cudaDriverEntryPointQueryResult *),
            cudaGetDriverEntryPointByVersion, "cuMemAlloc", &entry, 12000, 0, &how);
}

static void arrays()
{
    cudaArray_t made = nullptr;
    cudaMipmappedArray_t levels = nullptr;
    cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    cudaChannelFormatDesc odd{7, 0, 0, 0, cudaChannelFormatKindFloat};
    cudaExtent extent{};
    unsigned flags = 0;
    WALK(cudaMallocArray, &made, &format, 16, 16, 0);
    WALK(cudaMallocArray, &made, &odd, 16, 16, 0);
    WALK(cudaMalloc3DArray, &made, &format, cudaExtent{16, 16, 4}, 0);
    WALK(cudaMalloc3DArray, &made, &format, cudaExtent{0, 16, 4}, 0);
    WALK(cudaMallocMipmappedArray, &levels, &format, cudaExtent{16, 16, 0}, 2, 0);
    WALK(cudaGetMipmappedArrayLevel, &made, pyramid, 0);
    WALK(cudaArrayGetInfo, &format, &extent, &flags, array);
    WALK(cudaGetChannelDesc, &format, array);
    WALK(cudaArrayGetPlane, &made, array, 0);
    cudaArrayMemoryRequirements needs{};
    WALK(cudaArrayGetMemoryRequirements, &needs, array, 0);
    WALK(cudaMipmappedArrayGetMemoryRequirements, &needs, pyramid, 0);
    cudaArraySparseProperties sparse{};
    WALK(cudaArrayGetSparseProperties, &sparse, array);
    REFUSE(cudaFreeArray);
    REFUSE(cudaFreeMipmappedArray);
    cudaResourceDesc resource{};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaTextureDesc look{};
    cudaResourceViewDesc view{};
    cudaTextureObject_t texture = 0;
    cudaSurfaceObject_t surface = 0;
    WALK_AS(8,
            cudaError_t(*)(cudaTextureObject_t *, const cudaResourceDesc *, const cudaTextureDesc *,
                           const cudaResourceViewDesc *),
            cudaCreateTextureObject, &texture, &resource, &look, nullptr);
    WALK(cudaGetTextureObjectResourceDesc, &resource, texture);
    WALK(cudaGetTextureObjectTextureDesc, &look, texture);
    WALK(cudaGetTextureObjectResourceViewDesc, &view, texture);
    REFUSE(cudaDestroyTextureObject);
    WALK(cudaCreateSurfaceObject, &surface, &resource);
    WALK(cudaGetSurfaceObjectResourceDesc, &resource, surface);
    REFUSE(cudaDestroySurfaceObject);
}

static void pools()
{
    cudaMemPool_t pool = nullptr;
    cudaMemPoolProps props{};
    props.allocType = cudaMemAllocationTypePinned;
    props.location.type = cudaMemLocationTypeDevice;
    WALK(cudaMemPoolCreate, &pool, &props);
    CUDA(cudaMemPoolCreate(&dead<cudaMemPool_t>, &props));
    CUDA(cudaMemPoolDestroy(dead<cudaMemPool_t>));
    cudaMemPoolProps other = props;
    other.allocType = cudaMemAllocationType(9);
    WALK_BUT(3, cudaMemPoolCreate, &pool, &other);
    other = props;
    other.location.id = 99;
    WALK_BUT(3, cudaMemPoolCreate, &pool, &other);
    uint64_t value = 0;
    cudaMemAccessDesc access{};
    access.location.type = cudaMemLocationTypeDevice;
    access.flags = cudaMemAccessFlagsProtReadWrite;
    cudaMemAccessFlags may{};
    void *at = nullptr;
    WALK(cudaMemPoolGetAttribute, pool, cudaMemPoolAttrReleaseThreshold, &value);
    WALK(cudaMemPoolSetAttribute, pool, cudaMemPoolAttrReleaseThreshold, &value);
    WALK_BUT(4, cudaMemPoolSetAccess, pool, &access, 1);
    WALK(cudaMemPoolGetAccess, &may, pool, &access.location);
    WALK(cudaMemPoolTrimTo, pool, 0);
    WALK_AS(0, cudaError_t(*)(void **, size_t, cudaMemPool_t, cudaStream_t),
            cudaMallocFromPoolAsync, &at, kBytes, pool, stream);
    REFUSE(cudaMemPoolDestroy);
}

static void graphs()
{
    cudaGraph_t graph = nullptr, child = nullptr, clone = nullptr, of = nullptr;
    cudaGraphNode_t first = nullptr, node = nullptr;
    cudaGraphExec_t exec = nullptr;
    constexpr unsigned kCount = 8; // of the nodes it depends on
    WALK(cudaGraphCreate, &graph, 0);
    CUDA(cudaGraphCreate(&graph, 0));
    CUDA(cudaGraphCreate(&child, 0));
    CUDA(cudaGraphCreate(&dead<cudaGraph_t>, 0));
    CUDA(cudaGraphInstantiate(&dead<cudaGraphExec_t>, dead<cudaGraph_t>, 0));
    CUDA(cudaGraphExecDestroy(dead<cudaGraphExec_t>));
    CUDA(cudaGraphDestroy(dead<cudaGraph_t>));
    CUDA(cudaGraphAddEmptyNode(&dead<cudaGraphNode_t>, graph, nullptr, 0));
    CUDA(cudaGraphDestroyNode(dead<cudaGraphNode_t>));
    CUDA(cudaGraphAddEmptyNode(&first, graph, nullptr, 0));
    WALK_BUT(kCount, cudaGraphAddEmptyNode, &node, graph, &first, 1);
    unsigned n = 1;
    void *arguments[] = {&data, &n};
    cudaKernelNodeParams launch{};
    launch.func = reinterpret_cast<void *>(add);
    launch.gridDim = launch.blockDim = dim3(1);
    launch.kernelParams = arguments;
    WALK_BUT(kCount, cudaGraphAddKernelNode, &node, graph, &first, 1, &launch);
    CUDA(cudaGraphAddKernelNode(&node, graph, &first, 1, &launch));
    cudaGraphNode_t launches = node;
    cudaKernelNodeParams nothing_there{};
    WALK_BUT(31, cudaGraphAddKernelNode, &node, graph, &first, 1, &nothing_there);
    cudaKernelNodeParams got{}; // whose arguments are the node's until it has others
    WALK(cudaGraphKernelNodeGetParams, launches, &got);
    WALK(cudaGraphKernelNodeSetParams, launches, &launch);
    cudaMemsetParams fill{};
    fill.dst = data;
    fill.elementSize = 4;
    fill.width = fill.height = 1;
    WALK_BUT(kCount, cudaGraphAddMemsetNode, &node, graph, &first, 1, &fill);
    CUDA(cudaGraphAddMemsetNode(&node, graph, &first, 1, &fill));
    cudaGraphNode_t fills = node;
    WALK(cudaGraphMemsetNodeGetParams, fills, &fill);
    WALK(cudaGraphMemsetNodeSetParams, fills, &fill);
    WALK_AS(kCount | 32 | 64,
            cudaError_t(*)(cudaGraphNode_t *, cudaGraph_t, const cudaGraphNode_t *, size_t, void *,
                           const void *, size_t, cudaMemcpyKind),
            cudaGraphAddMemcpyNode1D, &node, graph, &first, 1, data, static_cast<char *>(data) + 64,
            16, cudaMemcpyDeviceToDevice);
    cudaHostNodeParams function{};
    function.fn = nothing;
    WALK_BUT(kCount, cudaGraphAddHostNode, &node, graph, &first, 1, &function);
    CUDA(cudaGraphAddHostNode(&node, graph, &first, 1, &function));
    cudaGraphNode_t calls = node;
    WALK(cudaGraphHostNodeGetParams, calls, &function);
    WALK(cudaGraphHostNodeSetParams, calls, &function);
    WALK_BUT(kCount, cudaGraphAddChildGraphNode, &node, graph, &first, 1, child);
    CUDA(cudaGraphAddChildGraphNode(&node, graph, &first, 1, child));
    WALK(cudaGraphChildGraphNodeGetGraph, node, &of);
    WALK_BUT(kCount, cudaGraphAddEventRecordNode, &node, graph, &first, 1, event);
    CUDA(cudaGraphAddEventRecordNode(&node, graph, &first, 1, event));
    cudaEvent_t recorded = nullptr;
    WALK(cudaGraphEventRecordNodeGetEvent, node, &recorded);
    WALK(cudaGraphEventRecordNodeSetEvent, node, event);
    WALK_BUT(kCount, cudaGraphAddEventWaitNode, &node, graph, &first, 1, event);
    cudaGraphNodeType type{};
    size_t count = 0;
    WALK(cudaGraphNodeGetType, launches, &type);
    WALK_BUT(2, cudaGraphGetNodes, graph, nullptr, &count);
    WALK_BUT(2, cudaGraphGetRootNodes, graph, nullptr, &count);
    WALK(cudaGraphClone, &clone, graph);
    CUDA(cudaGraphClone(&clone, graph));
    WALK(cudaGraphNodeFindInClone, &node, launches, clone);
    cudaUserObject_t object = nullptr;
    WALK_AS(0, cudaError_t(*)(cudaUserObject_t *, void *, cudaHostFn_t, unsigned, unsigned),
            cudaUserObjectCreate, &object, host, nothing, 1, cudaUserObjectNoDestructorSync);
    WALK(cudaUserObjectRetain, object, 1);
    WALK(cudaGraphRetainUserObject, graph, object, 1, 0);
    WALK(cudaGraphReleaseUserObject, graph, object, 1);
    WALK(cudaUserObjectRelease, object, 1);
    CUDA(cudaGraphDestroy(graph));

    unsigned enabled = 0;
    unsigned long long flags = 0;
    CUDA(cudaGraphCreate(&graph, 0));
    CUDA(cudaGraphAddKernelNode(&launches, graph, nullptr, 0, &launch));
    CUDA(cudaGraphAddMemsetNode(&fills, graph, nullptr, 0, &fill));
    CUDA(cudaGraphAddHostNode(&calls, graph, nullptr, 0, &function));
    WALK_AS(0, cudaError_t(*)(cudaGraphExec_t *, cudaGraph_t, unsigned long long),
            cudaGraphInstantiate, &exec, graph, 0);
    WALK(cudaGraphInstantiateWithFlags, &exec, graph, 0);
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    WALK(cudaGraphExecGetFlags, exec, &flags);
    WALK(cudaGraphExecKernelNodeSetParams, exec, launches, &launch);
    WALK(cudaGraphExecMemsetNodeSetParams, exec, fills, &fill);
    WALK(cudaGraphExecHostNodeSetParams, exec, calls, &function);
    WALK(cudaGraphNodeSetEnabled, exec, launches, 1);
    WALK(cudaGraphNodeGetEnabled, exec, launches, &enabled);
    cudaGraphExecUpdateResultInfo update{};
    WALK_AS(0, cudaError_t(*)(cudaGraphExec_t, cudaGraph_t, cudaGraphExecUpdateResultInfo *),
            cudaGraphExecUpdate, exec, graph, &update);
    WALK(cudaGraphUpload, exec, stream);
    WALK(cudaGraphLaunch, exec, stream);
    CUDA(cudaStreamSynchronize(stream));
    REFUSE(cudaGraphExecDestroy);
    REFUSE(cudaGraphDestroyNode);
    REFUSE(cudaGraphDestroy);
}

int main()
{
    // Each failure is the thread's last error, once.
    wrong::after = [] {
        cudaError_t told = cudaGetLastError();
        if (told != last)
            std::printf("%s: the last error is %s\n", program, cudaGetErrorName(told));
        CUDA(cudaSetDevice(0));
        if (copying)
            CUDA(cudaDeviceSynchronize());
    };
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    CUDA(cudaStreamCreate(&dead<cudaStream_t>));
    CUDA(cudaStreamDestroy(dead<cudaStream_t>));
    CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    CUDA(cudaEventCreate(&dead<cudaEvent_t>));
    CUDA(cudaEventDestroy(dead<cudaEvent_t>));
    CUDA(cudaMalloc(&data, kBytes));
    cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    CUDA(cudaMallocArray(&array, &format, 16, 16));
    CUDA(cudaMallocArray(&dead<cudaArray_t>, &format, 16, 16));
    CUDA(cudaFreeArray(dead<cudaArray_t>));
    CUDA(cudaMallocMipmappedArray(&pyramid, &format, cudaExtent{16, 16, 0}, 2));
    CUDA(cudaMallocMipmappedArray(&dead<cudaMipmappedArray_t>, &format, cudaExtent{16, 16, 0}, 2));
    CUDA(cudaFreeMipmappedArray(dead<cudaMipmappedArray_t>));
    cudaUserObject_t object; // which no call here asks for but those of its own
    CUDA(cudaUserObjectCreate(&object, host, nothing, 1, cudaUserObjectNoDestructorSync));
    wrong::other_kind = object;

    devices();
    memory();
    copies();
    streams();
    functions();
    arrays();
    pools();
    graphs();

    CUDA(cudaDeviceSynchronize()); // of the other streams' work
    CUDA(cudaMemset(data, 7, 16));
    CUDA(cudaMemcpy(host, data, 16, cudaMemcpyDeviceToHost));
    EXPECT(host[0] == 7 && host[15] == 7);
    passed(0);
    return 0;
}
