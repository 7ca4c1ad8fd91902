// SPDX-License-Identifier: Apache-2.0
// What a program learns that does while it captures what cannot be captured, or ends a capture as
// it cannot end: the code of each call.
#include "check.h"

#include <thread>

const char *const program = "capture-codes";

__global__ void add_one(int *data)
{
    data[threadIdx.x] += 1;
}

static void said(const char *call, cudaError_t error)
{
    std::printf("%s: %s: %s\n", program, call, cudaGetErrorName(error));
    cudaGetLastError();
}

static cudaStream_t stream, side;

static void begin(cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal)
{
    CUDA(cudaStreamBeginCapture(stream, mode));
}

static void end(const char *what)
{
    cudaGraph_t graph = nullptr;
    said(what, cudaStreamEndCapture(stream, &graph));
    if (graph)
        CUDA(cudaGraphDestroy(graph));
    cudaStreamCaptureStatus status;
    CUDA(cudaStreamIsCapturing(stream, &status));
    EXPECT(status == cudaStreamCaptureStatusNone);
}

int main()
{
    int *data, *more, host[32] = {};
    cudaEvent_t event;
    cudaGraph_t graph;
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
    CUDA(cudaEventCreate(&event));
    CUDA(cudaMalloc(&data, 32 * sizeof(int)));
    CUDA(cudaMemset(data, 0, 32 * sizeof(int)));

    said("ending nothing", cudaStreamEndCapture(stream, &graph));
    said("the legacy stream", cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal));
    begin();
    said("beginning twice", cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    end("ended all the same");

    begin();
    add_one<<<1, 32, 0, stream>>>(data);
    said("synchronising it", cudaStreamSynchronize(stream));
    add_one<<<1, 32, 0, stream>>>(data);
    said("launching after that", cudaGetLastError());
    cudaStreamCaptureStatus status;
    CUDA(cudaStreamIsCapturing(stream, &status));
    EXPECT(status == cudaStreamCaptureStatusInvalidated);
    end("after synchronising");

    begin();
    said("asking it", cudaStreamQuery(stream));
    end("after asking");
    begin();
    said("synchronising the device", cudaDeviceSynchronize());
    end("after that");
    begin();
    said("allocating", cudaMalloc(&more, 64));
    end("after allocating");
    begin();
    said("a copy that waits", cudaMemcpy(host, data, sizeof host, cudaMemcpyDeviceToHost));
    end("after copying");
    begin();
    add_one<<<1, 32>>>(data);
    said("launching into the legacy stream", cudaGetLastError());
    end("after that one");

    // What may be done by those who said so.
    begin();
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    CUDA(cudaMalloc(&more, 64));
    CUDA(cudaFree(more));
    CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    EXPECT(mode == cudaStreamCaptureModeRelaxed);
    end("relaxed for a moment");
    begin(cudaStreamCaptureModeThreadLocal);
    std::thread([&] { said("another thread's allocation", cudaMalloc(&more, 64)); }).join();
    end("local to a thread");
    CUDA(cudaFree(more));
    begin();
    std::thread([&] {
        said("ending another thread's", cudaStreamEndCapture(stream, &graph));
    }).join();
    end("its own");

    // Streams that fork and join, and those that do not.
    begin();
    CUDA(cudaEventRecord(event, stream));
    CUDA(cudaStreamWaitEvent(side, event, 0));
    add_one<<<1, 32, 0, side>>>(data);
    said("ending the other stream", cudaStreamEndCapture(side, &graph));
    end("after the other");
    begin();
    CUDA(cudaEventRecord(event, stream));
    CUDA(cudaStreamWaitEvent(side, event, 0));
    add_one<<<1, 32, 0, side>>>(data);
    end("without joining");
    said("an event of a capture", cudaEventQuery(event));
    said("waiting for it", cudaEventSynchronize(event));
    CUDA(cudaEventRecord(event, side));
    CUDA(cudaStreamSynchronize(side));
    begin();
    said("an event from outside", cudaStreamWaitEvent(stream, event, 0));
    end("after that event");

    // And one that is as it should be.
    cudaGraphExec_t exec;
    begin();
    for (int i = 0; i < 10; i++)
        add_one<<<1, 32, 0, stream>>>(data);
    CUDA(cudaMemcpyAsync(host, data, sizeof host, cudaMemcpyDeviceToHost, stream));
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphDestroy(graph));
    for (int i = 0; i < 3; i++)
        CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    EXPECT(host[0] == 30 && host[31] == 30);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaFree(data));
    passed(checksum(host, sizeof host));
    return 0;
}
