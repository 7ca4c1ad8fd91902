// SPDX-License-Identifier: Apache-2.0
// Every kind of handle where it is none: null, a number, one of another kind, one that was
// destroyed. Each call must fail, and all else go on.
#include "driver.h"

#include <functional>

const char *const program = "wrong-handles";

// The handles that are no handle of the kind that is asked for.
struct Wrong {
    const char *name;
    uintptr_t value;
};

static CUdevice device;
static CUcontext context;
static CUstream stream, dead_stream;
static CUevent event, dead_event;
static CUdeviceptr data;

static int taken;

static void refused(const char *call, const Wrong (&wrong)[4],
                    const std::function<CUresult(uintptr_t)> &with)
{
    for (const Wrong &one : wrong) {
        CUresult result = with(one.value);
        std::printf("%s: %s with %s: %s\n", program, call, one.name, name_of(result));
        taken += result == CUDA_SUCCESS;
    }
}

#define REFUSED(kind, call, expression)                                                            \
    refused(call, wrong, [&](uintptr_t given_) {                                                   \
        auto it = (kind)given_;                                                                    \
        return expression;                                                                         \
    })

template<class T>
static uintptr_t number(T handle)
{
    return (uintptr_t)handle;
}

static void streams()
{
    // Null is a stream here: the legacy one.
    const Wrong wrong[4] = {{"a number", 12345},
                            {"an event", number(event)},
                            {"a context", number(context)},
                            {"a destroyed one", number(dead_stream)}};
    unsigned flags;
    int priority;
    CUcontext of;
    REFUSED(CUstream, "cuStreamSynchronize", cuStreamSynchronize(it));
    REFUSED(CUstream, "cuStreamQuery", cuStreamQuery(it));
    REFUSED(CUstream, "cuStreamDestroy", cuStreamDestroy(it));
    REFUSED(CUstream, "cuStreamGetFlags", cuStreamGetFlags(it, &flags));
    REFUSED(CUstream, "cuStreamGetPriority", cuStreamGetPriority(it, &priority));
    REFUSED(CUstream, "cuStreamGetCtx", cuStreamGetCtx(it, &of));
    REFUSED(CUstream, "cuStreamWaitEvent", cuStreamWaitEvent(it, event, 0));
    REFUSED(CUstream, "cuEventRecord", cuEventRecord(event, it));
    REFUSED(CUstream, "cuMemsetD8Async", cuMemsetD8Async(data, 0, 16, it));
    REFUSED(CUstream, "cuMemsetD32Async", cuMemsetD32Async(data, 0, 16, it));
    REFUSED(CUstream, "cuMemcpyDtoDAsync", cuMemcpyDtoDAsync(data, data + 64, 16, it));
    REFUSED(CUstream, "cuMemcpyHtoDAsync", cuMemcpyHtoDAsync(data, &flags, 4, it));
    REFUSED(CUstream, "cuMemcpyDtoHAsync", cuMemcpyDtoHAsync(&flags, data, 4, it));
    REFUSED(CUstream, "cuLaunchHostFunc",
            cuLaunchHostFunc(
                it, [](void *) {}, nullptr));
    REFUSED(CUstream, "cuStreamBeginCapture",
            cuStreamBeginCapture(it, CU_STREAM_CAPTURE_MODE_GLOBAL));
    CUdeviceptr fresh;
    REFUSED(CUstream, "cuMemAllocAsync", cuMemAllocAsync(&fresh, 16, it));
    REFUSED(CUstream, "cuMemFreeAsync", cuMemFreeAsync(data, it));
}

static void events()
{
    const Wrong wrong[4] = {{"null", 0},
                            {"a number", 12345},
                            {"a stream", number(stream)},
                            {"a destroyed one", number(dead_event)}};
    float time;
    REFUSED(CUevent, "cuEventRecord", cuEventRecord(it, stream));
    REFUSED(CUevent, "cuEventQuery", cuEventQuery(it));
    REFUSED(CUevent, "cuEventSynchronize", cuEventSynchronize(it));
    REFUSED(CUevent, "cuEventDestroy", cuEventDestroy(it));
    REFUSED(CUevent, "cuEventElapsedTime", cuEventElapsedTime(&time, it, event));
    REFUSED(CUevent, "cuEventElapsedTime", cuEventElapsedTime(&time, event, it));
    REFUSED(CUevent, "cuStreamWaitEvent", cuStreamWaitEvent(stream, it, 0));
}

static void contexts()
{
    CUcontext dead = open_context();
    DRIVER(cuCtxDestroy(dead));
    const Wrong wrong[4] = {{"a number", 12345},
                            {"a stream", number(stream)},
                            {"an event", number(event)},
                            {"a destroyed one", number(dead)}};
    unsigned version;
    REFUSED(CUcontext, "cuCtxPushCurrent", cuCtxPushCurrent(it));
    REFUSED(CUcontext, "cuCtxSetCurrent", cuCtxSetCurrent(it));
    REFUSED(CUcontext, "cuCtxDestroy", cuCtxDestroy(it));
    REFUSED(CUcontext, "cuCtxGetApiVersion", cuCtxGetApiVersion(it, &version));
    REFUSED(CUcontext, "cuCtxEnablePeerAccess", cuCtxEnablePeerAccess(it, 0));
    REFUSED(CUcontext, "cuCtxDisablePeerAccess", cuCtxDisablePeerAccess(it));
    REFUSED(CUcontext, "cuMemcpyPeer", cuMemcpyPeer(data, it, data + 64, context, 16));
    REFUSED(CUcontext, "cuMemcpyPeer", cuMemcpyPeer(data, context, data + 64, it, 16));
}

static void modules()
{
    CUmodule module, dead;
    CUfunction kernel, other;
    CUlibrary library, dead_library;
    CUkernel in_library, found;
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&kernel, module, "add"));
    DRIVER(cuModuleLoadData(&dead, add_code));
    DRIVER(cuModuleUnload(dead));
    DRIVER(cuLibraryLoadData(&library, add_code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    DRIVER(cuLibraryGetKernel(&in_library, library, "add"));
    DRIVER(cuLibraryLoadData(&dead_library, add_code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    DRIVER(cuLibraryUnload(dead_library));
    CUdeviceptr at;
    size_t bytes;
    int value;
    void *arguments[2] = {};
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"a library", number(library)},
                                {"a destroyed one", number(dead)}};
        REFUSED(CUmodule, "cuModuleGetFunction", cuModuleGetFunction(&other, it, "add"));
        REFUSED(CUmodule, "cuModuleGetGlobal", cuModuleGetGlobal(&at, &bytes, it, "counter"));
        REFUSED(CUmodule, "cuModuleUnload", cuModuleUnload(it));
    }
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"a module", number(module)},
                                {"a stream", number(stream)}};
        REFUSED(CUfunction, "cuFuncGetAttribute",
                cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, it));
        REFUSED(CUfunction, "cuFuncSetAttribute",
                cuFuncSetAttribute(it, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50));
        REFUSED(CUfunction, "cuFuncSetCacheConfig",
                cuFuncSetCacheConfig(it, CU_FUNC_CACHE_PREFER_L1));
        REFUSED(CUfunction, "cuLaunchKernel",
                cuLaunchKernel(it, 1, 1, 1, 1, 1, 1, 0, stream, arguments, nullptr));
        REFUSED(CUfunction, "cuLaunchCooperativeKernel",
                cuLaunchCooperativeKernel(it, 1, 1, 1, 1, 1, 1, 0, stream, arguments));
        REFUSED(CUfunction, "cuOccupancyMaxActiveBlocksPerMultiprocessor",
                cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, it, 32, 0));
    }
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"a module", number(module)},
                                {"a destroyed one", number(dead_library)}};
        REFUSED(CUlibrary, "cuLibraryGetKernel", cuLibraryGetKernel(&found, it, "add"));
        REFUSED(CUlibrary, "cuLibraryGetModule", cuLibraryGetModule(&dead, it));
        REFUSED(CUlibrary, "cuLibraryGetGlobal", cuLibraryGetGlobal(&at, &bytes, it, "counter"));
        REFUSED(CUlibrary, "cuLibraryUnload", cuLibraryUnload(it));
    }
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"a library", number(library)},
                                {"a stream", number(stream)}};
        REFUSED(CUkernel, "cuKernelGetFunction", cuKernelGetFunction(&other, it));
        REFUSED(CUkernel, "cuKernelGetAttribute",
                cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, it, device));
        REFUSED(CUkernel, "cuKernelSetCacheConfig",
                cuKernelSetCacheConfig(it, CU_FUNC_CACHE_PREFER_L1, device));
    }
    DRIVER(cuLibraryUnload(library));
    DRIVER(cuModuleUnload(module));
}

static void pools()
{
    CUmemoryPool dead;
    CUmemPoolProps props{};
    props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    props.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    DRIVER(cuMemPoolCreate(&dead, &props));
    DRIVER(cuMemPoolDestroy(dead));
    const Wrong wrong[4] = {{"null", 0},
                            {"a number", 12345},
                            {"a stream", number(stream)},
                            {"a destroyed one", number(dead)}};
    cuuint64_t value = 0;
    CUdeviceptr at;
    REFUSED(CUmemoryPool, "cuMemPoolGetAttribute",
            cuMemPoolGetAttribute(it, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &value));
    REFUSED(CUmemoryPool, "cuMemPoolSetAttribute",
            cuMemPoolSetAttribute(it, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value));
    REFUSED(CUmemoryPool, "cuMemPoolTrimTo", cuMemPoolTrimTo(it, 0));
    REFUSED(CUmemoryPool, "cuMemAllocFromPoolAsync", cuMemAllocFromPoolAsync(&at, 16, it, stream));
    REFUSED(CUmemoryPool, "cuDeviceSetMemPool", cuDeviceSetMemPool(device, it));
    REFUSED(CUmemoryPool, "cuMemPoolDestroy", cuMemPoolDestroy(it));
}

static void graphs()
{
    CUgraph graph, dead, copy;
    CUgraphNode node, dead_node;
    CUgraphExec exec, dead_exec;
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphAddEmptyNode(&node, graph, nullptr, 0));
    DRIVER(cuGraphAddEmptyNode(&dead_node, graph, nullptr, 0));
    DRIVER(cuGraphDestroyNode(dead_node));
    DRIVER(cuGraphCreate(&dead, 0));
    DRIVER(cuGraphInstantiate(&dead_exec, dead, 0));
    DRIVER(cuGraphExecDestroy(dead_exec));
    DRIVER(cuGraphDestroy(dead));
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    size_t count = 0;
    CUgraphNodeType type;
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"a stream", number(stream)},
                                {"a destroyed one", number(dead)}};
        REFUSED(CUgraph, "cuGraphGetNodes", cuGraphGetNodes(it, nullptr, &count));
        REFUSED(CUgraph, "cuGraphClone", cuGraphClone(&copy, it));
        REFUSED(CUgraph, "cuGraphAddEmptyNode", cuGraphAddEmptyNode(&node, it, nullptr, 0));
        REFUSED(CUgraph, "cuGraphInstantiate", cuGraphInstantiate(&dead_exec, it, 0));
        REFUSED(CUgraph, "cuGraphDestroy", cuGraphDestroy(it));
    }
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"a graph", number(graph)},
                                {"a destroyed one", number(dead_node)}};
        REFUSED(CUgraphNode, "cuGraphNodeGetType", cuGraphNodeGetType(it, &type));
        REFUSED(CUgraphNode, "cuGraphDestroyNode", cuGraphDestroyNode(it));
        REFUSED(CUgraphNode, "cuGraphAddEmptyNode", cuGraphAddEmptyNode(&node, graph, &it, 1));
    }
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"a graph", number(graph)},
                                {"a destroyed one", number(dead_exec)}};
        REFUSED(CUgraphExec, "cuGraphLaunch", cuGraphLaunch(it, stream));
        REFUSED(CUgraphExec, "cuGraphUpload", cuGraphUpload(it, stream));
        REFUSED(CUgraphExec, "cuGraphExecDestroy", cuGraphExecDestroy(it));
    }
    {
        const Wrong wrong[4] = {{"a number", 12345},
                                {"an event", number(event)},
                                {"a graph", number(graph)},
                                {"a destroyed one", number(dead_stream)}};
        REFUSED(CUstream, "cuGraphLaunch", cuGraphLaunch(exec, it));
    }
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));
}

static void arrays()
{
    CUarray array, dead;
    CUmipmappedArray pyramid, dead_pyramid;
    CUDA_ARRAY_DESCRIPTOR plane{16, 16, CU_AD_FORMAT_FLOAT, 1}, told;
    CUDA_ARRAY3D_DESCRIPTOR levels{16, 16, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    DRIVER(cuArrayCreate(&array, &plane));
    DRIVER(cuArrayCreate(&dead, &plane));
    DRIVER(cuArrayDestroy(dead));
    DRIVER(cuMipmappedArrayCreate(&pyramid, &levels, 2));
    DRIVER(cuMipmappedArrayCreate(&dead_pyramid, &levels, 2));
    DRIVER(cuMipmappedArrayDestroy(dead_pyramid));
    float host[4] = {};
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"a pyramid", number(pyramid)},
                                {"a destroyed one", number(dead)}};
        REFUSED(CUarray, "cuArrayGetDescriptor", cuArrayGetDescriptor(&told, it));
        REFUSED(CUarray, "cuMemcpyHtoA", cuMemcpyHtoA(it, 0, host, sizeof host));
        REFUSED(CUarray, "cuMemcpyAtoH", cuMemcpyAtoH(host, it, 0, sizeof host));
        REFUSED(CUarray, "cuArrayDestroy", cuArrayDestroy(it));
    }
    {
        const Wrong wrong[4] = {{"null", 0},
                                {"a number", 12345},
                                {"an array", number(array)},
                                {"a destroyed one", number(dead_pyramid)}};
        CUarray level;
        REFUSED(CUmipmappedArray, "cuMipmappedArrayGetLevel",
                cuMipmappedArrayGetLevel(&level, it, 0));
        REFUSED(CUmipmappedArray, "cuMipmappedArrayDestroy", cuMipmappedArrayDestroy(it));
    }
    DRIVER(cuArrayDestroy(array));
    DRIVER(cuMipmappedArrayDestroy(pyramid));
}

int main()
{
    context = open_context(&device);
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamCreate(&dead_stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamDestroy(dead_stream));
    DRIVER(cuEventCreate(&event, 0));
    DRIVER(cuEventCreate(&dead_event, 0));
    DRIVER(cuEventDestroy(dead_event));
    DRIVER(cuMemAlloc(&data, 4096));
    streams();
    events();
    contexts();
    modules();
    pools();
    graphs();
    arrays();
    DRIVER(cuMemsetD32Async(data, 7, 16, stream));
    EXPECT(element(data, stream) == 7);
    if (taken)
        fail("%d of them were taken", taken);
    passed(0);
}
