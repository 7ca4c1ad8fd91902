// SPDX-License-Identifier: Apache-2.0
// Captures of streams. The worker's driver makes the graph and judges what goes into it; what it
// cannot know is which of this process's threads calls, so that the rules about those are here.
// While a capture goes on, every call is answered, so that it has the code that CUDA gives it.
#pragma once

#include <cuda.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace vgpu::client
{

class Session;

class Captures
{
public:
    // Cheap, for the hot path.
    bool any() const noexcept { return active_.load(std::memory_order_relaxed) != 0; }

    void begun(CUstream origin, uint32_t word, CUstreamCaptureMode mode);
    void ended(CUstream origin);
    // Whether this thread may not end what began in that stream.
    bool is_anothers(CUstream origin);

    // Before a call that is not safe while somebody captures: what forbids it is spoiled by it.
    CUresult forbid_unsafe(Session &session) { return any() ? forbid(session) : CUDA_SUCCESS; }
    // Before one that waits for a stream.
    CUresult forbid_wait(Session &session, uint32_t word, CUstream stream);

    // Before one that waits for a context.
    CUresult forbid_context(Session &session, uint32_t word)
    {
        return any() ? forbid(session, word) : CUDA_SUCCESS;
    }

    // Whether the stream's work is captured now.
    CUresult ask(Session &session, uint32_t word, CUstream stream, bool &capturing);

    // The calling thread's.
    static CUstreamCaptureMode exchange_mode(CUstreamCaptureMode mode) noexcept;

private:
    CUresult forbid(Session &session, uint32_t word = 0);

    struct Capture {
        CUstream origin;
        uint32_t word;
        CUstreamCaptureMode mode;
        std::thread::id thread;
    };
    std::atomic<unsigned> active_{0}; // written under mutex_; partner: any() in every thread
    std::mutex mutex_;
    std::vector<Capture> captures_;
};

} // namespace vgpu::client
