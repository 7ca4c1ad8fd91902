// SPDX-License-Identifier: Apache-2.0
// The driver API as it is with the default stream of each thread
// (CUDA_API_PER_THREAD_DEFAULT_STREAM): what names no stream is in the thread's own, and calls that
// wait, wait for that one alone. One thread's stream is held up until another, through its own,
// lets it go: were both the same, or waited for each other as with the legacy stream, nothing would
// ever end.
#define CUDA_API_PER_THREAD_DEFAULT_STREAM
#include "driver.h"

#include <thread>

const char *const program = "own-streams";

constexpr unsigned kCount = 256;

struct State {
    CUcontext context;
    CUfunction add;
    CUdeviceptr flag, held, data;
};

static void launch(const State &state, CUdeviceptr data, unsigned n)
{
    void *parameters[] = {&data, &n};
    DRIVER(cuLaunchKernel(state.add, 1, 1, 1, kCount, 1, 1, 0, nullptr, parameters, nullptr));
}

// All of it while the first thread's stream waits.
static void other(const State &state, unsigned (&seen)[kCount])
{
    DRIVER(cuCtxSetCurrent(state.context));
    DRIVER(cuStreamQuery(nullptr));
    unsigned *pinned, host[kCount];
    CUevent event;
    CUdeviceptr pooled;
    DRIVER(cuMemAllocHost(reinterpret_cast<void **>(&pinned), kCount * sizeof(unsigned)));
    DRIVER(cuEventCreate(&event, CU_EVENT_DEFAULT));
    DRIVER(cuMemAllocAsync(&pooled, kCount * sizeof(unsigned), nullptr));
    for (unsigned i = 0; i < kCount; i++)
        host[i] = i;
    DRIVER(cuMemcpyHtoD(state.data, host, sizeof host));
    launch(state, state.data, 1000);
    DRIVER(cuMemcpyDtoDAsync(pooled, state.data, sizeof host, nullptr));
    DRIVER(cuMemsetD32(state.data, 1, kCount));
    launch(state, pooled, 5);
    DRIVER(cuMemcpyDtoHAsync(pinned, pooled, sizeof host, nullptr));
    DRIVER(cuEventRecord(event, nullptr));
    DRIVER(cuStreamWaitEvent(nullptr, event, 0));
    DRIVER(cuEventSynchronize(event));
    DRIVER(cuStreamSynchronize(nullptr));
    DRIVER(cuMemcpy(state.data + 4, pooled, 4));
    DRIVER(cuMemcpyDtoH(host, state.data, sizeof host));
    EXPECT(host[0] == 1 && host[1] == 1005 && host[2] == 1);
    for (unsigned i = 0; i < kCount; i++)
        seen[i] = pinned[i];
    DRIVER(cuMemFreeAsync(pooled, nullptr));
    // The legacy stream is still there by its name.
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(CU_STREAM_LEGACY));
    DRIVER(cuStreamWriteValue32(nullptr, state.flag, 1, CU_STREAM_WRITE_VALUE_DEFAULT));
    DRIVER(cuStreamSynchronize(nullptr));
    DRIVER(cuEventDestroy(event));
    DRIVER(cuMemFreeHost(pinned));
}

int main()
{
    State state;
    CUmodule module;
    state.context = open_context();
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&state.add, module, "add"));
    for (CUdeviceptr *one : {&state.flag, &state.held, &state.data}) {
        DRIVER(cuMemAlloc(one, kCount * sizeof(unsigned)));
        DRIVER(cuMemsetD32(*one, 0, kCount));
    }
    DRIVER(cuCtxSynchronize());

    DRIVER(cuStreamWaitValue32(nullptr, state.flag, 1, CU_STREAM_WAIT_VALUE_EQ));
    launch(state, state.held, 3);
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(nullptr));
    unsigned seen[kCount];
    std::thread([&] { other(state, seen); }).join();
    DRIVER(cuStreamSynchronize(nullptr));
    for (unsigned i = 0; i < kCount; i++)
        if (seen[i] != i + 1005)
            fail("[%u] is %u", i, seen[i]);
    EXPECT(element(state.held, nullptr, 9) == 3);

    CUstreamCaptureStatus status;
    DRIVER(cuStreamIsCapturing(nullptr, &status));
    EXPECT(status == CU_STREAM_CAPTURE_STATUS_NONE);
    // Unlike the legacy stream, this one can be captured.
    CUgraph graph;
    CUgraphExec exec;
    DRIVER(cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    launch(state, state.held, 4);
    DRIVER(cuStreamEndCapture(nullptr, &graph));
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    DRIVER(cuGraphLaunch(exec, nullptr));
    EXPECT(element(state.held, nullptr, 9) == 7);
    DRIVER(cuGraphExecDestroy(exec));
    DRIVER(cuGraphDestroy(graph));

    for (CUdeviceptr one : {state.flag, state.held, state.data})
        DRIVER(cuMemFree(one));
    DRIVER(cuCtxDestroy(state.context));
    passed(checksum(seen, sizeof seen));
    return 0;
}
