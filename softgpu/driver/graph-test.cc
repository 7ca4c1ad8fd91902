// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace
{

const char kText[] = R"(
.version 7.0
.target sm_75
.address_size 64
.visible .entry twist(.param .u64 data, .param .u32 times, .param .u32 plus)
{
    .reg .u32 %r<6>;
    .reg .u64 %rd<4>;
    ld.param.u64 %rd1, [data];
    ld.param.u32 %r1, [times];
    ld.param.u32 %r2, [plus];
    mov.u32 %r3, %tid.x;
    mul.wide.u32 %rd2, %r3, 4;
    add.u64 %rd3, %rd1, %rd2;
    ld.global.u32 %r4, [%rd3];
    mad.lo.u32 %r5, %r4, %r1, %r2;
    st.global.u32 [%rd3], %r5;
    ret;
}
)";

constexpr unsigned kCount = 32;

class Graphs : public OnDevice
{
protected:
    void SetUp() override
    {
        OnDevice::SetUp();
        OK(cuModuleLoadData(&module, kText));
        OK(cuModuleGetFunction(&twist, module, "twist"));
        OK(cuMemAlloc(&data, kCount * 4));
        OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
        OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
        OK(cuGraphCreate(&graph, 0));
        fill(1);
    }

    void fill(unsigned value) { OK(cuMemsetD32(data, value, kCount)); }

    unsigned word(unsigned at = 0)
    {
        unsigned value = 0;
        EXPECT_EQ(CUDA_SUCCESS, cuMemcpyDtoH(&value, data + at * 4, 4));
        return value;
    }

    CUresult launch(CUstream where, unsigned times, unsigned plus)
    {
        void *parameters[] = {&data, &times, &plus};
        return cuLaunchKernel(twist, 1, 1, 1, kCount, 1, 1, 0, where, parameters, nullptr);
    }

    /// A kernel node whose values are read when it is made.
    CUDA_KERNEL_NODE_PARAMS kernel(unsigned &times, unsigned &plus)
    {
        pointers[0] = &data;
        pointers[1] = &times;
        pointers[2] = &plus;
        CUDA_KERNEL_NODE_PARAMS it{};
        it.func = twist;
        it.gridDimX = it.gridDimY = it.gridDimZ = it.blockDimY = it.blockDimZ = 1;
        it.blockDimX = kCount;
        it.kernelParams = pointers;
        return it;
    }

    CUgraphNode add(unsigned times, unsigned plus, std::vector<CUgraphNode> before = {})
    {
        auto it = kernel(times, plus);
        CUgraphNode node = nullptr;
        EXPECT_EQ(CUDA_SUCCESS,
                  cuGraphAddKernelNode(&node, graph, before.data(), before.size(), &it));
        return node;
    }

    CUgraphExec ready(CUgraph what = nullptr)
    {
        CUgraphExec exec = nullptr;
        EXPECT_EQ(CUDA_SUCCESS, cuGraphInstantiate(&exec, what ? what : graph, 0));
        return exec;
    }

    void run(CUgraphExec exec)
    {
        OK(cuGraphLaunch(exec, stream));
        OK(cuStreamSynchronize(stream));
    }

    CUmodule module = nullptr;
    CUfunction twist = nullptr;
    CUdeviceptr data = 0;
    CUstream stream = nullptr, other = nullptr;
    CUgraph graph = nullptr;
    void *pointers[3] = {};
};

TEST_F(Graphs, RunInTheOrderOfTheirEdges)
{
    // (1 * 2 + 3) * 5 + 7: another order gives another number.
    CUgraphNode first = add(2, 3), second = add(5, 7, {first});
    CUgraphExec exec = ready();
    run(exec);
    EXPECT_EQ(32u, word());
    EXPECT_EQ(32u, word(kCount - 1));
    run(exec);
    EXPECT_EQ((32u * 2 + 3) * 5 + 7, word());
    size_t count = 0;
    OK(cuGraphGetNodes(graph, nullptr, &count));
    EXPECT_EQ(2u, count);
    OK(cuGraphGetRootNodes(graph, nullptr, &count));
    EXPECT_EQ(1u, count);
    CUgraphNode from[3], to[3];
    count = 3;
    OK(cuGraphGetEdges(graph, from, to, nullptr, &count));
    ASSERT_EQ(1u, count);
    EXPECT_EQ(first, from[0]);
    EXPECT_EQ(second, to[0]);
    EXPECT_EQ(nullptr, to[2]);
    CUgraphNodeType type;
    OK(cuGraphNodeGetType(first, &type));
    EXPECT_EQ(CU_GRAPH_NODE_TYPE_KERNEL, type);
    CUDA_KERNEL_NODE_PARAMS back{};
    OK(cuGraphKernelNodeGetParams(second, &back));
    EXPECT_EQ(twist, back.func);
    EXPECT_EQ(7u, *static_cast<unsigned *>(back.kernelParams[2]));
    // A circle is found when the graph is made ready.
    OK(cuGraphAddDependencies(graph, &second, &first, nullptr, 1));
    CUgraphExec never;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiate(&never, graph, 0));
    OK(cuGraphRemoveDependencies(graph, &second, &first, nullptr, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphRemoveDependencies(graph, &second, &first, nullptr, 1));
    OK(cuGraphDestroyNode(second));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphNodeGetType(second, &type));
    OK(cuGraphDestroy(graph));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphGetNodes(graph, nullptr, &count));
    fill(1);
    run(exec); // what was made ready stays
    EXPECT_EQ(32u, word());
    OK(cuGraphExecDestroy(exec));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, stream));
}

TEST_F(Graphs, HoldEveryKindOfNode)
{
    CUgraphNode set, host, copy, empty, child, record;
    static std::atomic<int> called{0};
    called = 0;
    CUDA_MEMSET_NODE_PARAMS fill{data, 0, 6, 4, kCount, 1};
    OK(cuGraphAddMemsetNode(&set, graph, nullptr, 0, &fill, context));
    CUDA_HOST_NODE_PARAMS call{[](void *) { called++; }, nullptr};
    OK(cuGraphAddHostNode(&host, graph, &set, 1, &call));
    OK(cuGraphAddEmptyNode(&empty, graph, &host, 1));
    CUgraph inner;
    OK(cuGraphCreate(&inner, 0));
    std::swap(inner, graph);
    add(10, 1);
    std::swap(inner, graph);
    OK(cuGraphAddChildGraphNode(&child, graph, &empty, 1, inner));
    OK(cuGraphDestroy(inner)); // the node has its own
    std::vector<unsigned> out(kCount);
    CUDA_MEMCPY3D box{};
    box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = data;
    box.dstMemoryType = CU_MEMORYTYPE_HOST;
    box.dstHost = out.data();
    box.WidthInBytes = kCount * 4;
    box.Height = box.Depth = 1;
    OK(cuGraphAddMemcpyNode(&copy, graph, &child, 1, &box, context));
    CUevent event;
    OK(cuEventCreate(&event, 0));
    OK(cuGraphAddEventRecordNode(&record, graph, &copy, 1, event));
    CUgraphExec exec = ready();
    run(exec);
    EXPECT_EQ(61u, out[kCount - 1]);
    EXPECT_EQ(1, called);
    OK(cuEventQuery(event));
    // Parameters of the executable graph change alone.
    fill.value = 7;
    OK(cuGraphExecMemsetNodeSetParams(exec, set, &fill, context));
    OK(cuGraphNodeSetEnabled(exec, copy, 0));
    run(exec);
    EXPECT_EQ(71u, word());
    EXPECT_EQ(61u, out[0]); // not copied
    CUDA_MEMSET_NODE_PARAMS old{};
    OK(cuGraphMemsetNodeGetParams(set, &old));
    EXPECT_EQ(6u, old.value);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphNodeSetEnabled(exec, host, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphExecMemsetNodeSetParams(exec, copy, &fill, context));
    OK(cuGraphExecDestroy(exec));
}

TEST_F(Graphs, RunBranchesSideBySide)
{
    // Two host nodes that wait for each other end only if neither waits for the other to end.
    static std::atomic<int> there;
    there = 0;
    CUDA_HOST_NODE_PARAMS call{[](void *) {
                                   there++;
                                   while (there < 2)
                                       std::this_thread::yield();
                               },
                               nullptr};
    CUgraphNode a, b;
    OK(cuGraphAddHostNode(&a, graph, nullptr, 0, &call));
    OK(cuGraphAddHostNode(&b, graph, nullptr, 0, &call));
    add(2, 0, {a, b});
    run(ready());
    EXPECT_EQ(2u, word());
}

TEST_F(Graphs, AreClonedAndUpdated)
{
    CUgraphNode first = add(2, 3), twin = nullptr;
    add(5, 7, {first});
    CUgraph clone;
    OK(cuGraphClone(&clone, graph));
    OK(cuGraphNodeFindInClone(&twin, first, clone));
    EXPECT_NE(first, twin);
    unsigned times = 1, plus = 0;
    auto changed = kernel(times, plus);
    OK(cuGraphKernelNodeSetParams(twin, &changed));
    CUgraphExec exec = ready();
    CUgraphExecUpdateResultInfo info{};
    OK(cuGraphExecUpdate(exec, clone, &info));
    run(exec);
    EXPECT_EQ(1u * 5 + 7, word());
    std::swap(graph, clone);
    add(1, 1);
    FAILS(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, cuGraphExecUpdate(exec, graph, &info));
    EXPECT_EQ(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, info.result);
    fill(1);
    times = 3;
    changed = kernel(times, plus);
    OK(cuGraphExecKernelNodeSetParams(exec, first, &changed));
    run(exec);
    EXPECT_EQ(3u * 5 + 7, word());
}

TEST_F(Graphs, CaptureWhatStreamsWouldDo)
{
    CUevent fork, join;
    OK(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
    OK(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
    CUdeviceptr side;
    OK(cuMemAlloc(&side, kCount * 4));
    CUstreamCaptureStatus status;
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    OK(cuStreamIsCapturing(stream, &status));
    EXPECT_EQ(CU_STREAM_CAPTURE_STATUS_ACTIVE, status);
    FAILS(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(launch(stream, 2, 3));
    OK(cuEventRecord(fork, stream));
    OK(cuStreamWaitEvent(other, fork, 0));
    OK(cuMemsetD32Async(side, 100, kCount, other));
    OK(cuEventRecord(join, other));
    OK(launch(stream, 5, 7));
    OK(cuStreamWaitEvent(stream, join, 0));
    OK(cuMemcpyDtoDAsync(data, side, 4, stream));
    CUgraph captured;
    size_t count = 0;
    cuuint64_t number = 0;
    const CUgraphNode *tails = nullptr;
    OK(cuStreamGetCaptureInfo(stream, &status, &number, &captured, &tails, nullptr, &count));
    ASSERT_EQ(1u, count);
    CUgraphNodeType type;
    OK(cuGraphNodeGetType(tails[0], &type));
    EXPECT_EQ(CU_GRAPH_NODE_TYPE_MEMCPY, type);
    FAILS(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(other, &captured));
    FAILS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &captured));
    // Nothing ran.
    EXPECT_EQ(1u, word(1));

    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(launch(stream, 2, 3));
    OK(cuEventRecord(fork, stream));
    OK(cuStreamWaitEvent(other, fork, 0));
    OK(cuMemsetD32Async(side, 100, kCount, other));
    OK(cuEventRecord(join, other));
    OK(launch(stream, 5, 7));
    OK(cuStreamWaitEvent(stream, join, 0));
    OK(cuMemcpyDtoDAsync(data, side, 4, stream));
    OK(cuStreamEndCapture(stream, &captured));
    OK(cuStreamIsCapturing(other, &status));
    EXPECT_EQ(CU_STREAM_CAPTURE_STATUS_NONE, status);
    OK(cuGraphGetNodes(captured, nullptr, &count));
    EXPECT_EQ(4u, count);
    run(ready(captured));
    EXPECT_EQ(100u, word(0));
    EXPECT_EQ(32u, word(1));
    FAILS(CUDA_ERROR_CAPTURED_EVENT, cuEventQuery(join));
    FAILS(CUDA_ERROR_CAPTURED_EVENT, cuEventSynchronize(join));
    OK(cuEventRecord(join, other));
    OK(cuEventSynchronize(join));
}

TEST_F(Graphs, CapturesAreSpoiledByWhatTheyForbid)
{
    CUgraph captured;
    CUdeviceptr more;
    CUevent event;
    OK(cuEventCreate(&event, 0));
    OK(cuEventRecord(event, other));
    FAILS(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
          cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_RELAXED));
    FAILS(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(stream, &captured));
    auto spoiled = [&](CUresult expected, CUresult got, CUresult at_end) {
        EXPECT_EQ(expected, got);
        EXPECT_EQ(at_end, cuStreamEndCapture(stream, &captured));
        EXPECT_EQ(nullptr, captured);
    };
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    spoiled(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc(&more, 4),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    spoiled(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(stream),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    spoiled(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, cuStreamWaitEvent(stream, event, 0),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuEventRecord(event, stream));
    OK(cuStreamWaitEvent(other, event, 0));
    OK(cuMemsetD8Async(data, 1, 1, other));
    spoiled(CUDA_SUCCESS, CUDA_SUCCESS, CUDA_ERROR_STREAM_CAPTURE_UNJOINED);

    // A relaxed capture of this thread allows it; a global one of another thread does not.
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuMemAlloc(&more, 4));
    OK(cuStreamEndCapture(stream, &captured));
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    std::thread([&] {
        EXPECT_EQ(CUDA_SUCCESS, cuCtxSetCurrent(context));
        EXPECT_EQ(CUDA_SUCCESS, cuMemAlloc(&more, 4));
        EXPECT_EQ(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, cuStreamEndCapture(stream, &captured));
    }).join();
    OK(cuStreamEndCapture(stream, &captured));
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    std::thread([&] {
        EXPECT_EQ(CUDA_SUCCESS, cuCtxSetCurrent(context));
        CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        EXPECT_EQ(CUDA_SUCCESS, cuThreadExchangeStreamCaptureMode(&mode));
        EXPECT_EQ(CUDA_SUCCESS, cuMemAlloc(&more, 4));
        EXPECT_EQ(CUDA_SUCCESS, cuThreadExchangeStreamCaptureMode(&mode));
        EXPECT_EQ(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc(&more, 4));
    }).join();
    FAILS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &captured));

    // The legacy stream would have to wait for a blocking one.
    CUstream blocking;
    OK(cuStreamCreate(&blocking, 0));
    OK(cuStreamBeginCapture(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
    FAILS(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, launch(nullptr, 1, 1));
    FAILS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, &captured));
}

TEST_F(Graphs, AllocateAndFree)
{
    CUdeviceptr inside = 0;
    CUgraph captured;
    cuuint64_t used = 0;
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(cuMemAllocAsync(&inside, kCount * 4, stream));
    OK(cuMemsetD32Async(inside, 9, kCount, stream));
    OK(cuMemcpyDtoDAsync(data, inside, kCount * 4, stream));
    OK(cuMemFreeAsync(inside, stream));
    OK(cuStreamEndCapture(stream, &captured));
    FAILS(CUDA_ERROR_NOT_SUPPORTED, cuGraphClone(&graph, captured));
    CUgraphExec exec = ready(captured), second;
    FAILS(CUDA_ERROR_NOT_SUPPORTED, cuGraphInstantiate(&second, captured, 0));
    run(exec);
    run(exec);
    EXPECT_EQ(9u, word(kCount - 1));
    OK(cuDeviceGetGraphMemAttribute(0, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &used));
    EXPECT_EQ(0u, used);
    OK(cuDeviceGetGraphMemAttribute(0, CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT, &used));
    EXPECT_LE(kCount * 4u, used);
    OK(cuDeviceGraphMemTrim(0));
    OK(cuDeviceGetGraphMemAttribute(0, CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT, &used));
    EXPECT_EQ(0u, used);
    run(exec);
    OK(cuGraphExecDestroy(exec));
    OK(cuGraphDestroy(captured));

    // Not freed by the graph: by the application, else it cannot be launched again.
    CUgraphNode node;
    CUDA_MEM_ALLOC_NODE_PARAMS alloc{};
    alloc.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    alloc.poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    alloc.bytesize = 4096;
    OK(cuGraphAddMemAllocNode(&node, graph, nullptr, 0, &alloc));
    ASSERT_NE(0u, alloc.dptr);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFree(alloc.dptr)); // not allocated yet
    exec = ready();
    run(exec);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, stream));
    OK(cuMemsetD8(alloc.dptr, 1, 4096));
    OK(cuMemFreeAsync(alloc.dptr, stream));
    run(exec);
    OK(cuMemFree(alloc.dptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFree(alloc.dptr));
    OK(cuGraphExecDestroy(exec));
    OK(cuGraphInstantiate(&exec, graph, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH));
    run(exec);
    run(exec);
    // It outlives the graph until it is freed.
    OK(cuGraphExecDestroy(exec));
    OK(cuGraphDestroy(graph));
    OK(cuMemsetD8(alloc.dptr, 1, 4096));
    OK(cuMemFree(alloc.dptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD8(alloc.dptr, 1, 4096));
}

TEST_F(Graphs, KeepWhatTheApplicationGivesThem)
{
    static int destroyed;
    destroyed = 0;
    CUuserObject object;
    OK(cuUserObjectCreate(
        &object, &destroyed, [](void *it) { ++*static_cast<int *>(it); }, 1,
        CU_USER_OBJECT_NO_DESTRUCTOR_SYNC));
    OK(cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE));
    add(2, 0);
    CUgraphExec exec = ready();
    OK(cuGraphDestroy(graph));
    EXPECT_EQ(0, destroyed);
    run(exec);
    OK(cuGraphExecDestroy(exec));
    OK(cuCtxSynchronize());
    EXPECT_EQ(1, destroyed);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuUserObjectRelease(object, 1));
}

TEST_F(Graphs, AreLaunchedIntoACapture)
{
    add(2, 3);
    CUgraphExec exec = ready(), outer;
    CUgraph captured;
    OK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(cuGraphLaunch(exec, stream));
    OK(launch(stream, 5, 7));
    OK(cuStreamEndCapture(stream, &captured));
    outer = ready(captured);
    run(outer);
    EXPECT_EQ(32u, word());
    std::string path = testing::TempDir() + "graph-test.dot";
    OK(cuGraphDebugDotPrint(captured, path.c_str(), CU_GRAPH_DEBUG_DOT_FLAGS_VERBOSE));
    std::ifstream file(path);
    std::string text(std::istreambuf_iterator<char>(file), {});
    std::remove(path.c_str());
    EXPECT_NE(std::string::npos, text.find("digraph"));
    EXPECT_NE(std::string::npos, text.find("twist"));
    EXPECT_EQ(1, std::count(text.begin(), text.end(), '>') > 0);
}

TEST_F(Graphs, CaptureIntoAGraphThatIsThere)
{
    CUgraphNode first = add(2, 3);
    CUgraph same;
    OK(cuStreamBeginCaptureToGraph(stream, graph, &first, nullptr, 1,
                                   CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(launch(stream, 5, 7));
    OK(cuStreamEndCapture(stream, &same));
    EXPECT_EQ(graph, same);
    run(ready());
    EXPECT_EQ(32u, word());
}

TEST_F(Graphs, ChooseByTheirConditions)
{
    // The default value of a handle is assigned at each launch; without kernels that set it, it
    // stays.
    CUgraphConditionalHandle yes, no;
    OK(cuGraphConditionalHandleCreate(&yes, graph, context, 1, CU_GRAPH_COND_ASSIGN_DEFAULT));
    OK(cuGraphConditionalHandleCreate(&no, graph, context, 0, CU_GRAPH_COND_ASSIGN_DEFAULT));
    CUgraphNode last = nullptr;
    for (CUgraphConditionalHandle handle : {yes, no}) {
        CUgraphNodeParams it{};
        it.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
        it.conditional.handle = handle;
        it.conditional.type = CU_GRAPH_COND_TYPE_IF;
        it.conditional.size = 1;
        it.conditional.ctx = context;
        CUgraphNode node;
        OK(cuGraphAddNode(&node, graph, &last, nullptr, last ? 1 : 0, &it));
        CUgraph body = it.conditional.phGraph_out[0];
        std::swap(body, graph);
        add(handle == yes ? 10 : 1000, 0);
        std::swap(body, graph);
        FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphDestroy(body));
        last = node;
    }
    run(ready());
    EXPECT_EQ(10u, word());
}

TEST_F(Graphs, StreamsWaitForMemory)
{
    OK(cuStreamWaitValue32(stream, data, 5, CU_STREAM_WAIT_VALUE_GEQ));
    OK(cuStreamWriteValue32(stream, data + 4, 77, 0));
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    OK(cuStreamWriteValue32(other, data, 6, 0));
    OK(cuStreamSynchronize(stream));
    EXPECT_EQ(77u, word(1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue64(stream, data + 4, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32(stream, data + kCount * 4, 1, 0));
}

} // namespace
