// SPDX-License-Identifier: Apache-2.0
// What graphs own: memory that their nodes allocate and free, operations on memory as nodes, user
// objects; what is told of nodes that a capture or a clone made; and a graph's text.
#include "driver.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>
#include <unistd.h>
#include <vector>

const char *const program = "graph-memory";

static const char *const code = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry add(.param .u64 data, .param .u32 n)
{
    .reg .pred %p;
    .reg .b32 %r<7>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [data];
    ld.param.u32 %r1, [n];
    mov.u32 %r5, %tid.x;
    setp.ge.u32 %p, %r5, %r1;
    @%p bra DONE;
    cvta.to.global.u64 %rd2, %rd1;
    mul.wide.u32 %rd3, %r5, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.u32 %r2, [%rd4];
    add.u32 %r2, %r2, %r1;
    st.global.u32 [%rd4], %r2;
DONE:
    ret;
}
)";

constexpr size_t kBytes = 4 << 20;
static CUdevice device;
static CUcontext context;
static CUstream stream;
static CUfunction kernel;

static CUDA_MEM_ALLOC_NODE_PARAMS allocation(size_t bytes)
{
    CUDA_MEM_ALLOC_NODE_PARAMS it{};
    it.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    it.poolProps.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
    it.bytesize = bytes;
    return it;
}

static cuuint64_t amount(CUgraphMem_attribute attribute)
{
    cuuint64_t value = ~0ull;
    DRIVER(cuDeviceGetGraphMemAttribute(device, attribute, &value));
    return value;
}

static CUDA_MEMSET_NODE_PARAMS fill_of(CUdeviceptr where, unsigned value)
{
    CUDA_MEMSET_NODE_PARAMS fill{};
    fill.dst = where;
    fill.elementSize = 4;
    fill.width = 64;
    fill.height = 1;
    fill.value = value;
    return fill;
}

// Allocates, fills, adds by a kernel, copies out, frees: all in a graph.
static void inside()
{
    CUgraph graph;
    CUgraphNode alloc, fill, run, copy, gone;
    DRIVER(cuGraphCreate(&graph, 0));
    auto wanted = allocation(kBytes);
    DRIVER(cuGraphAddMemAllocNode(&alloc, graph, nullptr, 0, &wanted));
    EXPECT(wanted.dptr != 0);
    auto set = fill_of(wanted.dptr, 1000);
    DRIVER(cuGraphAddMemsetNode(&fill, graph, &alloc, 1, &set, context));
    unsigned n = 64;
    void *arguments[] = {&wanted.dptr, &n};
    CUDA_KERNEL_NODE_PARAMS launch{};
    launch.func = kernel;
    launch.gridDimX = launch.gridDimY = launch.gridDimZ = 1;
    launch.blockDimX = 64;
    launch.blockDimY = launch.blockDimZ = 1;
    launch.kernelParams = arguments;
    DRIVER(cuGraphAddKernelNode(&run, graph, &fill, 1, &launch));
    CUdeviceptr out;
    DRIVER(cuMemAlloc(&out, 256));
    CUDA_MEMCPY3D move{};
    move.srcMemoryType = move.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    move.srcDevice = wanted.dptr;
    move.dstDevice = out;
    move.WidthInBytes = 256;
    move.Height = move.Depth = 1;
    DRIVER(cuGraphAddMemcpyNode(&copy, graph, &run, 1, &move, context));
    DRIVER(cuGraphAddMemFreeNode(&gone, graph, &copy, 1, wanted.dptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemFreeNode(&gone, graph, &copy, 1, wanted.dptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemFreeNode(&gone, graph, &copy, 1, out));

    CUgraphNodeType type;
    DRIVER(cuGraphNodeGetType(alloc, &type));
    EXPECT(type == CU_GRAPH_NODE_TYPE_MEM_ALLOC);
    DRIVER(cuGraphNodeGetType(gone, &type));
    EXPECT(type == CU_GRAPH_NODE_TYPE_MEM_FREE);
    CUDA_MEM_ALLOC_NODE_PARAMS told{};
    DRIVER(cuGraphMemAllocNodeGetParams(alloc, &told));
    EXPECT(told.dptr == wanted.dptr && told.bytesize == kBytes);
    CUdeviceptr freed = 0;
    DRIVER(cuGraphMemFreeNodeGetParams(gone, &freed));
    EXPECT(freed == wanted.dptr);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphMemFreeNodeGetParams(alloc, &freed));

    CUgraphExec exec;
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    for (int i = 0; i < 3; i++) {
        std::vector<unsigned> result(64);
        DRIVER(cuMemsetD8Async(out, 0, 256, stream));
        DRIVER(cuGraphLaunch(exec, stream));
        DRIVER(cuStreamSynchronize(stream));
        DRIVER(cuMemcpyDtoH(result.data(), out, 256));
        for (unsigned one : result)
            EXPECT(one == 1064);
    }
    EXPECT(amount(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT) == 0);
    EXPECT(amount(CU_GRAPH_MEM_ATTR_USED_MEM_HIGH) >= kBytes);
    EXPECT(amount(CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT) >= kBytes);
    cuuint64_t zero = 0;
    DRIVER(cuDeviceSetGraphMemAttribute(device, CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, &zero));
    EXPECT(amount(CU_GRAPH_MEM_ATTR_USED_MEM_HIGH) == 0);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceSetGraphMemAttribute(device, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &zero));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceGetGraphMemAttribute(device, CUgraphMem_attribute(99), &zero));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceGetGraphMemAttribute(device, CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, nullptr));
    FAILS(CUDA_ERROR_INVALID_DEVICE,
          cuDeviceGetGraphMemAttribute(77, CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, &zero));
    DRIVER(cuDeviceGraphMemTrim(device));
    EXPECT(amount(CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT) == 0);
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGraphMemTrim(77));

    // Its text names every kind of node.
    std::string path = "/tmp/vgpu-graph-" + std::to_string(getpid()) + ".dot";
    DRIVER(cuGraphDebugDotPrint(graph, path.c_str(), 0));
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    unlink(path.c_str());
    for (const char *word : {"digraph", "MEM_ALLOC", "MEM_FREE", "MEMSET", "MEMCPY", "add", "->"})
        EXPECT(text.str().find(word) != std::string::npos);
    FAILS(CUDA_ERROR_OPERATING_SYSTEM, cuGraphDebugDotPrint(graph, "/nowhere/at/all.dot", 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphDebugDotPrint(graph, nullptr, 0));
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));
    DRIVER(cuMemFree(out));

    auto bad = allocation(0);
    DRIVER(cuGraphCreate(&graph, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemAllocNode(&alloc, graph, nullptr, 0, &bad));
    bad = allocation(kBytes);
    bad.poolProps.location.id = 77;
    EXPECT(cuGraphAddMemAllocNode(&alloc, graph, nullptr, 0, &bad) != CUDA_SUCCESS);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemAllocNode(&alloc, graph, nullptr, 0, nullptr));
    bad = allocation(size_t(1) << 46);
    FAILS(CUDA_ERROR_OUT_OF_MEMORY, cuGraphAddMemAllocNode(&alloc, graph, nullptr, 0, &bad));
    DRIVER(cuGraphDestroy(graph));
}

// What a graph allocates and does not free is the program's until that frees it.
static void outside()
{
    CUgraph graph;
    CUgraphNode alloc, fill;
    CUgraphExec exec;
    DRIVER(cuGraphCreate(&graph, 0));
    auto wanted = allocation(kBytes);
    DRIVER(cuGraphAddMemAllocNode(&alloc, graph, nullptr, 0, &wanted));
    auto set = fill_of(wanted.dptr, 7);
    DRIVER(cuGraphAddMemsetNode(&fill, graph, &alloc, 1, &set, context));
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    DRIVER(cuGraphLaunch(exec, stream));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, stream)); // it has not been freed
    unsigned value = 0;
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuMemcpyDtoH(&value, wanted.dptr + 252, 4));
    EXPECT(value == 7);
    EXPECT(amount(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT) >= kBytes);
    DRIVER(cuMemFreeAsync(wanted.dptr, stream));
    DRIVER(cuStreamSynchronize(stream));
    EXPECT(amount(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT) == 0);
    DRIVER(cuGraphLaunch(exec, stream)); // again, and freed by the other call
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuMemFree(wanted.dptr));
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));
}

// What was captured and cloned tells its parameters.
static void captured()
{
    CUdeviceptr data, other;
    CUgraph graph, clone;
    DRIVER(cuMemAlloc(&data, 4096));
    DRIVER(cuMemAlloc(&other, 4096));
    std::atomic<int> calls{0};
    auto count = [](void *where) { static_cast<std::atomic<int> *>(where)->fetch_add(1); };
    CUhostFn call = count;
    unsigned n = 48;
    void *arguments[] = {&data, &n};
    DRIVER(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    DRIVER(cuMemsetD32Async(data, 5, 64, stream));
    DRIVER(cuLaunchKernel(kernel, 1, 1, 1, 64, 1, 1, 0, stream, arguments, nullptr));
    DRIVER(cuMemcpyDtoDAsync(other, data, 256, stream));
    DRIVER(cuLaunchHostFunc(stream, call, &calls));
    CUdeviceptr own = 0;
    DRIVER(cuMemAllocAsync(&own, 4096, stream));
    DRIVER(cuMemsetD8Async(own, 1, 4096, stream));
    DRIVER(cuMemFreeAsync(own, stream));
    DRIVER(cuStreamEndCapture(stream, &graph));
    DRIVER(cuGraphDestroy(graph));
    DRIVER(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    DRIVER(cuMemsetD32Async(other, 5, 64, stream));
    DRIVER(cuLaunchKernel(kernel, 1, 1, 1, 64, 1, 1, 0, stream, arguments, nullptr));
    DRIVER(cuMemcpyDtoDAsync(other, other + 1024, 256, stream));
    DRIVER(cuLaunchHostFunc(stream, call, &calls));
    DRIVER(cuMemAllocAsync(&own, 4096, stream));
    DRIVER(cuMemFreeAsync(own, stream));
    DRIVER(cuStreamEndCapture(stream, &graph));

    CUgraphNode nodes[8] = {};
    size_t there = 8;
    DRIVER(cuGraphGetNodes(graph, nodes, &there));
    EXPECT(there == 6);
    int seen = 0;
    for (CUgraphNode node : nodes) {
        CUgraphNodeType type;
        if (!node)
            continue;
        DRIVER(cuGraphNodeGetType(node, &type));
        if (type == CU_GRAPH_NODE_TYPE_KERNEL) {
            CUDA_KERNEL_NODE_PARAMS it{};
            DRIVER(cuGraphKernelNodeGetParams(node, &it));
            EXPECT(it.func == kernel && it.blockDimX == 64 && it.kernelParams);
            EXPECT(*static_cast<CUdeviceptr *>(it.kernelParams[0]) == data);
            EXPECT(*static_cast<unsigned *>(it.kernelParams[1]) == 48);
            // Changed by what was told.
            *static_cast<unsigned *>(it.kernelParams[1]) = 16;
            DRIVER(cuGraphKernelNodeSetParams(node, &it));
            seen |= 1;
        } else if (type == CU_GRAPH_NODE_TYPE_MEMSET) {
            CUDA_MEMSET_NODE_PARAMS it{};
            DRIVER(cuGraphMemsetNodeGetParams(node, &it));
            EXPECT(it.dst == other && it.value == 5 && it.elementSize == 4 && it.width == 64);
            seen |= 2;
        } else if (type == CU_GRAPH_NODE_TYPE_MEMCPY) {
            CUDA_MEMCPY3D it{};
            DRIVER(cuGraphMemcpyNodeGetParams(node, &it));
            EXPECT(it.WidthInBytes == 256 && it.srcDevice == other + 1024 && it.dstDevice == other);
            seen |= 4;
        } else if (type == CU_GRAPH_NODE_TYPE_HOST) {
            CUDA_HOST_NODE_PARAMS it{};
            DRIVER(cuGraphHostNodeGetParams(node, &it));
            EXPECT(it.fn == call && it.userData == &calls);
            seen |= 8;
        } else if (type == CU_GRAPH_NODE_TYPE_MEM_ALLOC) {
            CUDA_MEM_ALLOC_NODE_PARAMS it{};
            DRIVER(cuGraphMemAllocNodeGetParams(node, &it));
            EXPECT(it.dptr == own && it.bytesize == 4096);
            seen |= 16;
        } else if (type == CU_GRAPH_NODE_TYPE_MEM_FREE) {
            CUdeviceptr it = 0;
            DRIVER(cuGraphMemFreeNodeGetParams(node, &it));
            EXPECT(it == own);
            seen |= 32;
        }
    }
    EXPECT(seen == 63);
    CUgraphExec exec;
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    DRIVER(cuMemsetD32Async(data, 1, 64, stream));
    DRIVER(cuGraphLaunch(exec, stream));
    DRIVER(cuStreamSynchronize(stream));
    unsigned result[64];
    DRIVER(cuMemcpyDtoH(result, data, sizeof result));
    EXPECT(result[15] == 17 && result[16] == 1 && calls == 1);

    // A clone of a plain one: its nodes were never given here.
    CUgraph plain;
    CUgraphNode original, twin;
    DRIVER(cuGraphCreate(&plain, 0));
    auto set = fill_of(data, 77);
    DRIVER(cuGraphAddMemsetNode(&original, plain, nullptr, 0, &set, context));
    DRIVER(cuGraphClone(&clone, plain));
    DRIVER(cuGraphNodeFindInClone(&twin, original, clone));
    CUDA_MEMSET_NODE_PARAMS told{};
    DRIVER(cuGraphMemsetNodeGetParams(twin, &told));
    EXPECT(told.dst == data && told.value == 77);
    DRIVER(cuGraphDestroy(clone));
    DRIVER(cuGraphDestroy(plain));
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));
    DRIVER(cuMemFree(data));
    DRIVER(cuMemFree(other));
}

static void operations()
{
    CUdeviceptr cells;
    CUgraph graph;
    CUgraphNode node, wait;
    CUgraphExec exec;
    DRIVER(cuMemAlloc(&cells, 64));
    DRIVER(cuMemsetD32Async(cells, 0, 16, stream));
    CUstreamBatchMemOpParams list[2] = {};
    list[0].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    list[0].writeValue.address = cells;
    list[0].writeValue.value = 41;
    list[1].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_64;
    list[1].writeValue.address = cells + 8;
    list[1].writeValue.value64 = 0x123456789abcdefull;
    CUDA_BATCH_MEM_OP_NODE_PARAMS batch{context, 2, list, 0};
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphAddBatchMemOpNode(&node, graph, nullptr, 0, &batch));
    CUstreamBatchMemOpParams until{};
    until.waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
    until.waitValue.address = cells;
    until.waitValue.value = 41;
    until.waitValue.flags = CU_STREAM_WAIT_VALUE_GEQ;
    CUDA_BATCH_MEM_OP_NODE_PARAMS waits{context, 1, &until, 0};
    DRIVER(cuGraphAddBatchMemOpNode(&wait, graph, &node, 1, &waits));
    CUDA_BATCH_MEM_OP_NODE_PARAMS told{};
    DRIVER(cuGraphBatchMemOpNodeGetParams(node, &told));
    EXPECT(told.count == 2 && told.paramArray[1].writeValue.value64 == 0x123456789abcdefull);
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    DRIVER(cuGraphLaunch(exec, stream));
    DRIVER(cuStreamSynchronize(stream));
    unsigned long long result[2];
    DRIVER(cuMemcpyDtoH(result, cells, sizeof result));
    EXPECT(unsigned(result[0]) == 41 && result[1] == 0x123456789abcdefull);
    list[0].writeValue.value = 43;
    DRIVER(cuGraphExecBatchMemOpNodeSetParams(exec, node, &batch));
    DRIVER(cuGraphBatchMemOpNodeSetParams(node, &batch));
    DRIVER(cuGraphLaunch(exec, stream));
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuMemcpyDtoH(result, cells, sizeof result));
    EXPECT(unsigned(result[0]) == 43);
    batch.count = 0;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphAddBatchMemOpNode(&node, graph, nullptr, 0, &batch));
    batch.count = 2;
    list[0].writeValue.address = cells + 2; // not aligned
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphAddBatchMemOpNode(&node, graph, nullptr, 0, &batch));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphAddBatchMemOpNode(&node, graph, nullptr, 0, nullptr));
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));
    DRIVER(cuMemFree(cells));
}

// The destructor is called when the last reference is gone, in a thread of the driver's.
static void objects()
{
    static std::atomic<int> gone{0};
    auto destroy = [](void *number) { gone += int(reinterpret_cast<intptr_t>(number)); };
    auto is = [](int wanted) {
        for (int i = 0; i < 5000 && gone != wanted; i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        return gone == wanted;
    };
    CUuserObject one, two;
    CUgraph graph, clone;
    CUgraphExec exec;
    CUgraphNode node;
    constexpr unsigned kFlags = CU_USER_OBJECT_NO_DESTRUCTOR_SYNC;
    DRIVER(cuUserObjectCreate(&one, reinterpret_cast<void *>(1), destroy, 2, kFlags));
    DRIVER(cuUserObjectCreate(&two, reinterpret_cast<void *>(10), destroy, 1, kFlags));
    DRIVER(cuUserObjectRetain(one, 1));
    DRIVER(cuUserObjectRelease(one, 2));
    EXPECT(gone == 0);
    DRIVER(cuUserObjectRelease(one, 1));
    EXPECT(is(1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuUserObjectRetain(one, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuUserObjectRelease(one, 1));

    // A graph's, its clone's and the executable one's references each keep it.
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphAddEmptyNode(&node, graph, nullptr, 0));
    DRIVER(cuGraphRetainUserObject(graph, two, 1, CU_GRAPH_USER_OBJECT_MOVE));
    DRIVER(cuGraphClone(&clone, graph));
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    DRIVER(cuGraphDestroy(graph));
    DRIVER(cuGraphDestroy(clone));
    DRIVER(cuGraphLaunch(exec, stream));
    DRIVER(cuStreamSynchronize(stream));
    EXPECT(gone == 1);
    DRIVER(cuGraphExecDestroy(exec));
    EXPECT(is(11));

    DRIVER(cuUserObjectCreate(&one, reinterpret_cast<void *>(100), destroy, 1, kFlags));
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphRetainUserObject(graph, one, 2, 0));
    DRIVER(cuUserObjectRelease(one, 1));
    DRIVER(cuGraphReleaseUserObject(graph, one, 1));
    EXPECT(gone == 11);
    DRIVER(cuGraphReleaseUserObject(graph, one, 1));
    EXPECT(is(111));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphRetainUserObject(graph, one, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuUserObjectCreate(nullptr, nullptr, destroy, 1, kFlags));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuUserObjectCreate(&one, nullptr, nullptr, 1, kFlags));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuUserObjectCreate(&one, nullptr, destroy, 0, kFlags));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuUserObjectCreate(&one, nullptr, destroy, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuUserObjectRetain(nullptr, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphRetainUserObject(graph, nullptr, 1, 0));
    DRIVER(cuGraphDestroy(graph));
}

int main()
{
    context = open_context(&device);
    CUmodule module;
    DRIVER(cuModuleLoadData(&module, code));
    DRIVER(cuModuleGetFunction(&kernel, module, "add"));
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    inside();
    std::printf("%s: inside\n", program);
    outside();
    std::printf("%s: outside\n", program);
    captured();
    std::printf("%s: captured\n", program);
    operations();
    std::printf("%s: operations\n", program);
    objects();
    passed(0);
}
