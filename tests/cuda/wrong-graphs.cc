// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h): graphs, their nodes,
// changes of one that is ready, captures.
#include "wrong-driver.h"

const char *const program = "wrong-graphs";

static void CUDA_CB nothing(void *) {}

static void graphs()
{
    CUgraph graph = nullptr, child = nullptr, of = nullptr;
    CUgraphNode node = nullptr, first = nullptr, found = nullptr;
    size_t count = 0;
    WALK(cuGraphCreate, &graph, 0);
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphCreate(&child, 0));
    DRIVER(cuGraphCreate(&dead<CUgraph>, 0));
    DRIVER(cuGraphInstantiate(&dead<CUgraphExec>, dead<CUgraph>, 0));
    DRIVER(cuGraphExecDestroy(dead<CUgraphExec>));
    DRIVER(cuGraphDestroy(dead<CUgraph>));
    DRIVER(cuGraphAddEmptyNode(&dead<CUgraphNode>, graph, nullptr, 0));
    DRIVER(cuGraphDestroyNode(dead<CUgraphNode>));
    DRIVER(cuGraphAddEmptyNode(&first, graph, nullptr, 0));

    constexpr unsigned kCount = 8; // of the nodes it depends on
    WALK_BUT(kCount, cuGraphAddEmptyNode, &node, graph, &first, 1);
    DRIVER(cuGraphAddEmptyNode(&node, graph, &first, 1));
    CUgraphNode empty = node;
    unsigned n = 1;
    void *arguments[] = {&data, &n};
    CUDA_KERNEL_NODE_PARAMS launch{};
    launch.func = kernel;
    launch.gridDimX = launch.gridDimY = launch.gridDimZ = 1;
    launch.blockDimX = launch.blockDimY = launch.blockDimZ = 1;
    launch.kernelParams = arguments;
    WALK_BUT(kCount, cuGraphAddKernelNode, &node, graph, &first, 1, &launch);
    DRIVER(cuGraphAddKernelNode(&node, graph, &first, 1, &launch));
    CUgraphNode launches = node;
    CUDA_KERNEL_NODE_PARAMS none{};
    WALK_BUT(31, cuGraphAddKernelNode, &node, graph, &first, 1, &none);
    CUDA_KERNEL_NODE_PARAMS got{}; // whose arguments are the node's until it has others
    WALK(cuGraphKernelNodeGetParams, launches, &got);
    WALK(cuGraphKernelNodeSetParams, launches, &launch);
    WALK_BUT(3, cuGraphKernelNodeSetParams, launches, &none);
    CUkernelNodeAttrValue value{};
    WALK(cuGraphKernelNodeGetAttribute, launches, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &value);
    WALK(cuGraphKernelNodeSetAttribute, launches, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &value);
    WALK(cuGraphKernelNodeCopyAttributes, launches, launches);
    CUDA_MEMCPY3D box{};
    box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = data;
    box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.dstDevice = data + 1024;
    box.WidthInBytes = 32;
    box.Height = box.Depth = 1;
    WALK_BUT(kCount, cuGraphAddMemcpyNode, &node, graph, &first, 1, &box, context);
    DRIVER(cuGraphAddMemcpyNode(&node, graph, &first, 1, &box, context));
    CUgraphNode copies_node = node;
    WALK(cuGraphMemcpyNodeGetParams, copies_node, &box);
    WALK(cuGraphMemcpyNodeSetParams, copies_node, &box);
    CUDA_MEMSET_NODE_PARAMS fill{};
    fill.dst = data;
    fill.elementSize = 4;
    fill.width = fill.height = 1;
    WALK_BUT(kCount, cuGraphAddMemsetNode, &node, graph, &first, 1, &fill, context);
    DRIVER(cuGraphAddMemsetNode(&node, graph, &first, 1, &fill, context));
    CUgraphNode fills = node;
    CUDA_MEMSET_NODE_PARAMS odd = fill;
    odd.elementSize = 3;
    WALK_BUT(63, cuGraphAddMemsetNode, &node, graph, &first, 1, &odd, context);
    WALK(cuGraphMemsetNodeGetParams, fills, &fill);
    WALK(cuGraphMemsetNodeSetParams, fills, &fill);
    WALK_BUT(3, cuGraphMemsetNodeSetParams, fills, &odd);
    CUDA_HOST_NODE_PARAMS function{};
    function.fn = nothing;
    WALK_BUT(kCount, cuGraphAddHostNode, &node, graph, &first, 1, &function);
    DRIVER(cuGraphAddHostNode(&node, graph, &first, 1, &function));
    CUgraphNode calls = node;
    CUDA_HOST_NODE_PARAMS no_function{};
    WALK_BUT(31, cuGraphAddHostNode, &node, graph, &first, 1, &no_function);
    WALK(cuGraphHostNodeGetParams, calls, &function);
    WALK(cuGraphHostNodeSetParams, calls, &function);
    WALK_BUT(3, cuGraphHostNodeSetParams, calls, &no_function);
    WALK_BUT(kCount, cuGraphAddChildGraphNode, &node, graph, &first, 1, child);
    DRIVER(cuGraphAddChildGraphNode(&node, graph, &first, 1, child));
    CUgraphNode within = node;
    WALK(cuGraphChildGraphNodeGetGraph, within, &of);
    WALK_BUT(31, cuGraphAddChildGraphNode, &node, graph, &first, 1, graph); // of itself
    WALK_BUT(kCount, cuGraphAddEventRecordNode, &node, graph, &first, 1, event);
    DRIVER(cuGraphAddEventRecordNode(&node, graph, &first, 1, event));
    CUgraphNode records = node;
    CUevent of_node = nullptr;
    WALK(cuGraphEventRecordNodeGetEvent, records, &of_node);
    WALK(cuGraphEventRecordNodeSetEvent, records, event);
    WALK_BUT(kCount, cuGraphAddEventWaitNode, &node, graph, &first, 1, event);
    DRIVER(cuGraphAddEventWaitNode(&node, graph, &first, 1, event));
    CUgraphNode waits = node;
    WALK(cuGraphEventWaitNodeGetEvent, waits, &of_node);
    WALK(cuGraphEventWaitNodeSetEvent, waits, event);

    CUgraphNodeType type{};
    WALK(cuGraphNodeGetType, launches, &type);
    count = 0;
    WALK_BUT(2, cuGraphGetNodes, graph, nullptr, &count);
    WALK_BUT(2, cuGraphGetRootNodes, graph, nullptr, &count);
#if CUDA_VERSION >= 13000
    WALK_BUT(14, cuGraphGetEdges, graph, nullptr, nullptr, nullptr, &count);
    WALK_BUT(6, cuGraphNodeGetDependencies, launches, nullptr, nullptr, &count);
    WALK_BUT(6, cuGraphNodeGetDependentNodes, first, nullptr, nullptr, &count);
    WALK_BUT(8 | 16, cuGraphAddDependencies, graph, &empty, &launches, nullptr, 1);
    WALK_BUT(31, cuGraphAddDependencies, graph, &launches, &empty, nullptr, 1); // a circle
    WALK_BUT(31, cuGraphAddDependencies, graph, &launches, &launches, nullptr, 1);
    WALK_BUT(8 | 16, cuGraphRemoveDependencies, graph, &empty, &launches, nullptr, 1);
#endif
    CUgraph clone = nullptr;
    WALK(cuGraphClone, &clone, graph);
    WALK(cuGraphNodeFindInClone, &found, launches, clone);
    WALK_BUT(2, cuGraphDebugDotPrint, graph, "/no/such/folder/file", 0);
    CUgraphConditionalHandle condition = 0;
    WALK(cuGraphConditionalHandleCreate, &condition, graph, context, 0, 0);
    CUuserObject object = nullptr;
    WALK(cuUserObjectCreate, &object, &object, nothing, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
    WALK(cuUserObjectRetain, object, 1);
    WALK(cuGraphRetainUserObject, graph, object, 1, 0);
    WALK(cuGraphReleaseUserObject, graph, object, 1);
    WALK(cuUserObjectRelease, object, 1);
    DRIVER(cuGraphDestroy(clone));
}

static void launches_of_graphs()
{
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    CUgraphNode launches = nullptr, fills = nullptr, calls = nullptr;
    unsigned n = 1, enabled = 0;
    void *arguments[] = {&data, &n};
    CUDA_KERNEL_NODE_PARAMS launch{};
    launch.func = kernel;
    launch.gridDimX = launch.gridDimY = launch.gridDimZ = 1;
    launch.blockDimX = launch.blockDimY = launch.blockDimZ = 1;
    launch.kernelParams = arguments;
    CUDA_MEMSET_NODE_PARAMS fill{};
    fill.dst = data;
    fill.elementSize = 4;
    fill.width = fill.height = 1;
    CUDA_HOST_NODE_PARAMS function{};
    function.fn = nothing;
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphAddKernelNode(&launches, graph, nullptr, 0, &launch));
    DRIVER(cuGraphAddMemsetNode(&fills, graph, nullptr, 0, &fill, context));
    DRIVER(cuGraphAddHostNode(&calls, graph, nullptr, 0, &function));
    WALK(cuGraphInstantiate, &exec, graph, 0);
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    CUDA_GRAPH_INSTANTIATE_PARAMS with{};
    WALK(cuGraphInstantiateWithParams, &exec, graph, &with);
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    cuuint64_t flags = 0;
    WALK(cuGraphExecGetFlags, exec, &flags);
    WALK(cuGraphExecKernelNodeSetParams, exec, launches, &launch);
    WALK(cuGraphExecMemsetNodeSetParams, exec, fills, &fill, context);
    WALK(cuGraphExecHostNodeSetParams, exec, calls, &function);
    WALK_BUT(7, cuGraphExecHostNodeSetParams, exec, launches, &function);
    WALK_BUT(7, cuGraphExecKernelNodeSetParams, exec, fills, &launch);
    WALK(cuGraphNodeSetEnabled, exec, launches, 1);
    WALK(cuGraphNodeGetEnabled, exec, launches, &enabled);
    CUgraphExecUpdateResultInfo told_of{};
    WALK(cuGraphExecUpdate, exec, graph, &told_of);
    WALK(cuGraphUpload, exec, stream);
    WALK(cuGraphLaunch, exec, stream);
    DRIVER(cuCtxSynchronize()); // on the null stream too: what comes next uses the same memory
    REFUSE(cuGraphExecDestroy);
    REFUSE(cuGraphDestroyNode);
    REFUSE(cuGraphDestroy);
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
}

int main()
{
    open_for_wrong_calls();
    graphs();
    launches_of_graphs();
    nodes();
    captures();
    end_of_wrong_calls();
}
