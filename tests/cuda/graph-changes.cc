// SPDX-License-Identifier: Apache-2.0
// Every kind of node is changed in its graph and in an executable one; and what a capture waits for
// is changed too.
#include "driver.h"

#include <initializer_list>

const char *const program = "graph-changes";

static CUcontext context;
static CUstream stream;
static CUmodule module;
static CUfunction kernel;
static CUdeviceptr data, other;

static CUDA_MEMSET_NODE_PARAMS fill_with(unsigned value)
{
    CUDA_MEMSET_NODE_PARAMS fill{};
    fill.dst = data;
    fill.elementSize = 4;
    fill.width = 64;
    fill.height = 1;
    fill.value = value;
    return fill;
}

static CUDA_MEMCPY3D copy_from(CUdeviceptr from)
{
    CUDA_MEMCPY3D copy{};
    copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = from;
    copy.dstDevice = data;
    copy.WidthInBytes = 256;
    copy.Height = copy.Depth = 1;
    return copy;
}

// A launch of add(data, n); the arguments are read when it is given to a graph.
struct Launch {
    explicit Launch(unsigned n) : n(n)
    {
        node.func = kernel;
        node.gridDimX = node.gridDimY = node.gridDimZ = 1;
        node.blockDimX = 64;
        node.blockDimY = node.blockDimZ = 1;
        node.kernelParams = arguments;
    }
    unsigned n;
    void *arguments[2] = {&data, &n};
    CUDA_KERNEL_NODE_PARAMS node{};
};

static int calls[2];

static CUDA_HOST_NODE_PARAMS counts(int which)
{
    CUDA_HOST_NODE_PARAMS host{};
    host.fn = [](void *counter) { ++*static_cast<int *>(counter); };
    host.userData = &calls[which];
    return host;
}

static void fills_calls_events_children()
{
    CUevent a, b, told;
    CUgraph graph, inner, second;
    CUgraphNode fill, call, record, wait, child, node;
    CUgraphExec exec;
    DRIVER(cuEventCreate(&a, 0));
    DRIVER(cuEventCreate(&b, 0));
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphCreate(&inner, 0));
    DRIVER(cuGraphCreate(&second, 0));
    auto set = fill_with(1);
    auto host = counts(0);
    Launch ten(10), twenty(20);
    DRIVER(cuGraphAddMemsetNode(&fill, graph, nullptr, 0, &set, context));
    DRIVER(cuGraphAddHostNode(&call, graph, &fill, 1, &host));
    DRIVER(cuGraphAddEventRecordNode(&record, graph, &call, 1, a));
    DRIVER(cuGraphAddEventWaitNode(&wait, graph, &record, 1, a));
    DRIVER(cuGraphAddKernelNode(&node, inner, nullptr, 0, &ten.node));
    DRIVER(cuGraphAddKernelNode(&node, second, nullptr, 0, &twenty.node));
    DRIVER(cuGraphAddChildGraphNode(&child, graph, &wait, 1, inner));
    DRIVER(cuGraphInstantiateWithFlags(&exec, graph, 0));
    cuuint64_t flags = 99;
    DRIVER(cuGraphExecGetFlags(exec, &flags));
    EXPECT(flags == 0);
    DRIVER(cuGraphLaunch(exec, stream));
    EXPECT(element(data, stream) == 11 && calls[0] == 1);

    // In the executable graph alone.
    host = counts(1);
    set = fill_with(3);
    DRIVER(cuGraphExecHostNodeSetParams(exec, call, &host));
    DRIVER(cuGraphExecEventRecordNodeSetEvent(exec, record, b));
    DRIVER(cuGraphExecEventWaitNodeSetEvent(exec, wait, b));
    DRIVER(cuGraphExecChildGraphNodeSetParams(exec, child, second));
    DRIVER(cuGraphExecMemsetNodeSetParams(exec, fill, &set, context));
    DRIVER(cuGraphLaunch(exec, stream));
    EXPECT(element(data, stream) == 23 && calls[0] == 1 && calls[1] == 1);
    DRIVER(cuEventQuery(b));
    DRIVER(cuGraphExecDestroy(exec));

    // In the graph.
    DRIVER(cuGraphHostNodeSetParams(call, &host));
    DRIVER(cuGraphEventRecordNodeSetEvent(record, b));
    DRIVER(cuGraphEventRecordNodeGetEvent(record, &told));
    EXPECT(told == b);
    DRIVER(cuGraphEventWaitNodeSetEvent(wait, b));
    DRIVER(cuGraphEventWaitNodeGetEvent(wait, &told));
    EXPECT(told == b);
    DRIVER(cuGraphMemsetNodeSetParams(fill, &set));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphEventWaitNodeGetEvent(record, &told));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphEventRecordNodeGetEvent(wait, &told));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphEventRecordNodeSetEvent(fill, b));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphEventWaitNodeSetEvent(fill, b));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphHostNodeSetParams(call, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphMemsetNodeSetParams(fill, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphMemsetNodeSetParams(call, &set));
    DRIVER(cuGraphInstantiateWithFlags(&exec, graph, 0));
    DRIVER(cuGraphLaunch(exec, stream));
    EXPECT(element(data, stream) == 13 && calls[0] == 1 && calls[1] == 2);
    DRIVER(cuGraphExecDestroy(exec));
    for (CUgraph it : {graph, inner, second})
        DRIVER(cuGraphDestroy(it));
    DRIVER(cuEventDestroy(a));
    DRIVER(cuEventDestroy(b));
}

static void copies_and_kernels()
{
    CUgraph graph;
    CUgraphNode copy, run, more;
    CUgraphExec exec;
    DRIVER(cuMemsetD32Async(other, 77, 64, stream));
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuGraphCreate(&graph, 0));
    auto move = copy_from(data), right = copy_from(other);
    Launch twenty(20), one(1);
    move.srcDevice = other + 4;
    move.WidthInBytes = 4;
    DRIVER(cuGraphAddMemcpyNode(&copy, graph, nullptr, 0, &move, context));
    DRIVER(cuGraphMemcpyNodeSetParams(copy, &right));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphMemcpyNodeSetParams(copy, nullptr));
    DRIVER(cuGraphAddKernelNode(&run, graph, &copy, 1, &twenty.node));
    DRIVER(cuGraphAddKernelNode(&more, graph, &run, 1, &twenty.node));
    CUlaunchAttributeValue value{};
    value.priority = 0;
    DRIVER(cuGraphKernelNodeSetAttribute(run, CU_LAUNCH_ATTRIBUTE_PRIORITY, &value));
    DRIVER(cuGraphKernelNodeCopyAttributes(more, run));
    DRIVER(cuGraphKernelNodeGetAttribute(more, CU_LAUNCH_ATTRIBUTE_PRIORITY, &value));
    EXPECT(value.priority == 0);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuGraphKernelNodeGetAttribute(more, CU_LAUNCH_ATTRIBUTE_PRIORITY, nullptr));
    CUDA_GRAPH_INSTANTIATE_PARAMS how{};
    DRIVER(cuGraphInstantiateWithParams(&exec, graph, &how));
    EXPECT(how.result_out == CUDA_GRAPH_INSTANTIATE_SUCCESS);
    DRIVER(cuGraphLaunch(exec, stream));
    EXPECT(element(data, stream, 63) == 117);

    DRIVER(cuMemsetD32Async(other, 5, 64, stream));
    DRIVER(cuGraphExecMemcpyNodeSetParams(exec, copy, &right, context));
    CUgraphNodeParams any{};
    any.type = CU_GRAPH_NODE_TYPE_KERNEL;
    any.kernel.func = kernel;
    any.kernel.gridDimX = any.kernel.gridDimY = any.kernel.gridDimZ = 1;
    any.kernel.blockDimX = 64;
    any.kernel.blockDimY = any.kernel.blockDimZ = 1;
    any.kernel.kernelParams = one.arguments;
    DRIVER(cuGraphExecNodeSetParams(exec, more, &any));
    DRIVER(cuGraphLaunch(exec, stream));
    EXPECT(element(data, stream) == 26);
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphNodeSetParams(run, &any));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGraphNodeSetParams(run, nullptr));
    DRIVER(cuGraphInstantiateWithParams(&exec, graph, &how));
    DRIVER(cuGraphLaunch(exec, stream));
    EXPECT(element(data, stream) == 26);
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));
}

// A fill outside the capture, which what is captured next shall wait for.
static void dependencies_of_a_capture()
{
    using Update = CUresult (*)(CUstream, CUgraphNode *, size_t, unsigned);
    auto update = symbol<Update>("cuStreamUpdateCaptureDependencies");
    CUstreamCaptureStatus status;
    CUgraph graph;
    CUgraphNode fill;
    CUgraphExec exec;
    DRIVER(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
#if CUDA_VERSION >= 13000
    DRIVER(cuStreamGetCaptureInfo(stream, &status, nullptr, &graph, nullptr, nullptr, nullptr));
#else
    DRIVER(cuStreamGetCaptureInfo(stream, &status, nullptr, &graph, nullptr, nullptr));
#endif
    auto set = fill_with(40);
    DRIVER(cuGraphAddMemsetNode(&fill, graph, nullptr, 0, &set, context));
    DRIVER(update(stream, &fill, 1, CU_STREAM_ADD_CAPTURE_DEPENDENCIES));
    FAILS(CUDA_ERROR_INVALID_VALUE, update(stream, nullptr, 1, CU_STREAM_ADD_CAPTURE_DEPENDENCIES));
#if CUDA_VERSION >= 13000
    DRIVER(cuStreamUpdateCaptureDependencies(stream, &fill, nullptr, 1,
                                             CU_STREAM_SET_CAPTURE_DEPENDENCIES));
#endif
    unsigned n = 2;
    void *arguments[] = {&data, &n};
    DRIVER(cuLaunchKernel(kernel, 1, 1, 1, 64, 1, 1, 0, stream, arguments, nullptr));
    DRIVER(cuStreamEndCapture(stream, &graph));
    FAILS(CUDA_ERROR_ILLEGAL_STATE, update(stream, &fill, 1, CU_STREAM_ADD_CAPTURE_DEPENDENCIES));
    DRIVER(cuGraphInstantiateWithFlags(&exec, graph, 0));
    DRIVER(cuGraphLaunch(exec, stream));
    EXPECT(element(data, stream) == 42);
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));
}

int main()
{
    context = open_context();
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&kernel, module, "add"));
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuMemAlloc(&data, 256));
    DRIVER(cuMemAlloc(&other, 256));
    fills_calls_events_children();
    copies_and_kernels();
    dependencies_of_a_capture();
    passed(0);
}
