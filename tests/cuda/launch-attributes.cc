// SPDX-License-Identifier: Apache-2.0
// The attributes of a launch: events that it records, in a stream and in a capture; what a captured
// kernel keeps of them; what is refused. Run over the null driver too (null.bats), which shows that
// each arrives with its value.
#include "driver.h"

#include <cstring>

const char *const program = "launch-attributes";

static CUfunction add;
static CUdeviceptr data;
static CUstream stream, other;
static const bool null_driver = std::getenv("VGPU_NULL_RECORD") != nullptr;

static CUlaunchAttribute attribute(CUlaunchAttributeID id)
{
    CUlaunchAttribute one;
    std::memset(&one, 0, sizeof one);
    one.id = id;
    return one;
}

static CUlaunchAttribute programmatic(CUevent event, int flags = 0)
{
    auto one = attribute(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT);
    one.value.programmaticEvent.event = event;
    one.value.programmaticEvent.flags = flags;
    one.value.programmaticEvent.triggerAtBlockStart = 1;
    return one;
}

static CUlaunchAttribute number(CUlaunchAttributeID id, int value)
{
    auto one = attribute(id);
    one.value.priority = value; // of the union, as every number in it
    return one;
}

// One block of 64 threads that adds n.
static CUresult launch(CUstream in, unsigned n, CUlaunchAttribute *attributes, unsigned count)
{
    CUlaunchConfig config{};
    config.gridDimX = config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = 64;
    config.blockDimY = config.blockDimZ = 1;
    config.hStream = in;
    config.attrs = attributes;
    config.numAttrs = count;
    void *arguments[] = {&data, &n};
    return cuLaunchKernelEx(&config, add, arguments, nullptr);
}

static unsigned value()
{
    unsigned first = 0;
    DRIVER(cuMemcpyDtoH(&first, data + 63 * 4, 4));
    return first;
}

// Another stream goes on behind the event that the launch records.
static void events()
{
    CUevent event, both;
    DRIVER(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    DRIVER(cuEventCreate(&both, CU_EVENT_DISABLE_TIMING));
    DRIVER(cuMemsetD32(data, 0, 64));
    DRIVER(cuCtxSynchronize()); // neither stream waits for it
    for (unsigned round = 0; round < 20; round++) {
        CUlaunchAttribute list[2] = {programmatic(event), attribute(CU_LAUNCH_ATTRIBUTE_IGNORE)};
#if CUDA_VERSION >= 12030
        list[1] = attribute(CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT);
        list[1].value.launchCompletionEvent.event = both;
#endif
        DRIVER(launch(stream, 1, list, 2));
        DRIVER(cuStreamWaitEvent(other, event, 0));
        CUlaunchAttribute own[1] = {programmatic(event)}; // the same event again
        DRIVER(launch(other, 1, own, 1));
        DRIVER(cuStreamWaitEvent(stream, event, 0));
    }
    DRIVER(cuEventSynchronize(event));
    DRIVER(cuEventQuery(event));
    DRIVER(cuEventSynchronize(both));
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuStreamSynchronize(other));
    EXPECT(null_driver || value() == 40);
    DRIVER(cuEventDestroy(event));
    DRIVER(cuEventDestroy(both));
}

// What is captured behind the event is behind the kernel, which keeps the attributes it had.
static void captured()
{
    CUevent fork, join;
    DRIVER(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
    DRIVER(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
    DRIVER(cuMemsetD32(data, 0, 64));
    DRIVER(cuCtxSynchronize()); // neither stream waits for it
    DRIVER(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    CUlaunchAttribute list[] = {number(CU_LAUNCH_ATTRIBUTE_PRIORITY, -1), programmatic(fork)};
    DRIVER(launch(stream, 1, list, 2));
    DRIVER(cuStreamWaitEvent(other, fork, 0));
    DRIVER(launch(other, 10, nullptr, 0));
    DRIVER(cuEventRecord(join, other));
    DRIVER(cuStreamWaitEvent(stream, join, 0));
    DRIVER(launch(stream, 100, nullptr, 0));
    CUgraph graph;
    DRIVER(cuStreamEndCapture(stream, &graph));
    size_t count = 1;
    CUgraphNode first;
    DRIVER(cuGraphGetRootNodes(graph, &first, &count));
    EXPECT(count == 1);
    CUlaunchAttributeValue kept;
    DRIVER(cuGraphKernelNodeGetAttribute(first, CU_LAUNCH_ATTRIBUTE_PRIORITY, &kept));
    std::printf("%s: a captured kernel's priority is %d\n", program, kept.priority);
    CUgraphExec exec;
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    DRIVER(cuGraphLaunch(exec, stream));
    DRIVER(cuGraphLaunch(exec, stream));
    DRIVER(cuStreamSynchronize(stream));
    EXPECT(value() == 222);
    // Events are of launches alone.
    CUlaunchAttributeValue event = programmatic(fork).value;
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuGraphKernelNodeSetAttribute(first, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT, &event));
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));
    DRIVER(cuEventDestroy(fork));
    DRIVER(cuEventDestroy(join));
}

static void refused()
{
    CUevent timed, gone;
    DRIVER(cuEventCreate(&timed, CU_EVENT_DEFAULT));
    DRIVER(cuEventCreate(&gone, CU_EVENT_DISABLE_TIMING));
    CUlaunchAttribute wrong = programmatic(timed);
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(stream, 1, &wrong, 1));
    wrong = programmatic(gone, CU_EVENT_RECORD_EXTERNAL);
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(stream, 1, &wrong, 1));
    DRIVER(cuEventDestroy(gone));
    wrong = programmatic(gone);
    FAILS(CUDA_ERROR_INVALID_HANDLE, launch(stream, 1, &wrong, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(stream, 1, nullptr, 1));
    DRIVER(cuCtxSynchronize());
    DRIVER(cuEventDestroy(timed));
}

// Every one that there is, with a value that no other has.
static void all()
{
    CUevent event;
    DRIVER(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    auto window = attribute(CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW);
    window.value.accessPolicyWindow = {reinterpret_cast<void *>(data), 256, 0.75f,
                                       CU_ACCESS_PROPERTY_PERSISTING, CU_ACCESS_PROPERTY_STREAMING};
    auto domains = attribute(CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP);
    domains.value.memSyncDomainMap.default_ = 1;
    domains.value.memSyncDomainMap.remote = 2;
    CUlaunchAttribute list[] = {
        window,
        number(CU_LAUNCH_ATTRIBUTE_COOPERATIVE, 1),
        number(CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE,
               CU_CLUSTER_SCHEDULING_POLICY_LOAD_BALANCING),
        number(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, 1),
        programmatic(event),
        number(CU_LAUNCH_ATTRIBUTE_PRIORITY, -3),
        domains,
        number(CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN, CU_LAUNCH_MEM_SYNC_DOMAIN_REMOTE),
#if CUDA_VERSION >= 12080
        number(CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50),
#endif
#if CUDA_VERSION >= 13000
        number(CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING, 1),
#endif
    };
    CUresult result = launch(stream, 1, list, sizeof list / sizeof list[0]);
    CUresult later = cuStreamSynchronize(stream);
    std::printf("%s: all at once: %s\n", program, name_of(result ? result : later));
    DRIVER(cuEventDestroy(event));
#if CUDA_VERSION >= 12040
    // Its node's name on the device comes back.
    auto updatable = attribute(CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE);
    updatable.value.deviceUpdatableKernelNode.deviceUpdatable = 1;
    result = launch(stream, 1, &updatable, 1);
    std::printf("%s: updatable by the device: %s, %p\n", program, name_of(result),
                (void *)updatable.value.deviceUpdatableKernelNode.devNode);
#endif
}

int main()
{
    open_context();
    CUmodule module;
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&add, module, "add"));
    DRIVER(cuMemAlloc(&data, 256));
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    all();
    events();
    if (!null_driver) { // which takes all that it is given, and runs nothing
        captured();
        refused();
    }
    passed(null_driver ? 0 : value());
}
