// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

namespace
{

using Streams = OnDevice;

/// Holds a stream up until it is opened.
struct Gate {
    std::promise<void> opened;
    std::shared_future<void> open{opened.get_future()};

    void close(CUstream stream)
    {
        EXPECT_EQ(CUDA_SUCCESS,
                  cuLaunchHostFunc(
                      stream, [](void *gate) { static_cast<Gate *>(gate)->open.wait(); }, this));
    }
    void release() { opened.set_value(); }
};

void count(CUstream stream, std::atomic<int> &counter)
{
    EXPECT_EQ(CUDA_SUCCESS,
              cuLaunchHostFunc(
                  stream, [](void *it) { ++*static_cast<std::atomic<int> *>(it); }, &counter));
}

/// True if the stream is not done for long enough that it would be, were it not held up.
bool stays_busy(CUstream stream)
{
    auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    while (std::chrono::steady_clock::now() < end)
        if (cuStreamQuery(stream) != CUDA_ERROR_NOT_READY)
            return false;
    return true;
}

TEST_F(Streams, RunOnTheirOwnAndInOrder)
{
    CUstream stream;
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    Gate gate;
    std::atomic<int> done{0};
    gate.close(stream);
    count(stream, done);
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    EXPECT_EQ(0, done);
    gate.release();
    OK(cuStreamSynchronize(stream));
    EXPECT_EQ(1, done);
    OK(cuStreamQuery(stream));
    OK(cuStreamDestroy(stream));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy(stream));
}

TEST_F(Streams, OneDoesNotHoldUpAnother)
{
    CUstream slow, fast;
    OK(cuStreamCreate(&slow, 0));
    OK(cuStreamCreate(&fast, 0));
    Gate gate;
    std::atomic<int> done{0};
    gate.close(slow);
    count(fast, done);
    OK(cuStreamSynchronize(fast));
    EXPECT_EQ(1, done);
    gate.release();
    OK(cuCtxSynchronize());
}

TEST_F(Streams, LegacyDefaultStreamWaitsForBlockingOnesOnly)
{
    CUstream blocking, free;
    OK(cuStreamCreate(&blocking, 0));
    OK(cuStreamCreate(&free, CU_STREAM_NON_BLOCKING));
    Gate first, second;
    std::atomic<int> done{0};
    second.close(free);
    first.close(blocking);
    count(nullptr, done);
    EXPECT_TRUE(stays_busy(nullptr));
    first.release();
    OK(cuStreamSynchronize(nullptr));
    EXPECT_EQ(1, done);
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(free));
    second.release();
    OK(cuCtxSynchronize());
}

TEST_F(Streams, BlockingStreamsWaitForLegacyOne)
{
    CUstream blocking;
    OK(cuStreamCreate(&blocking, 0));
    Gate gate;
    std::atomic<int> done{0};
    gate.close(CU_STREAM_LEGACY);
    count(blocking, done);
    EXPECT_TRUE(stays_busy(blocking));
    EXPECT_EQ(0, done);
    gate.release();
    OK(cuStreamSynchronize(blocking));
    EXPECT_EQ(1, done);
}

TEST_F(Streams, WaitForEvents)
{
    CUstream a, b;
    CUevent event;
    OK(cuStreamCreate(&a, CU_STREAM_NON_BLOCKING));
    OK(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    OK(cuStreamWaitEvent(b, event, 0)); // never recorded: no wait
    OK(cuStreamSynchronize(b));
    Gate gate;
    std::atomic<int> done{0};
    gate.close(a);
    OK(cuEventRecord(event, a));
    OK(cuStreamWaitEvent(b, event, 0));
    count(b, done);
    EXPECT_TRUE(stays_busy(b));
    gate.release();
    OK(cuStreamSynchronize(b));
    EXPECT_EQ(1, done);
}

TEST_F(Streams, AsynchronousCopiesOfPinnedMemoryDoNotWait)
{
    CUstream stream;
    void *pinned;
    CUdeviceptr device;
    OK(cuStreamCreate(&stream, 0));
    OK(cuMemAllocHost(&pinned, 4));
    OK(cuMemAlloc(&device, 4));
    Gate gate;
    gate.close(stream);
    *static_cast<int *>(pinned) = 1;
    OK(cuMemcpyHtoDAsync(device, pinned, 4, stream));
    *static_cast<int *>(pinned) = 2; // seen by the copy, which has not run yet
    int small = 5;
    CUdeviceptr other;
    OK(cuMemAlloc(&other, 4));
    OK(cuMemcpyHtoDAsync(other, &small, 4, stream)); // pageable: taken at once
    small = 6;
    gate.release();
    OK(cuStreamSynchronize(stream));
    int got = 0;
    OK(cuMemcpyDtoH(&got, device, 4));
    EXPECT_EQ(2, got);
    OK(cuMemcpyDtoHAsync(&got, other, 4, stream)); // pageable: done when it returns
    EXPECT_EQ(5, got);
}

TEST_F(Streams, EachThreadHasItsOwn)
{
    Gate gate;
    gate.close(CU_STREAM_PER_THREAD);
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(CU_STREAM_PER_THREAD));
    std::thread([this] {
        EXPECT_EQ(CUDA_SUCCESS, cuCtxSetCurrent(context));
        EXPECT_EQ(CUDA_SUCCESS, cuStreamQuery(CU_STREAM_PER_THREAD));
    }).join();
    gate.release();
    OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
}

TEST_F(Streams, TellAboutThemselves)
{
    CUstream stream;
    int least, greatest, priority;
    unsigned flags;
    unsigned long long a, b;
    CUcontext owner;
    OK(cuCtxGetStreamPriorityRange(&least, &greatest));
    EXPECT_LT(greatest, least);
    OK(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, -100));
    OK(cuStreamGetPriority(stream, &priority));
    EXPECT_EQ(greatest, priority);
    OK(cuStreamGetFlags(stream, &flags));
    EXPECT_EQ(unsigned(CU_STREAM_NON_BLOCKING), flags);
    OK(cuStreamGetCtx(stream, &owner));
    EXPECT_EQ(context, owner);
    OK(cuStreamGetId(stream, &a));
    OK(cuStreamGetId(nullptr, &b));
    EXPECT_NE(a, b);
    CUstreamCaptureStatus status;
    OK(cuStreamIsCapturing(stream, &status));
    EXPECT_EQ(CU_STREAM_CAPTURE_STATUS_NONE, status);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&stream, 1234));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuStreamQuery(reinterpret_cast<CUstream>(&stream)));
}

TEST_F(Streams, ADestroyedStreamFinishesItsWork)
{
    CUstream stream;
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    Gate gate;
    std::atomic<int> done{0};
    gate.close(stream);
    count(stream, done);
    OK(cuStreamDestroy(stream));
    gate.release();
    OK(cuCtxSynchronize());
    EXPECT_EQ(1, done);
}

TEST_F(Streams, HostFunctionsMayNotCallTheDriver)
{
    CUresult result = CUDA_SUCCESS;
    OK(cuLaunchHostFunc(
        nullptr, [](void *it) { *static_cast<CUresult *>(it) = cuCtxSynchronize(); }, &result));
    OK(cuCtxSynchronize());
    EXPECT_EQ(CUDA_ERROR_NOT_PERMITTED, result);
}

TEST_F(Streams, ManyThreadsUseOne)
{
    CUstream stream;
    OK(cuStreamCreate(&stream, 0));
    std::atomic<int> done{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&] {
            EXPECT_EQ(CUDA_SUCCESS, cuCtxSetCurrent(context));
            for (int k = 0; k < 500; k++) {
                count(stream, done);
                if (k % 50 == 0) {
                    EXPECT_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
                }
            }
        });
    for (auto &thread : threads)
        thread.join();
    OK(cuStreamSynchronize(stream));
    EXPECT_EQ(2000, done);
}

} // namespace
