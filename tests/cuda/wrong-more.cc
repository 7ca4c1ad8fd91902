// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h), of the rarer parts: changes of a
// graph that is ready, nodes that wait for memory or allocate it, captures, green contexts, links,
// contexts.
#include "driver.h"
#include "wrong.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

const char *const program = "wrong-more";

template<>
wrong::Code wrong::code_of(CUresult result)
{
    return {name_of(result), result == CUDA_SUCCESS};
}

using wrong::dead;

static CUdevice device;
static CUcontext context;
static CUstream stream;
static CUevent event;
static CUdeviceptr data;

static void contexts()
{
    CUcontext found = nullptr;
#if CUDA_VERSION >= 13000
    WALK_BUT(2, cuCtxCreate, &found, nullptr, 0, device);
#else
    WALK(cuCtxCreate, &found, 0, device);
#endif
    DRIVER(cuCtxDestroy(found));
    DRIVER(cuCtxSetCurrent(context));
    WALK(cuCtxPopCurrent, &found);
    EXPECT(found == context);
    WALK(cuCtxPushCurrent, context);
    DRIVER(cuCtxResetPersistingL2Cache());
}

static void nodes()
{
    CUgraph graph = nullptr, child = nullptr;
    CUgraphExec exec = nullptr;
    CUgraphNode copies = nullptr, children = nullptr, records = nullptr, waits = nullptr;
    CUgraphNode values = nullptr, allocates = nullptr, frees = nullptr, node = nullptr;
    CUDA_MEMCPY3D box{};
    box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = data;
    box.dstDevice = data + 1024;
    box.WidthInBytes = 32;
    box.Height = box.Depth = 1;
    DRIVER(cuGraphCreate(&child, 0));
    DRIVER(cuGraphAddEmptyNode(&node, child, nullptr, 0));
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphAddMemcpyNode(&copies, graph, nullptr, 0, &box, context));
    DRIVER(cuGraphAddChildGraphNode(&children, graph, nullptr, 0, child));
    DRIVER(cuGraphAddEventRecordNode(&records, graph, nullptr, 0, event));
    DRIVER(cuGraphAddEventWaitNode(&waits, graph, &records, 1, event));
    CUstreamBatchMemOpParams write{};
    write.writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    write.writeValue.address = data;
    write.writeValue.value = 5;
    CUDA_BATCH_MEM_OP_NODE_PARAMS batch{};
    batch.ctx = context;
    batch.count = 1;
    batch.paramArray = &write;
    WALK_BUT(8, cuGraphAddBatchMemOpNode, &node, graph, nullptr, 0, &batch);
    DRIVER(cuGraphAddBatchMemOpNode(&values, graph, nullptr, 0, &batch));
    CUDA_BATCH_MEM_OP_NODE_PARAMS got{};
    WALK(cuGraphBatchMemOpNodeGetParams, values, &got);
    EXPECT(got.count == 1 && got.paramArray[0].writeValue.value == 5);
    WALK(cuGraphBatchMemOpNodeSetParams, values, &batch);
    CUDA_BATCH_MEM_OP_NODE_PARAMS none = batch;
    none.paramArray = nullptr;
    WALK_BUT(3, cuGraphBatchMemOpNodeSetParams, values, &none);
    WALK_BUT(3, cuGraphBatchMemOpNodeSetParams, copies, &batch);
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    WALK(cuGraphExecBatchMemOpNodeSetParams, exec, values, &batch);
    WALK(cuGraphExecMemcpyNodeSetParams, exec, copies, &box, context);
    WALK(cuGraphExecChildGraphNodeSetParams, exec, children, child);
    WALK(cuGraphExecEventRecordNodeSetEvent, exec, records, event);
    WALK(cuGraphExecEventWaitNodeSetEvent, exec, waits, event);
    WALK_BUT(7, cuGraphExecEventWaitNodeSetEvent, exec, records, event);
    WALK_BUT(15, cuGraphExecMemcpyNodeSetParams, exec, records, &box, context);
    WALK_BUT(7, cuGraphExecChildGraphNodeSetParams, exec, children, graph);
    DRIVER(cuGraphLaunch(exec, stream));
    EXPECT(element(data, stream) == 5);
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));

    CUDA_MEM_ALLOC_NODE_PARAMS memory{}, said{};
    memory.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    memory.poolProps.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
    memory.bytesize = 4096;
    DRIVER(cuGraphCreate(&graph, 0));
    WALK_BUT(4 | 8, cuGraphAddMemAllocNode, &node, graph, nullptr, 0, &memory);
    DRIVER(cuGraphAddMemAllocNode(&allocates, graph, nullptr, 0, &memory));
    WALK(cuGraphMemAllocNodeGetParams, allocates, &said);
    EXPECT(said.dptr == memory.dptr && said.bytesize == 4096);
    WALK_BUT(1 | 4 | 8, cuGraphAddMemFreeNode, &frees, graph, &allocates, 1, memory.dptr);
    CUdeviceptr freed = 0;
    WALK(cuGraphMemFreeNodeGetParams, frees, &freed);
    WALK_BUT(3, cuGraphMemAllocNodeGetParams, frees, &said);
    DRIVER(cuGraphDestroy(graph));

#if CUDA_VERSION >= 13000
    DRIVER(cuGraphCreate(&graph, 0));
    CUgraphNodeParams empty{};
    empty.type = CU_GRAPH_NODE_TYPE_EMPTY;
    WALK_BUT(4 | 8 | 16, cuGraphAddNode, &node, graph, nullptr, nullptr, 0, &empty);
    empty.type = CUgraphNodeType(999);
    WALK_BUT(63, cuGraphAddNode, &node, graph, nullptr, nullptr, 0, &empty);
    DRIVER(cuGraphDestroy(graph));
#endif
    DRIVER(cuGraphDestroy(child));
}

static void captures()
{
    CUgraph graph = nullptr, captured = nullptr;
    CUstreamCaptureStatus status{};
    cuuint64_t id = 0;
    DRIVER(cuGraphCreate(&graph, 0));
#if CUDA_VERSION >= 13000
    WALK_BUT(1 | 4 | 8 | 16, cuStreamGetCaptureInfo, stream, &status, &id, nullptr, nullptr,
             nullptr, nullptr);
    FAILS(CUDA_ERROR_INVALID_HANDLE,
          cuStreamGetCaptureInfo(dead<CUstream>, &status, &id, nullptr, nullptr, nullptr, nullptr));
#endif
    // Each that begins is ended.
    for (CUstream which : {CUstream(nullptr), dead<CUstream>, stream})
        for (CUgraph to : {CUgraph(nullptr), graph})
            for (int mode : {0, 9999}) {
                CUresult result = cuStreamBeginCaptureToGraph(which, to, nullptr, nullptr, 0,
                                                              CUstreamCaptureMode(mode));
                std::printf("%s: cuStreamBeginCaptureToGraph %d %d %d: %s\n", program,
                            which == stream, to == graph, mode, name_of(result));
                if (result == CUDA_SUCCESS)
                    DRIVER(cuStreamEndCapture(which, &captured));
            }
    DRIVER(cuGraphDestroy(graph));
#if CUDA_VERSION >= 13000
    CUgraphNode node = nullptr;
    DRIVER(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    DRIVER(cuStreamGetCaptureInfo(stream, &status, nullptr, &graph, nullptr, nullptr, nullptr));
    DRIVER(cuGraphAddEmptyNode(&node, graph, nullptr, 0));
    // A count is what the list has.
    WALK_BUT(4 | 8, cuStreamUpdateCaptureDependencies, stream, &node, nullptr, 1,
             CU_STREAM_SET_CAPTURE_DEPENDENCIES);
    for (CUgraphNode none : {CUgraphNode(nullptr), CUgraphNode(wrong::other_kind),
                             reinterpret_cast<CUgraphNode>(graph)})
        std::printf("%s: a dependency on none: %s\n", program,
                    name_of(cuStreamUpdateCaptureDependencies(stream, &none, nullptr, 1,
                                                              CU_STREAM_ADD_CAPTURE_DEPENDENCIES)));
    DRIVER(cuStreamEndCapture(stream, &captured));
    DRIVER(cuGraphDestroy(captured));
    FAILS(CUDA_ERROR_ILLEGAL_STATE,
          cuStreamUpdateCaptureDependencies(stream, nullptr, nullptr, 0,
                                            CU_STREAM_SET_CAPTURE_DEPENDENCIES));
#endif
    cuuint64_t value = 0;
    WALK_BUT(4, cuStreamWaitValue64, stream, data + 8, value, CU_STREAM_WAIT_VALUE_GEQ);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWaitValue64(stream, data + 4, 0, 0));
}

static void green_contexts()
{
    CUdevResource all{}, own{};
    CUdevResourceDesc description = nullptr;
    CUgreenCtx green = nullptr;
    CUcontext of = nullptr;
    CUstream its = nullptr;
    unsigned long long id = 0;
    DRIVER(cuDeviceGetDevResource(device, &all, CU_DEV_RESOURCE_TYPE_SM));
    WALK_BUT(4, cuDevResourceGenerateDesc, &description, &all, 1);
    WALK_BUT(4, cuGreenCtxCreate, &green, description, device, CU_GREEN_CTX_DEFAULT_STREAM);
    DRIVER(cuGreenCtxCreate(&green, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
    DRIVER(cuGreenCtxCreate(&dead<CUgreenCtx>, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
    DRIVER(cuGreenCtxDestroy(dead<CUgreenCtx>));
    WALK(cuCtxFromGreenCtx, &of, green);
    WALK(cuGreenCtxGetDevResource, green, &own, CU_DEV_RESOURCE_TYPE_SM);
    WALK(cuGreenCtxRecordEvent, green, event);
    WALK(cuGreenCtxWaitEvent, green, event);
#if CUDA_VERSION >= 13000
    WALK_BUT(2, cuGreenCtxGetId, green, &id);
#endif
    EXPECT(id != 0 || CUDA_VERSION < 13000);
    WALK_BUT(8, cuGreenCtxStreamCreate, &its, green, CU_STREAM_NON_BLOCKING, 0);
    CUgreenCtx found = nullptr;
    WALK(cuStreamGetGreenCtx, its, &found);
    REFUSE(cuGreenCtxDestroy);
    DRIVER(cuStreamDestroy(its));
    DRIVER(cuGreenCtxDestroy(green));
}

static void links()
{
    CUlinkState link = nullptr;
    void *image = nullptr;
    size_t size = 0;
    static char code[4096];
    std::strncpy(code, add_code, sizeof code - 1);
    WALK_BUT(2 | 4, cuLinkCreate, 0, nullptr, nullptr, &link);
    DRIVER(cuLinkCreate(0, nullptr, nullptr, &dead<CUlinkState>));
    DRIVER(cuLinkDestroy(dead<CUlinkState>));
    WALK_BUT(8 | 16 | 32 | 64 | 128, cuLinkAddData, link, CU_JIT_INPUT_PTX, code, sizeof code,
             "name", 0, nullptr, nullptr);
    WALK_BUT(2 | 8 | 16 | 32, cuLinkAddFile, link, CU_JIT_INPUT_PTX, "/no/such/file", 0, nullptr,
             nullptr);
    WALK_BUT(1, cuLinkComplete, link, &image, &size);
    for (CUlinkState none :
         {CUlinkState(nullptr), dead<CUlinkState>, CUlinkState(wrong::other_kind)})
        std::printf("%s: cuLinkComplete of none: %s\n", program,
                    name_of(cuLinkComplete(none, &image, &size)));
    REFUSE(cuLinkDestroy);
    DRIVER(cuLinkDestroy(link));
}

int main()
{
    context = open_context(&device);
    wrong::after = [] { DRIVER(cuCtxSetCurrent(context)); };
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamCreate(&dead<CUstream>, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamDestroy(dead<CUstream>));
    DRIVER(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    DRIVER(cuEventCreate(&dead<CUevent>, 0));
    DRIVER(cuEventDestroy(dead<CUevent>));
    DRIVER(cuMemAlloc(&data, 4096));
    DRIVER(cuMemsetD8(data, 0, 4096));
    CUmodule module;
    DRIVER(cuModuleLoadData(&module, add_code));
    wrong::other_kind = module; // asked for by no call here

    contexts();
    nodes();
    captures();
    green_contexts();
    links();

    DRIVER(cuCtxSynchronize());
    DRIVER(cuMemsetD32Async(data, 7, 16, stream));
    EXPECT(element(data, stream) == 7);
    passed(0);
}
